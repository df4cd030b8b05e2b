import { pipeline, type Transform, type Writable } from 'node:stream';
import zlib from 'node:zlib';
import { describe, Failure, noSpace } from '../failure.ts';
import { printable } from '../names.ts';
import type { Ending, Invocation, Programs } from './programs.ts';

/** As RPM names the compressors of its payloads; lz4 and lzo are those of boot images. */
export type Compression = 'none' | 'gzip' | 'bzip2' | 'lzma' | 'xz' | 'zstd' | 'lz4' | 'lzo';

/**
 * Memory that a decoder may take, in bytes: what the largest preset of xz (-9) needs is 65 MiB, and 128 MiB is what zstd
 * allows by itself.
 */
export const DECODER_MEMORY = 128 * 1024 * 1024;

export type Decoder = Pick<Invocation, 'program' | 'args' | 'env'>;

export interface Decoders {
  readonly programs: Programs;
  /** How xz and lzma are decoded. Whether xz's own check is made, and what memory it may take, is up to the caller. */
  readonly xz: Decoder;
}

/** Bytes of the unpacked data. */
export interface ByteRange {
  /** How many bytes come before it. */
  readonly offset: number;
  readonly size: number;
}

/**
 * Decompresses a stream: gzip and, where Node has it, zstd by zlib, the rest by programs. Throws the error that
 * `damaged` makes for data that cannot be decoded or needs more memory than a decoder may take, `missing-program`, and
 * what the stream throws. Returning the iterator early ends the program and the stream.
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
 * Decodes a stream by programs of which the last writes into a file, so that the data does not pass through this process.
 * They may stop reading early. Errors as of `decompress`, and `no-space` when the file's disk is full.
 * @param file descriptor of the open file
 * @param folder for the pipes between the programs
 */
export async function decodeToFile(
  decoders: readonly Decoder[],
  body: AsyncIterable<Uint8Array>,
  programs: Programs,
  damaged: (why: string) => Failure,
  file: number,
  folder: string,
): Promise<void> {
  let broken: { readonly by: unknown } | undefined;
  const running = await programs.startPipeline(decoders, file, folder);
  void feed(body, running.stdin, (by) => {
    broken = { by };
    running.kill();
  });
  const endings = await running.ended;
  if (broken !== undefined) throw broken.by;
  // A program that the next one stopped by reading no more did nothing wrong.
  const failed = endings.findIndex(
    ({ status, signal }, index) =>
      status !== 0 && !(signal === 'SIGPIPE' && endings[index + 1]?.status === 0),
  );
  const [decoder, ending] = [decoders[failed], endings[failed]];
  if (decoder && ending) judge(decoder, ending, damaged);
}

/** The program that decodes it; undefined where Node does it by itself. */
function programFor(compression: Compression, xz: Decoder): Decoder | undefined {
  switch (compression) {
    case 'bzip2':
      return { program: 'bzip2', args: ['-dc'] };
    case 'xz':
    case 'lzma':
      return xz;
    case 'zstd':
      return zstdInNode() ? undefined : { program: 'zstd', args: ['-dc', '--memory=128MB'] };
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

/** The window is at most 128 MiB (2^27). */
function zstdInNode(): Transform | undefined {
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  if (typeof create !== 'function') return undefined;
  const windowLogMax: unknown = Reflect.get(zlib.constants, 'ZSTD_d_windowLogMax');
  return create({ params: { [windowLogMax as number]: 27 } }) as Transform;
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
  decoder: Decoder,
  body: AsyncIterable<Uint8Array>,
  programs: Programs,
  damaged: (why: string) => Failure,
): AsyncGenerator<Uint8Array> {
  const running = await programs.start(decoder);
  let broken: unknown;
  void feed(body, running.stdin, (error) => {
    broken = error;
    running.kill();
  });
  try {
    yield* running.stdout as AsyncIterable<Uint8Array>;
    const ending = await running.ended;
    if (broken !== undefined) throw broken;
    judge(decoder, ending, damaged);
  } finally {
    running.kill();
  }
}

function judge(
  { program }: Decoder,
  { status, signal, stderr }: Ending,
  damaged: (why: string) => Failure,
): void {
  if (status === 0) return;
  const said = stderr.trim().split('\n').map(printable);
  const full = said.find((line) => /No space left on device|File too large/.test(line));
  if (full !== undefined) throw noSpace(full);
  if (signal === 'SIGXFSZ') throw noSpace(`${program} met a limit of the size of files.`);
  if (said.some((line) => /memory (usage )?limit|too much memory/i.test(line))) {
    const most = DECODER_MEMORY / 1024 / 1024;
    throw damaged(`it needs more memory than the ${most} MiB that a decoder may take`);
  }
  throw damaged(said.at(-1) || `${program} ended with ${status ?? signal}`);
}

/** For a reader that works on a piece while it asks for the next one, when the memory of it may change. */
async function* copies(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) yield Buffer.from(bytes);
}

/** Writes each piece before it asks for the next one. `broken` gets the error that ends the body. */
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

/** Whether the program took it: the exit status of one that stopped reading says why. */
function written(stdin: Writable, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => stdin.write(bytes, (error) => resolve(!error)));
}
