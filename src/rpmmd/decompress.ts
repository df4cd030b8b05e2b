import { pipeline, type Transform } from 'node:stream';
import zlib from 'node:zlib';
import { describe, Failure } from '../failure.ts';
import type { Programs } from '../world/programs.ts';

/** Magic bytes -> how the file is compressed. What has none of them is taken to be plain. */
const MAGICS = [
  { kind: 'gz', bytes: [0x1f, 0x8b] },
  { kind: 'zst', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { kind: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { kind: 'bz2', bytes: [0x42, 0x5a, 0x68] },
] as const;

export type Compression = (typeof MAGICS)[number]['kind'] | 'plain';

/** How bytes that begin so are compressed; six of them are enough. */
export function compressionOf(start: Uint8Array): Compression {
  const match = MAGICS.find(({ bytes }) => bytes.every((byte, index) => start[index] === byte));
  return match?.kind ?? 'plain';
}

const COMMANDS: Readonly<Record<'zst' | 'xz' | 'bz2', readonly [string, ...string[]]>> = {
  zst: ['zstd', '-dc', '--memory=512MB'],
  xz: ['xz', '-dc', '--memlimit-decompress=512MiB'],
  bz2: ['bzip2', '-dc'],
};

/**
 * Metadata as it was before it was compressed, whatever with: gzip and, where Node has it, zstd by
 * zlib, the rest by the program of that name. It is told by its first bytes, not by its name.
 * Fails with `bad-repository` when the data is damaged, cut off or has more than `most` bytes, with
 * `missing-program` when there is nothing to unpack it with. `origin` says what is read.
 */
export async function* decompress(
  body: AsyncIterable<Uint8Array>,
  programs: Programs,
  origin: string,
  most: number,
): AsyncGenerator<Uint8Array> {
  const { start, all } = await peek(body);
  let total = 0;
  for await (const chunk of unpack(compressionOf(start), all, programs, origin)) {
    total += chunk.byteLength;
    if (total > most) {
      throw new Failure(
        'bad-repository',
        `${origin} unpacks to more than the ${most} bytes it may have.`,
      );
    }
    yield chunk;
  }
}

async function* unpack(
  kind: Compression,
  body: AsyncIterable<Uint8Array>,
  programs: Programs,
  origin: string,
): AsyncGenerator<Uint8Array> {
  if (kind === 'plain') yield* body;
  else if (kind === 'gz') yield* byZlib(zlib.createGunzip(), body, origin);
  else {
    const inNode = kind === 'zst' ? zstdInNode() : undefined;
    if (inNode) yield* byZlib(inNode, body, origin);
    else yield* byProgram(COMMANDS[kind], body, programs, origin);
  }
}

/** Node has zstd from 22.15 on. */
function zstdInNode(): Transform | undefined {
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  return typeof create === 'function' ? (create() as Transform) : undefined;
}

async function* byZlib(
  engine: Transform,
  body: AsyncIterable<Uint8Array>,
  origin: string,
): AsyncGenerator<Uint8Array> {
  // An error of the body arrives here through the pipeline as well, and stays what it is.
  pipeline(body, engine, () => {});
  try {
    yield* engine as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw error instanceof Failure ? error : damaged(origin, describe(error));
  }
}

async function* byProgram(
  [program, ...args]: readonly [string, ...string[]],
  body: AsyncIterable<Uint8Array>,
  programs: Programs,
  origin: string,
): AsyncGenerator<Uint8Array> {
  const running = await programs.start({ program, args });
  let broken: unknown;
  pipeline(body, running.stdin, (error) => {
    if (error && !isBrokenPipe(error)) broken = error;
  });
  try {
    yield* running.stdout as AsyncIterable<Uint8Array>;
    const { status, stderr } = await running.ended;
    if (broken !== undefined) throw broken;
    if (status !== 0) throw damaged(origin, stderr.trim() || `${program} ended with ${status}`);
  } finally {
    running.kill();
  }
}

function isBrokenPipe(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function damaged(origin: string, why: string): Failure {
  return new Failure('bad-repository', `${origin} cannot be unpacked: ${why}.`);
}

/** The first six bytes or more of a stream, and the whole stream still. */
async function peek(
  body: AsyncIterable<Uint8Array>,
): Promise<{ start: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = body[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < 6) {
    const next = await iterator.next();
    if (next.done) break;
    first.push(next.value);
    length += next.value.byteLength;
  }
  async function* all() {
    try {
      yield* first;
      yield* { [Symbol.asyncIterator]: () => iterator };
    } finally {
      await iterator.return?.();
    }
  }
  return { start: Buffer.concat(first), all: all() };
}
