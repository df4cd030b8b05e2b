import { createHash } from 'node:crypto';
import { CpioParser, type Member } from '../../src/rpm/cpio.ts';
import { type PackageHead, readPackageHead } from '../../src/rpm/package.ts';
import type { Compressor } from '../../src/rpm/payload.ts';
import { run } from './programs.ts';

/** A stream of these bytes in chunks of a size. */
export async function* stream(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const DECODERS: Readonly<Record<Compressor, string[] | undefined>> = {
  none: undefined,
  gzip: ['gzip', '-dc'],
  bzip2: ['bzip2', '-dc'],
  lzma: ['xz', '--format=lzma', '-dc'],
  xz: ['xz', '-dc'],
  zstd: ['zstd', '-dcq'],
};

/** A package's payload, unpacked by the real program. */
export function unpack(compressor: Compressor, payload: Buffer): Buffer {
  const [program, ...args] = DECODERS[compressor] ?? [];
  return program === undefined ? payload : run(program, args, payload);
}

export interface ReadMember extends Member {
  readonly data: Buffer;
  readonly sha256: string;
}

/** All members of an archive, with their data, pushed in chunks of a size. */
export function readMembers(
  archive: Uint8Array,
  files: PackageHead['files'],
  chunkSize = 8192,
): ReadMember[] {
  const members: ReadMember[] = [];
  const parser = new CpioParser(files, (member) => {
    const chunks: Uint8Array[] = [];
    return {
      data: (bytes) => chunks.push(Buffer.from(bytes)),
      end: () => {
        const data = Buffer.concat(chunks);
        members.push({ ...member, data, sha256: createHash('sha256').update(data).digest('hex') });
      },
    };
  });
  for (let at = 0; at < archive.length; at += chunkSize) {
    parser.push(archive.subarray(at, at + chunkSize));
  }
  parser.finish();
  return members;
}

/** A package as a whole. */
export async function readPackage(bytes: Uint8Array) {
  const head = await readPackageHead(stream(bytes));
  const payload = await collect(head.body());
  const archive = unpack(head.payload.compressor, payload);
  return { head, archive, members: readMembers(archive, head.files) };
}
