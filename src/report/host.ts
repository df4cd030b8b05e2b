import { appendFileSync } from 'node:fs';
import { setOutput, summary } from '@actions/core';

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
export async function writeSummary(host: Host, env: Env, markdown: string): Promise<void> {
  if (host.isActions && env.GITHUB_STEP_SUMMARY) {
    await summary.addRaw(cutToLimit(markdown), true).write();
  }
  if (env.BTFHUB_SUMMARY) appendFileSync(env.BTFHUB_SUMMARY, `${markdown}\n`);
}

const LARGEST_OUTPUT = 1_000_000; // bytes: a job whose outputs are larger than 1 MiB fails
const LARGEST_SUMMARY = 1024 * 1024; // bytes a step: GitHub refuses a larger one as a whole

function cutToLimit(markdown: string): string {
  const bytes = Buffer.from(markdown);
  if (bytes.length < LARGEST_SUMMARY) return markdown;
  const notice = '\n\nThe rest is larger than the host allows: see the log and the report.\n';
  const kept = bytes.subarray(0, LARGEST_SUMMARY - notice.length - 1).toString('utf8');
  return `${kept.slice(0, kept.lastIndexOf('\n'))}${notice}`;
}
