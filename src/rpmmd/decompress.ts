import { Failure } from '../failure.ts';
import { type Compression, DECODER_MEMORY, decompress as decode } from '../platform/decompress.ts';
import type { Programs } from '../platform/programs.ts';

/** Magic bytes -> how the file is compressed. A file with none of them is not compressed. */
const MAGICS = [
  { kind: 'gzip', bytes: [0x1f, 0x8b] },
  { kind: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { kind: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { kind: 'bzip2', bytes: [0x42, 0x5a, 0x68] },
] as const;

/** How bytes that begin so are compressed; six of them are enough. */
export function compressionOf(start: Uint8Array): Compression {
  const match = MAGICS.find(({ bytes }) => bytes.every((byte, index) => start[index] === byte));
  return match?.kind ?? 'none';
}

/**
 * Decompressed metadata: gzip and, where Node has it, zstd by zlib, the others by the program of that name. The
 * first bytes of the file say how it is compressed, not its name.
 * Fails with `bad-repository` when the data is damaged, cut off or has more than `most` bytes, with
 * `missing-program` when the program for it is not installed. `origin` says what is read.
 */
export async function* decompress(
  body: AsyncIterable<Uint8Array>,
  programs: Programs,
  origin: string,
  most: number,
): AsyncGenerator<Uint8Array> {
  const { start, all } = await peek(body);
  const xz = { program: 'xz', args: ['-dc', `--memlimit-decompress=${DECODER_MEMORY}`] };
  const decoders = { programs, xz };
  const damaged = (why: string) =>
    new Failure('bad-repository', `${origin} cannot be unpacked: ${why}.`);
  let total = 0;
  for await (const chunk of decode(compressionOf(start), all, decoders, damaged)) {
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
