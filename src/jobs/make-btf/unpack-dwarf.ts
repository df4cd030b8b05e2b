import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ZstdSection } from '../../btf/elf.ts';
import { Failure } from '../../failure.ts';
import { type Decoders, decompress } from '../../platform/decompress.ts';

const SECTION_SIZE = 64;
const SHF_COMPRESSED = 0x800;

/** Bytes that a file grows by when these sections are unpacked at its end. */
export function unpackedSize(sections: readonly ZstdSection[]): number {
  return sections.reduce((sum, { size, alignment }) => sum + size + alignment, 0);
}

/**
 * Unpacks sections of an ELF64 file that are compressed with zstd: appends the bytes to the file and changes the
 * sections' headers. libelf before 0.189, and later ones that were built without zstd, cannot read such sections.
 * Throws `bad-elf` for damaged ones, `missing-program`, and `no-space`.
 */
export async function unpackDwarf(
  path: string,
  sections: readonly ZstdSection[],
  decoders: Decoders,
): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { buffer: header } = await file.read(Buffer.alloc(64), 0, 64, 0);
    const isLittle = header[5] === 1;
    const table = Number(isLittle ? header.readBigUInt64LE(40) : header.readBigUInt64BE(40));
    let end = (await file.stat()).size;
    for (const section of sections) {
      const offset = aligned(end, section.alignment);
      end = offset + (await append(file, path, section, offset, decoders));
      const at = table + section.index * SECTION_SIZE;
      const { buffer: entry } = await file.read(Buffer.alloc(SECTION_SIZE), 0, SECTION_SIZE, at);
      const write = (value: number, field: number) =>
        isLittle
          ? entry.writeBigUInt64LE(BigInt(value), field)
          : entry.writeBigUInt64BE(BigInt(value), field);
      const flags = Number(isLittle ? entry.readBigUInt64LE(8) : entry.readBigUInt64BE(8));
      // Elf64_Shdr: sh_flags, sh_offset, sh_size, sh_addralign.
      write(flags - (flags & SHF_COMPRESSED), 8);
      write(offset, 24);
      write(section.size, 32);
      write(section.alignment, 48);
      await file.write(entry, 0, SECTION_SIZE, at);
    }
  } finally {
    await file.close();
  }
}

/** Gives the number of bytes that were written at `offset`. */
async function append(
  file: FileHandle,
  path: string,
  { name, offset: from, packedSize, size }: ZstdSection,
  offset: number,
  decoders: Decoders,
): Promise<number> {
  const damaged = (why: string) =>
    new Failure('bad-elf', `The section ${name} of ${path} cannot be unpacked: ${why}.`);
  const packed = createReadStream(path, { start: from, end: from + packedSize - 1 });
  let done = 0;
  for await (const bytes of decompress('zstd', packed, decoders, damaged)) {
    if (done + bytes.length > size) throw damaged(`it has more than the ${size} bytes it says`);
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offset + done + at);
      at += bytesWritten;
    }
    done += bytes.length;
  }
  if (done !== size) throw damaged(`it has ${done} of the ${size} bytes it says`);
  return size;
}

/** An alignment of 0 or 1 means none (System V ABI, chapter 4). */
function aligned(offset: number, alignment: number): number {
  return alignment > 1 ? Math.ceil(offset / alignment) * alignment : offset;
}
