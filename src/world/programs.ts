import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Failure, isSystemError } from '../failure.ts';

export interface Invocation {
  /** A name looked up on PATH, or an absolute path. */
  readonly program: string;
  /** Arguments as they are: there is no shell anywhere. */
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to the environment of this process; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Kills it. */
  readonly signal?: AbortSignal;
  /** It starts others (git, cmake, apt): killing it kills them all. It has no terminal then. */
  readonly group?: boolean;
}

export interface Ending {
  /** The exit status, or null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 64 KiB of standard error. */
  readonly stderr: string;
}

export interface Running {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly pid: number;
  /** Resolves when the program has ended and its output is closed; never rejects. */
  readonly ended: Promise<Ending>;
  kill(): void;
}

export interface Programs {
  /** Starts a program whose input and output are streams. Rejects with `missing-program`. */
  start(invocation: Invocation): Promise<Running>;
  /** Runs a program to its end with its whole standard output as bytes. Rejects with `missing-program`. */
  run(
    invocation: Invocation & { readonly input?: Uint8Array | string },
  ): Promise<Ending & { readonly stdout: Buffer }>;
  /** The absolute path of a program, or undefined where PATH has none. */
  find(program: string): string | undefined;
}

const KEPT_OF_STDERR = 64 * 1024;

/** Real processes. `packages` says which package brings a program, for the message when it is missing. */
export function systemPrograms(
  env: Readonly<Record<string, string | undefined>>,
  packages: Readonly<Record<string, string>> = PACKAGES,
): Programs {
  const start = (invocation: Invocation): Promise<Running> =>
    new Promise((resolve, reject) => {
      const { program, args, cwd, signal } = invocation;
      if (signal?.aborted) return reject(signal.reason);
      const child = spawn(program, [...args], {
        cwd,
        env: { ...env, LC_ALL: 'C.UTF-8', ...invocation.env },
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: invocation.group ?? false,
      });
      let stderr = Buffer.alloc(0);
      child.stderr.on('data', (chunk: Buffer) => {
        stderr = Buffer.concat([stderr, chunk]).subarray(-KEPT_OF_STDERR);
      });
      // A program that stops reading early is judged by its exit status, not by our broken pipe.
      child.stdin.on('error', () => {});
      const kill = () => {
        if (invocation.group && child.pid !== undefined) killGroup(child.pid);
        else child.kill('SIGKILL');
      };
      signal?.addEventListener('abort', kill, { once: true });
      const ended = new Promise<Ending>((end) => {
        child.once('close', (status, endSignal) => {
          signal?.removeEventListener('abort', kill);
          end({ status, signal: endSignal, stderr: stderr.toString('utf8') });
        });
      });
      child.once('error', (error) => {
        signal?.removeEventListener('abort', kill);
        reject(isSystemError(error, 'ENOENT') ? missing(program, packages) : error);
      });
      child.once('spawn', () => {
        const { stdin, stdout, pid } = child;
        resolve({ stdin, stdout, pid: pid as number, ended, kill });
      });
    });

  return {
    start,
    run: async (invocation) => {
      const running = await start(invocation);
      running.stdin.end(invocation.input ?? '');
      const chunks: Buffer[] = [];
      for await (const chunk of running.stdout) chunks.push(chunk as Buffer);
      const ending = await running.ended;
      invocation.signal?.throwIfAborted();
      return { ...ending, stdout: Buffer.concat(chunks) };
    },
    find: (program) => {
      const folders = isAbsolute(program) ? [''] : (env.PATH ?? '').split(delimiter);
      return folders.map((folder) => join(folder, program)).find(isExecutable);
    },
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (!isSystemError(error, 'ESRCH')) throw error;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Program -> the package that brings it, where Debian's and openEuler's names agree or both are said. */
const PACKAGES: Readonly<Record<string, string>> = {
  xz: "'xz-utils' (apt) or 'xz' (dnf)",
  zstd: "'zstd'",
  bzip2: "'bzip2'",
  pahole: "'pahole' (apt) or 'dwarves' (dnf)",
  bpftool: "'bpftool'",
  git: "'git'",
  cmake: "'cmake'",
};

function missing(program: string, packages: Readonly<Record<string, string>>): Failure {
  const name = packages[program];
  return new Failure(
    'missing-program',
    `The program '${program}' is not installed.`,
    name ? `Install the package ${name}, or run 'btfhub setup'.` : `Install '${program}'.`,
  );
}
