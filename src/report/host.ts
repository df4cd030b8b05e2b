import { appendFileSync } from 'node:fs';
import { setOutput } from '@actions/core';
import type { Output } from '../platform/platform.ts';

export type HostName = 'github' | 'gitea' | 'atomgit' | 'jenkins' | 'gitee-go' | 'none';

/** The CI system that btfhub runs on, as far as it changes where btfhub writes. */
export interface Host {
  readonly name: HostName;
  /** Whether it reads workflow commands (`::error::`) in the log, and has files for outputs and the summary. */
  readonly isActions: boolean;
  /** The web page of this run; undefined where the host does not give it. */
  readonly runUrl: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** One error that the host shows on the page of the run. */
export interface Annotation {
  /** The kernel, file or repository with the error. */
  readonly title: string;
  readonly message: string;
}

/**
 * AtomGit Action implements GitHub's protocol with variables called `ATOMGIT_<NAME>`. This sets each
 * `GITHUB_<NAME>` that is not set, so it must run before other code reads the environment. The token is not
 * copied, so that no code uses it by accident.
 */
export function addGithubNamesOfAtomGit(env: NodeJS.ProcessEnv): void {
  if (env.ATOMGIT_ACTIONS !== 'true') return;
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('ATOMGIT_') || name === 'ATOMGIT_TOKEN') continue;
    env[name.replace('ATOMGIT_', 'GITHUB_')] ??= value;
  }
}

/** Detects the host by the environment variables that each one documents. */
export function findHost(env: Env): Host {
  const url = (run: string | undefined) =>
    env.GITHUB_SERVER_URL && env.GITHUB_REPOSITORY && run
      ? `${env.GITHUB_SERVER_URL}/${env.GITHUB_REPOSITORY}/actions/runs/${run}`
      : undefined;
  if (env.ATOMGIT_ACTIONS === 'true') {
    return { name: 'atomgit', isActions: true, runUrl: undefined };
  }
  if (env.GITEA_ACTIONS === 'true') {
    // Gitea's URLs contain the run's number in the repository, not its id in the database.
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
 * Sets outputs for the following steps: in GitHub's output file or its equivalent, in Gitee Go's
 * `GITEE_PARAMS`, and on any host in the file that BTFHUB_OUTPUTS names. Files other than GitHub's get
 * `name=value` lines. Returns the names of the outputs that are larger than the host allows.
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

/** Adds Markdown to the page of the run, and on any host to the file that BTFHUB_SUMMARY names. */
export function writeSummary(host: Host, env: Env, markdown: string): void {
  if (host.isActions && env.GITHUB_STEP_SUMMARY) {
    appendFileSync(env.GITHUB_STEP_SUMMARY, `${fitting(markdown)}\n`);
  }
  if (env.BTFHUB_SUMMARY) appendFileSync(env.BTFHUB_SUMMARY, `${markdown}\n`);
}

/** Writes an error annotation for each failure on hosts that have annotations. */
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
