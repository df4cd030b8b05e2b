import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, rmSync, statSync } from 'node:fs';
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

/** Programs of which each reads what the one before writes. */
export interface Pipeline {
  /** Of the first program. */
  readonly stdin: Writable;
  /** Resolves when all have ended, in their order; never rejects. */
  readonly ended: Promise<readonly Ending[]>;
  kill(): void;
}

export interface Programs {
  /** Starts a program whose input and output are streams. Rejects with `missing-program`. */
  start(invocation: Invocation): Promise<Running>;
  /**
   * Starts programs that hand their data to each other without this process, and the last of them to a file.
   * Rejects with `missing-program`; then none of them runs.
   * @param output descriptor of the open file
   * @param folder where the pipes between them may have a name for a moment
   */
  startPipeline(
    invocations: readonly Invocation[],
    output: number,
    folder: string,
  ): Promise<Pipeline>;
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

interface Started {
  readonly child: ChildProcessByStdio<Writable | null, Readable | null, Readable>;
  readonly ended: Promise<Ending>;
  kill(): void;
}

/** Where a program's input and output are: streams of this process, or open files. */
interface Descriptors {
  readonly input: 'pipe' | number;
  readonly output: 'pipe' | number;
}
const STREAMS: Descriptors = { input: 'pipe', output: 'pipe' };

const KEPT_OF_STDERR = 64 * 1024;

/** Real processes. `packages` says which package brings a program, for the message when it is missing. */
export function systemPrograms(
  env: Readonly<Record<string, string | undefined>>,
  packages: Readonly<Record<string, string>> = PACKAGES,
): Programs {
  const begin = (invocation: Invocation, descriptors: Descriptors): Promise<Started> =>
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
        stdio: [descriptors.input, descriptors.output, 'pipe'],
        detached: invocation.group ?? false,
      }) as Started['child'];
      let stderr = Buffer.alloc(0);
      child.stderr.on('data', (chunk: Buffer) => {
        stderr = Buffer.concat([stderr, chunk]).subarray(-KEPT_OF_STDERR);
      });
      // A program that stops reading early is judged by its exit status, not by our broken pipe.
      child.stdin?.on('error', () => {});
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
    const { child, ended, kill } = await begin(invocation, STREAMS);
    const { stdin, stdout } = child as ChildProcessByStdio<Writable, Readable, Readable>;
    return { stdin, stdout, pid: child.pid as number, ended, kill };
  };

  return {
    start,
    startPipeline: async (invocations, output, folder) => {
      const [, ...later] = invocations;
      const pipes: Pipe[] = [];
      const started: Started[] = [];
      const kill = () => {
        for (const one of started) one.kill();
      };
      try {
        for (const index of later.keys()) {
          pipes.push(await openPipe(join(folder, `pipe-${index}`), begin));
        }
        for (const [index, invocation] of invocations.entries()) {
          const input = pipes[index - 1]?.reader ?? 'pipe';
          started.push(await begin(invocation, { input, output: pipes[index]?.writer ?? output }));
        }
      } catch (error) {
        kill();
        throw error;
      } finally {
        // The programs have their own by now: each reads to the end of what the one before it writes.
        for (const { reader, writer } of pipes) [reader, writer].forEach(closeSync);
      }
      const stdin = started[0]?.child.stdin as Writable;
      return { stdin, ended: Promise.all(started.map(({ ended }) => ended)), kill };
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

interface Pipe {
  readonly reader: number;
  readonly writer: number;
}

/** A pipe as the system has it: Node itself can only make sockets. Its name is gone when this returns. */
async function openPipe(
  path: string,
  begin: (invocation: Invocation, descriptors: Descriptors) => Promise<Started>,
): Promise<Pipe> {
  const made = await begin({ program: 'mkfifo', args: ['--mode=600', path] }, STREAMS);
  const { status, stderr } = await made.ended;
  if (status !== 0) throw new Error(`mkfifo ended with ${status}: ${stderr.trim()}`);
  // Opening one end waits for the other (fifo(7)), unless it is for reading and non-blocking.
  const opener = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const writer = openSync(path, constants.O_WRONLY);
    return { writer, reader: openSync(path, constants.O_RDONLY) };
  } finally {
    closeSync(opener);
    rmSync(path);
  }
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
