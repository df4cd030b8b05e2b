import { appendFileSync } from 'node:fs';
import { setOutput } from '@actions/core';
import type { Output } from '../platform/platform.ts';

export type HostName = 'github' | 'gitea' | 'atomgit' | 'jenkins' | 'gitee-go' | 'none';

/** What runs us, as far as it changes where we write. */
export interface Host {
  readonly name: HostName;
  /** Reads `::error::` and its siblings in the log, and has files for outputs and the summary. */
  readonly isActions: boolean;
  /** The page of this run, where the host tells enough to know it. */
  readonly runUrl: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** One line of the log that the host shows beside the run. */
export interface Annotation {
  /** What it is about: a kernel. */
  readonly title: string;
  readonly message: string;
}

/**
 * AtomGit Action speaks GitHub's protocol under names of its own. Called before anything else looks
 * at the environment, this gives each `ATOMGIT_<NAME>` the sibling `GITHUB_<NAME>` that everybody
 * knows; the token, which nobody here may find by accident, is left where it is.
 */
export function adoptAtomGit(env: NodeJS.ProcessEnv): void {
  if (env.ATOMGIT_ACTIONS !== 'true') return;
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('ATOMGIT_') || name === 'ATOMGIT_TOKEN') continue;
    env[name.replace('ATOMGIT_', 'GITHUB_')] ??= value;
  }
}

/** The host, by the variables that each one documents. */
export function findHost(env: Env): Host {
  const url = (run: string | undefined) =>
    env.GITHUB_SERVER_URL && env.GITHUB_REPOSITORY && run
      ? `${env.GITHUB_SERVER_URL}/${env.GITHUB_REPOSITORY}/actions/runs/${run}`
      : undefined;
  if (env.ATOMGIT_ACTIONS === 'true') {
    return { name: 'atomgit', isActions: true, runUrl: undefined };
  }
  if (env.GITEA_ACTIONS === 'true') {
    // Gitea counts runs by repository in its addresses; the id is the database's.
    return { name: 'gitea', isActions: true, runUrl: url(env.GITHUB_RUN_NUMBER) };
  }
  if (env.GITHUB_ACTIONS === 'true') {
    return { name: 'github', isActions: true, runUrl: url(env.GITHUB_RUN_ID) };
  }
  if (env.JENKINS_URL) {
    return { name: 'jenkins', isActions: false, runUrl: env.BUILD_URL || undefined };
  }
  if (env.GITEE_PIPELINE_NAME) {
    return { name: 'gitee-go', isActions: false, runUrl: undefined };
  }
  return { name: 'none', isActions: false, runUrl: undefined };
}

/**
 * Hands named values to the steps that follow: GitHub's output file or what stands for it; Gitee
 * Go's `GITEE_PARAMS`; and, on any host, the file that BTFHUB_OUTPUTS names. Files other than
 * GitHub's get `name=value` lines. Returns the names of those that the host would not take.
 */
export function writeOutputs(
  host: Host,
  env: Env,
  outputs: Readonly<Record<string, string>>,
): readonly string[] {
  const refused: string[] = [];
  const all = Object.entries(outputs);
  if (host.isActions && env.GITHUB_OUTPUT) {
    for (const [name, value] of all) {
      if (Buffer.byteLength(value) <= LARGEST_OUTPUT) setOutput(name, value);
      else refused.push(name);
    }
  }
  const file = env.BTFHUB_OUTPUTS || (host.name === 'gitee-go' ? 'GITEE_PARAMS' : undefined);
  if (file) {
    const lines = all.map(([name, value]) => `${name}=${value.replace(/[\r\n]+/g, ' ')}\n`);
    appendFileSync(file, lines.join(''));
  }
  return refused;
}

/** Adds Markdown to the page of the run; on any host, to the file that BTFHUB_SUMMARY names. */
export function writeSummary(host: Host, env: Env, markdown: string): void {
  if (host.isActions && env.GITHUB_STEP_SUMMARY) {
    appendFileSync(env.GITHUB_STEP_SUMMARY, `${fitting(markdown)}\n`);
  }
  if (env.BTFHUB_SUMMARY) appendFileSync(env.BTFHUB_SUMMARY, `${markdown}\n`);
}

/** An error annotation for each, on hosts that have them; the log of the others tells it anyhow. */
export function annotate(host: Host, output: Output, failures: readonly Annotation[]): void {
  if (!host.isActions) return;
  for (const { title, message } of failures) {
    output.write(`::error title=${escapeProperty(title)}::${escapeData(message)}\n`);
  }
}

/**
 * Has the host blot a secret out of its logs, each line of it. It goes where people read, not to
 * standard output as the toolkit's own does: that holds one JSON document.
 */
export function maskSecret(host: Host, output: Output, secret: string): void {
  if (!host.isActions) return;
  for (const line of secret.split(/[\r\n]+/).filter((one) => one.trim() !== '')) {
    output.write(`::add-mask::${escapeData(line)}\n`);
  }
}

const LARGEST_OUTPUT = 1_000_000; // bytes: a job whose outputs are larger than 1 MiB fails
const LARGEST_SUMMARY = 1024 * 1024; // bytes a step: a larger one is refused as a whole

function fitting(markdown: string): string {
  const bytes = Buffer.from(markdown);
  if (bytes.length < LARGEST_SUMMARY) return markdown;
  const notice = '\n\nThe rest does not fit here: the log and the report have all of it.\n';
  const kept = bytes.subarray(0, LARGEST_SUMMARY - notice.length - 1).toString('utf8');
  return `${kept.slice(0, kept.lastIndexOf('\n'))}${notice}`;
}

/** Data of a workflow command, as GitHub's runner reads it. */
function escapeData(text: string): string {
  return text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replace(/:/g, '%3A').replace(/,/g, '%2C');
}
