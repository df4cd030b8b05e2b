import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Failure, isSystemError } from '../failure.ts';
import { follow } from './follow.ts';
import { openOutlet } from './outlet.ts';

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

export interface Pouring {
  readonly stdin: Writable;
  readonly pid: number;
  /** Resolves when the program has ended and its output is closed; never rejects. */
  readonly ended: Promise<Ending>;
  kill(): void;
}

export interface Running extends Pouring {
  readonly stdout: Readable;
}

export interface Programs {
  /** Starts a program whose input and output are streams. Rejects with `missing-program`. */
  start(invocation: Invocation): Promise<Running>;
  /**
   * The same for much output: it is pushed as it comes, in views into a buffer that is used again. `push`
   * must not throw. `ended` resolves after the last of it. Rejects with `missing-program`.
   * @param file open for reading too, where the program writes by itself; `push` sees it a moment later. When it
   *   cannot be read, and only then, `ended` rejects
   */
  pour(invocation: Invocation, push: (bytes: Uint8Array) => void, file?: number): Promise<Pouring>;
  /**
   * Runs a program to its end with its whole standard output as bytes. `input` is what it gets, in one
   * piece or in several. Rejects with `missing-program`.
   */
  run(
    invocation: Invocation & { readonly input?: Uint8Array | string | readonly Uint8Array[] },
  ): Promise<Ending & { readonly stdout: Buffer }>;
  /** The absolute path of a program, or undefined where PATH has none. */
  find(program: string): string | undefined;
}

interface Begun {
  readonly child: ChildProcessByStdio<Writable, Readable | null, Readable>;
  readonly ended: Promise<Ending>;
  kill(): void;
}

const KEPT_OF_STDERR = 64 * 1024;

/** Real processes. `packages` says which package brings a program, for the message when it is missing. */
export function systemPrograms(
  env: Readonly<Record<string, string | undefined>>,
  packages: Readonly<Record<string, string>> = PACKAGES,
): Programs {
  /** @param outlet where standard output goes; then there is no `stdout` */
  const begin = (invocation: Invocation, outlet?: Socket | number): Promise<Begun> =>
    new Promise((resolve, reject) => {
      const { program, args, cwd, signal } = invocation;
      if (signal?.aborted) return reject(signal.reason);
      const child = spawn(program, [...args], {
        cwd,
        // The token is for git and the forge alone. Messages are read here. LANGUAGE goes before LC_ALL for all but the plain `C`.
        env: {
          ...env,
          BTFHUB_TOKEN: undefined,
          LC_ALL: 'C.UTF-8',
          LANGUAGE: '',
          ...invocation.env,
        },
        stdio: ['pipe', outlet ?? 'pipe', 'pipe'],
        detached: invocation.group ?? false,
      }) as Begun['child'];
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
      child.once('spawn', () => resolve({ child, ended, kill }));
    });

  const start = async (invocation: Invocation): Promise<Running> => {
    const { child, ended, kill } = await begin(invocation);
    const stdout = child.stdout as Readable;
    return { stdin: child.stdin, stdout, pid: child.pid as number, ended, kill };
  };

  return {
    start,
    pour: async (invocation, push, file) => {
      if (file !== undefined) {
        const { child, ended, kill } = await begin(invocation, file);
        const follower = follow(file, push);
        const all = ended.then((ending) => {
          follower.finish();
          return ending;
        });
        return { stdin: child.stdin, pid: child.pid as number, ended: all, kill };
      }
      const outlet = await openOutlet(push);
      try {
        const { child, ended, kill } = await begin(invocation, outlet.inlet);
        const all = Promise.all([ended, outlet.ended]).then(([ending]) => ending);
        return { stdin: child.stdin, pid: child.pid as number, ended: all, kill };
      } catch (error) {
        outlet.close();
        throw error;
      } finally {
        // The program has its own by now; the output ends when nobody holds this end any more.
        outlet.inlet.destroy();
      }
    },
    run: async (invocation) => {
      const running = await start(invocation);
      for (const piece of [invocation.input ?? []].flat()) running.stdin.write(piece);
      running.stdin.end();
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
  lz4: "'lz4'",
  lzop: "'lzop'",
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
