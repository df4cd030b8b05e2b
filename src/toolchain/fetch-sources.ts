import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, Failure } from '../failure.ts';
import { type CheckoutPlatform, GitCheckout, type Timeouts } from '../git/checkout.ts';
import { addressText } from '../names.ts';
import type { Part, Recipe } from './recipes.ts';
import { checkedCopy, type ToolSource } from './sources.ts';

/** The largest of the sources is about 2 MB at depth 1. */
export const TIMEOUTS: Timeouts = { silence: 15, attempt: 180 };

/**
 * Puts all parts of a recipe's source into `folder`, each from the first of its sources, in their
 * order, that delivers it.
 * Throws `network` when none does (what each one answered is in the message), `checksum-mismatch`
 * for a tarball, and what `interrupted` carries.
 */
export async function fetchSources(
  platform: CheckoutPlatform,
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
  platform: CheckoutPlatform,
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
  platform: CheckoutPlatform,
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

/** The name must be a commit's: of a tag's, git would take whatever it points to. */
async function checkOut(
  platform: CheckoutPlatform,
  url: string,
  commit: string,
  place: string,
  timeouts: Timeouts,
): Promise<void> {
  const checkout = await GitCheckout.init(platform, place, url, timeouts);
  await checkout.fetchCommit(commit);
  const type = await checkout.typeOf(commit);
  if (type === 'missing') throw new Error(`it does not have commit ${commit}`);
  if (type !== 'commit') throw new Error(`its ${commit} is a ${type}, not a commit`);
  await checkout.checkOut(commit);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
