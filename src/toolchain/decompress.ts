import { pipeline, type Transform } from 'node:stream';
import zlib from 'node:zlib';
import { describe, Failure } from '../failure.ts';
import { printable } from '../names.ts';
import type { Invocation, Programs } from '../world/programs.ts';
import { decodeCommand, type Xz } from './xz.ts';

/** As RPM names the compressors of its payloads. */
export type Compression = 'none' | 'gzip' | 'bzip2' | 'lzma' | 'xz' | 'zstd';

export interface Decoders {
  readonly programs: Programs;
  /** What decodes xz and lzma. */
  readonly xz: Pick<Xz, 'path'>;
}

/**
 * A stream as it was before it was compressed: gzip and, where Node has it, zstd by zlib, the rest
 * by programs. `damaged` makes the error for data that cannot be decoded; errors of the stream pass,
 * and a missing program is `missing-program`. Whoever stops early returns the iterator, which ends
 * the program and the stream.
 */
export async function* decompress(
  compression: Compression,
  body: AsyncIterable<Uint8Array>,
  { programs, xz }: Decoders,
  damaged: (why: string) => Failure,
): AsyncGenerator<Uint8Array> {
  switch (compression) {
    case 'none':
      return yield* body;
    case 'gzip':
      return yield* byZlib(zlib.createGunzip(), body, damaged);
    case 'bzip2':
      return yield* byProgram({ program: 'bzip2', args: ['-dc'] }, body, programs, damaged);
    case 'xz':
    case 'lzma':
      return yield* byProgram(decodeCommand(xz), body, programs, damaged);
    case 'zstd': {
      const engine = zstdInNode();
      if (engine) return yield* byZlib(engine, body, damaged);
      const zstd = { program: 'zstd', args: ['-dc', '--long=31'] };
      return yield* byProgram(zstd, body, programs, damaged);
    }
  }
}

/** Node has zstd from 22.15 on. The window is as large as rpm's own reader allows. */
function zstdInNode(): Transform | undefined {
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  if (typeof create !== 'function') return undefined;
  const windowLogMax: unknown = Reflect.get(zlib.constants, 'ZSTD_d_windowLogMax');
  return create({ params: { [windowLogMax as number]: 31 } }) as Transform;
}

async function* byZlib(
  engine: Transform,
  body: AsyncIterable<Uint8Array>,
  damaged: (why: string) => Failure,
): AsyncGenerator<Uint8Array> {
  // An error of the body arrives at the engine through the pipeline, and stays what it is.
  pipeline(body, engine, () => {});
  try {
    yield* engine as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw error instanceof Failure ? error : damaged(describe(error));
  }
}

async function* byProgram(
  invocation: Invocation,
  body: AsyncIterable<Uint8Array>,
  programs: Programs,
  damaged: (why: string) => Failure,
): AsyncGenerator<Uint8Array> {
  const running = await programs.start(invocation);
  let broken: unknown;
  pipeline(body, running.stdin, (error) => {
    if (!error || isBrokenPipe(error)) return;
    broken = error;
    running.kill();
  });
  try {
    yield* running.stdout as AsyncIterable<Uint8Array>;
    const { status, signal, stderr } = await running.ended;
    if (broken !== undefined) throw broken;
    if (status !== 0) {
      const said = printable(stderr.trim().split('\n').at(-1) ?? '');
      throw damaged(said || `${invocation.program} ended with ${status ?? signal}`);
    }
  } finally {
    running.kill();
  }
}

/** The program stopped reading: its exit status says why. */
function isBrokenPipe(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
