import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publish } from '../../../src/commands/publish.ts';
import { readOptions } from '../../../src/commands/values.ts';
import { undiciHttp } from '../../../src/download/http.ts';
import { asFailure } from '../../../src/failure.ts';
import type { Platform, WorkflowLog } from '../../../src/platform/platform.ts';
import { systemPrograms } from '../../../src/platform/programs.ts';
import { forgeClock } from '../../forge/clock.ts';
import { type GitServer, type GitServerOptions, startGitServer } from '../../git/git-server.ts';
import { checked, runCommand } from '../../schemas.ts';
import { MINIMUM_TYPES, putKernels } from './kernels.ts';

/** All that one test file needs: a folder, servers, and runs of the command with what they said. */
export interface PublishFixture {
  readonly root: string;
  /** The temporary folder of the runs. */
  readonly scratch: string;
  serve(options?: GitServerOptions): Promise<GitServer>;
  /** A folder with these kernels, as build leaves it. */
  output(built: readonly string[], failed?: readonly string[]): Promise<string>;
  run(
    options: Record<string, string | true | readonly string[]>,
    env?: Record<string, string>,
  ): Promise<Run>;
}

export interface Run {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it wherever they like
  readonly document: any;
  /** Everything that was said, on both streams. */
  readonly said: string;
}

export function openFixture(): PublishFixture {
  const root = mkdtempSync(join(tmpdir(), 'btfhub-test-'));
  const scratch = join(root, 'tmp');
  mkdirSync(scratch);
  const servers: GitServer[] = [];
  let outputs = 0;
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    rmSync(root, { recursive: true, force: true });
  });
  return {
    root,
    scratch,
    serve: async (options) => {
      const server = await startGitServer(root, options);
      servers.push(server);
      return server;
    },
    output: (built, failed) => {
      outputs += 1;
      return putKernels(join(root, `output-${outputs}`), built, failed);
    },
    run: (options, env) => runPublish(scratch, options, env),
  };
}

/** A workflow's log that keeps what the runner would interpret. */
function recordedLog(said: string[]): WorkflowLog {
  return {
    info: (line) => said.push(line),
    warning: (message) => said.push(message),
    error: (message) => said.push(message),
    startGroup: (title) => said.push(title),
    endGroup: () => {},
    mask: (secret) => said.push(`mask ${secret}\n`),
  };
}

async function runPublish(
  scratch: string,
  options: Record<string, string | true | readonly string[]>,
  env: Record<string, string> = {},
): Promise<Run> {
  const said: string[] = [];
  const output = { write: (text: string | Uint8Array) => said.push(String(text)) > 0 };
  const whole = {
    PATH: process.env.PATH ?? '',
    HOME: scratch,
    TMPDIR: scratch,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    ...env,
  };
  const platform: Platform = {
    env: whole,
    clock: forgeClock(1000),
    http: undiciHttp({}),
    programs: systemPrograms(whole),
    stdout: output,
    stderr: output,
    workflow: env.GITHUB_ACTIONS === 'true' ? recordedLog(said) : undefined,
    interrupted: new AbortController().signal,
  };
  const given = Object.fromEntries(
    Object.entries({ minimumTypes: `${MINIMUM_TYPES}`, ...options }).map(([name, value]) => [
      name,
      typeof value === 'string' ? [value] : value,
    ]),
  );
  try {
    const values = readOptions(publish.options, given, whole) as never;
    const outcome = await runCommand(publish, platform, values);
    const document = JSON.stringify(outcome.document);
    said.push(outcome.text, document, JSON.stringify(outcome.outputs), outcome.summary ?? '');
    return { status: outcome.status, document: JSON.parse(document), said: said.join('') };
  } catch (thrown) {
    const failure = asFailure(thrown);
    const text = `${failure.message} ${failure.advice ?? ''} ${failure.stack} ${JSON.stringify(failure)}`;
    checked('publish', { error: failure });
    return { status: 2, document: { error: failure }, said: [...said, text].join('') };
  }
}
