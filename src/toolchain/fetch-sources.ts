import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, Failure } from '../failure.ts';
import { addressText } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Part, Recipe } from './recipes.ts';
import { checkedCopy, type ToolSource } from './sources.ts';

/** How long a remote may stay silent, and how long one attempt may take in all, in seconds. */
export interface Timeouts {
  readonly silence: number;
  readonly attempt: number;
}

/** The largest of the sources is about 2 MB at depth 1. */
export const TIMEOUTS: Timeouts = { silence: 15, attempt: 180 };

type SourcesPlatform = Pick<Platform, 'programs' | 'clock' | 'interrupted'>;

/**
 * Puts all parts of a recipe's source into `folder`, each from the first of its sources, in their
 * order, that delivers it.
 * Throws `network` when none does (what each one answered is in the message), `checksum-mismatch`
 * for a tarball, and what `interrupted` carries.
 */
export async function fetchSources(
  platform: SourcesPlatform,
  recipe: Recipe,
  sources: readonly ToolSource[],
  folder: string,
  options: { readonly timeouts: Timeouts; readonly note: (message: string) => void },
): Promise<void> {
  for (const part of recipe.parts) {
    const place = join(folder, part.path);
    // A release tarball brings its submodules along.
    if (existsSync(join(place, 'src'))) continue;
    const fitting = sources.filter(({ repository }) => repository === part.repository);
    await fetchPart(platform, part, fitting, place, options);
  }
}

async function fetchPart(
  platform: SourcesPlatform,
  part: Part,
  sources: readonly ToolSource[],
  place: string,
  options: { readonly timeouts: Timeouts; readonly note: (message: string) => void },
): Promise<void> {
  const answers: string[] = [];
  for (const source of sources) {
    if (source.kind === 'tarball') return unpack(platform, source, place);
    try {
      return await checkOut(platform, source.url, part.commit, place, options.timeouts);
    } catch (error) {
      platform.interrupted.throwIfAborted();
      await rm(place, { recursive: true, force: true });
      answers.push(`${addressText(source.url)}: ${describe(error)}`);
      options.note(
        `${addressText(source.url)} did not deliver ${part.repository}: ${describe(error)}`,
      );
    }
  }
  throw new Failure(
    'network',
    `No remote delivers commit ${part.commit} of ${part.repository}. ${answers.join('; ')}.`,
    `Name a mirror or a tarball: --tool-source ${part.repository}=<URL or tarball@sha256:sum>.`,
  );
}

async function unpack(
  platform: SourcesPlatform,
  source: Extract<ToolSource, { kind: 'tarball' }>,
  place: string,
): Promise<void> {
  const copy = await checkedCopy(source, `${place}.tarball`);
  await mkdir(place, { recursive: true });
  const answer = await platform.programs.run({
    program: 'tar',
    args: ['--extract', '--file', copy, '--strip-components=1', '--no-same-owner'],
    cwd: place,
    signal: platform.interrupted,
  });
  await rm(`${place}.tarball`, { recursive: true, force: true });
  if (answer.status === 0) return;
  throw new Failure('not-found', `tar cannot unpack '${source.path}': ${lastLine(answer.stderr)}.`);
}

/**
 * One commit and nothing before it where the server hands out commits by name; else all that its
 * branches and tags reach. Where these point is no matter: git checks every object against its
 * name. The name must be a commit's: of a tag's, git would take whatever it points to.
 */
async function checkOut(
  platform: SourcesPlatform,
  url: string,
  commit: string,
  place: string,
  timeouts: Timeouts,
): Promise<void> {
  await mkdir(place, { recursive: true });
  const git = (...args: string[]) => runGit(platform, place, timeouts, args);
  await git('init', '--quiet');
  // No redirect leads from https to http.
  if (/^https:/i.test(url)) await git('config', 'protocol.http.allow', 'never');
  try {
    await git('fetch', '--quiet', '--depth=1', '--no-tags', url, commit);
  } catch (error) {
    if (!/unadvertised object|not our ref|allow.*sha1/i.test(describe(error))) throw error;
    await git('fetch', '--quiet', '--tags', url, '+refs/heads/*:refs/remotes/origin/*');
  }
  const kind = await kindOf(platform, place, timeouts, commit);
  if (kind === 'missing') throw new Error(`it does not have commit ${commit}`);
  if (kind !== 'commit') throw new Error(`its ${commit} is a ${kind}, not a commit`);
  await git('checkout', '--quiet', '--detach', commit);
}

/** `commit`, `tag`, ...; or `missing`. */
async function kindOf(
  platform: SourcesPlatform,
  place: string,
  timeouts: Timeouts,
  object: string,
): Promise<string | undefined> {
  const line = await runGit(platform, place, timeouts, ['cat-file', '--batch-check'], object);
  return line.trim().split(' ')[1];
}

async function runGit(
  platform: SourcesPlatform,
  place: string,
  timeouts: Timeouts,
  args: readonly string[],
  input = '',
): Promise<string> {
  const impatience = new AbortController();
  const late = new Error(`no answer within ${timeouts.attempt} seconds`);
  const signal = AbortSignal.any([platform.interrupted, impatience.signal]);
  const deadline = platform.clock
    .sleep(timeouts.attempt * 1000, signal)
    .then(() => impatience.abort(late))
    .catch(() => {});
  try {
    const answer = await platform.programs.run({
      program: 'git',
      args: [
        ...['-c', 'core.hooksPath=/dev/null', '-c', 'advice.detachedHead=false'],
        ...['-c', 'http.lowSpeedLimit=1000', '-c', `http.lowSpeedTime=${timeouts.silence}`],
        ...args,
      ],
      cwd: place,
      env: { GIT_TERMINAL_PROMPT: '0', GIT_DIR: undefined, GIT_WORK_TREE: undefined },
      signal,
      input,
      group: true,
    });
    if (answer.status !== 0) throw new Error(lastLine(answer.stderr));
    return answer.stdout.toString('utf8');
  } finally {
    impatience.abort();
    await deadline;
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
