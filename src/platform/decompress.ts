import { pipeline, type Transform, type Writable } from 'node:stream';
import zlib from 'node:zlib';
import { describe, Failure, noSpace } from '../failure.ts';
import { printable } from '../names.ts';
import { collectAfter } from './heap.ts';
import type { Ending, Invocation, Pouring, Programs } from './programs.ts';

/** As RPM names the compressors of its payloads; lz4 and lzo are those of boot images. */
export type Compression = 'none' | 'gzip' | 'bzip2' | 'lzma' | 'xz' | 'zstd' | 'lz4' | 'lzo';

export interface Decoders {
  readonly programs: Programs;
  /** How xz and lzma are decoded; whether with xz's own check is for the caller to say. */
  readonly xz: Decoding;
  /** The same where no more than a part of the output is to be written; undefined for an xz that cannot. */
  readonly xzPart?: ((part: OutputPart) => Decoding) | undefined;
}

type Decoding = Pick<Invocation, 'program' | 'args' | 'env'>;

/** Bytes that follow one another in what is unpacked. */
export interface OutputPart {
  /** How many bytes come before it. */
  readonly first: number;
  readonly size: number;
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
  const program = programFor(compression, xz);
  if (program !== undefined) return yield* byProgram(program, body, programs, damaged);
  const engine = compression === 'none' ? undefined : engineFor(compression);
  yield* engine === undefined ? body : byZlib(engine, body, damaged);
}

/**
 * The same for much output, as a package's payload is: pushed as it comes, in views (whoever keeps
 * bytes copies them). What `push` throws ends it and passes.
 */
export async function decompressInto(
  push: (bytes: Uint8Array) => void,
  compression: Compression,
  body: AsyncIterable<Uint8Array>,
  decoders: Decoders,
  damaged: (why: string) => Failure,
): Promise<void> {
  const program = programFor(compression, decoders.xz);
  if (program !== undefined) return decodeBy(program, push, body, decoders.programs, damaged);
  for await (const chunk of decompress(compression, body, decoders, damaged)) {
    push(chunk);
    collectAfter(chunk.length);
  }
}

/**
 * What writes a part of such a stream and nothing else; undefined where there is nothing that can.
 * Bytes that nobody wants cost least where they are made.
 */
export function partDecoder(compression: Compression, { xzPart }: Decoders): Decoders['xzPart'] {
  return compression === 'xz' || compression === 'lzma' ? xzPart : undefined;
}

/** The program that decodes it; undefined where Node does it by itself. */
function programFor(compression: Compression, xz: Invocation): Invocation | undefined {
  switch (compression) {
    case 'bzip2':
      return { program: 'bzip2', args: ['-dc'] };
    case 'xz':
    case 'lzma':
      return xz;
    case 'zstd':
      return zstdInNode() ? undefined : { program: 'zstd', args: ['-dc', '--long=31'] };
    case 'lz4':
      return { program: 'lz4', args: ['-dc'] };
    case 'lzo':
      return { program: 'lzop', args: ['-dc'] };
    case 'none':
    case 'gzip':
      return undefined;
  }
}

function engineFor(compression: Compression): Transform | undefined {
  return compression === 'zstd' ? zstdInNode() : zlib.createGunzip();
}

/** Whether Node decodes zstd itself, as it does from 22.15 on. */
export function nodeHasZstd(): boolean {
  return 'createZstdDecompress' in zlib;
}

/** The window is as large as rpm's own reader allows. */
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
  pipeline(copies(body), engine, () => {});
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
  void feed(body, running.stdin, (error) => {
    broken = error;
    running.kill();
  });
  try {
    yield* running.stdout as AsyncIterable<Uint8Array>;
    const ending = await running.ended;
    if (broken !== undefined) throw broken;
    judge(invocation, ending, damaged);
  } finally {
    running.kill();
  }
}

/**
 * The same by one program. No space left for what it writes is `no-space`.
 * @param file open, where it writes by itself; `push` sees it a moment later
 */
export async function decodeBy(
  invocation: Decoding,
  push: (bytes: Uint8Array) => void,
  body: AsyncIterable<Uint8Array>,
  programs: Programs,
  damaged: (why: string) => Failure,
  file?: number,
): Promise<void> {
  /** What went wrong on our side, first of all: it, and not the end of the program, is the reason. */
  let broken: { readonly by: unknown } | undefined;
  let running: Pouring | undefined;
  const breakOff = (by: unknown) => {
    broken ??= { by };
    running?.kill();
  };
  const guarded = (bytes: Uint8Array) => {
    if (broken !== undefined) return;
    try {
      push(bytes);
    } catch (error) {
      breakOff(error);
    }
  };
  running = await programs.pour(invocation, guarded, file);
  void feed(body, running.stdin, breakOff);
  const ending = await running.ended;
  if (broken !== undefined) throw broken.by;
  judge(invocation, ending, damaged);
}

function judge(
  { program }: Invocation,
  { status, signal, stderr }: Ending,
  damaged: (why: string) => Failure,
): void {
  if (status === 0) return;
  const said = printable(stderr.trim().split('\n').at(-1) ?? '');
  if (/No space left on device/.test(said)) throw noSpace(said);
  throw damaged(said || `${program} ended with ${status ?? signal}`);
}

/** For a reader that works on a piece while it asks for the next one, when the memory of it may change. */
async function* copies(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) yield Buffer.from(bytes);
}

/** Each piece is with the program before the next one is asked for. `broken` is told of what ends the body. */
async function feed(
  body: AsyncIterable<Uint8Array>,
  stdin: Writable,
  broken: (error: unknown) => void,
): Promise<void> {
  try {
    for await (const bytes of body) {
      if (!(await written(stdin, bytes))) return;
    }
    stdin.end();
  } catch (error) {
    broken(error);
  }
}

/** Whether the program took it: one that stopped reading says by its exit status why. */
function written(stdin: Writable, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => stdin.write(bytes, (error) => resolve(!error)));
}
