import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../../failure.ts';
import { type Decoders, decompress } from '../../platform/decompress.ts';
import { compressionOf } from '../../rpmmd/decompress.ts';

/** vmlinux with DWARF is packed to a quarter or less; what unpacks to more than this many times its size is no vmlinux. */
export const LARGEST_RATIO = 16;

/** Whether the file begins like a packed one (gzip, bzip2, xz, zstd). */
export async function isPacked(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0);
    return compressionOf(buffer.subarray(0, bytesRead)) !== 'none';
  } finally {
    await file.close();
  }
}

/**
 * Unpacks a vmlinux that its package holds packed (`vmlinux.xz`), in place. Throws `corrupt-package` when it is damaged
 * or unpacks to more than `most` bytes.
 */
export async function unpackVmlinux(
  path: string,
  decoders: Decoders,
  most: number,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(6), 0, 6, 0);
  await file.close();
  const hash = createHash('sha256');
  let size = 0;
  const damaged = (why: string) =>
    new Failure('corrupt-package', `The packed vmlinux cannot be unpacked: ${why}.`);
  const plain = `${path}.plain`;
  const chunks = decompress(compressionOf(buffer), createReadStream(path), decoders, damaged);
  await pipeline(
    chunks,
    async function* counted(source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        size += chunk.length;
        if (size > most) throw damaged(`it has more than ${most} bytes`);
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(plain),
  );
  await rename(plain, path);
  return { size, sha256: hash.digest('hex') };
}
