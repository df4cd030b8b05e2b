import type { Arch } from '../names.ts';
import type { ByteOrder } from './format.ts';

/** `e_machine` of the ELF specification's supplements; readers of BTF do not mind it. */
const MACHINES: Readonly<Record<string, number>> = {
  x86_64: 62,
  aarch64: 183,
  riscv64: 243,
  loongarch64: 258,
  ppc64le: 21,
  s390x: 22,
};
const EM_NONE = 0;
const ET_EXEC = 2;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;
const HEADER_SIZE = 64;
const SECTION_SIZE = 64;
const NAMES = '.shstrtab';

/**
 * An ELF64 file with nothing but a `.BTF` section, in the byte order of the BTF in it. Where libbpf
 * looks for a vmlinux by itself, versions before 1.1 take no raw BTF (src/btf.c), and 22.03 has those.
 */
export function elfWithBtf(btf: Uint8Array, arch: Arch): Buffer {
  // The magic, 0xeb9f, in the order of all that follows (btf.rst).
  const order = btf[0] === 0x9f ? 'little' : 'big';
  const file: ElfFile = { machine: MACHINES[arch] ?? EM_NONE, type: ET_EXEC, order };
  return writeElf(file, [{ name: '.BTF', bytes: btf }]);
}

/** `e_machine`, `e_type` and the byte order of an ELF64 file. */
export interface ElfFile {
  readonly machine: number;
  readonly type: number;
  readonly order: ByteOrder;
}

/** An ELF64 file with these sections of bytes, and the one that holds their names. */
export function writeElf(
  elf: ElfFile,
  sections: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Buffer {
  const names = ['', ...sections.map(({ name }) => name), NAMES, ''].join('\0');
  const all = [
    ...sections.map((section) => ({ ...section, type: SHT_PROGBITS, alignment: 4 })),
    { name: NAMES, bytes: Buffer.from(names, 'latin1'), type: SHT_STRTAB, alignment: 1 },
  ];
  const parts: Uint8Array[] = [];
  const headers: Buffer[] = [Buffer.alloc(SECTION_SIZE)];
  let offset = HEADER_SIZE;
  for (const { name, bytes, type, alignment } of all) {
    const place = { offset, size: bytes.length, name: names.indexOf(`${name}\0`), type, alignment };
    headers.push(sectionHeader(place, elf.order));
    const room = Buffer.alloc(align(bytes.length) - bytes.length);
    parts.push(bytes, room);
    offset += bytes.length + room.length;
  }
  return Buffer.concat([fileHeader(elf, offset, headers.length), ...parts, ...headers]);
}

function align(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

/** Elf64_Ehdr; the last of the sections holds their names. */
function fileHeader({ machine, type, order }: ElfFile, table: number, sections: number): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE);
  const { half, word, long } = writers(bytes, order);
  bytes.write('\x7fELF', 0, 'latin1');
  bytes.set([2, order === 'little' ? 1 : 2, 1], 4);
  half(type, 16);
  half(machine, 18);
  word(1, 20);
  long(table, 40);
  half(HEADER_SIZE, 52);
  half(SECTION_SIZE, 58);
  half(sections, 60);
  half(sections - 1, 62);
  return bytes;
}

interface SectionPlace {
  /** Where its name begins in the table of names. */
  readonly name: number;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly alignment: number;
}

/** Elf64_Shdr */
function sectionHeader(section: SectionPlace, order: ByteOrder): Buffer {
  const bytes = Buffer.alloc(SECTION_SIZE);
  const { word, long } = writers(bytes, order);
  word(section.name, 0);
  word(section.type, 4);
  long(section.offset, 24);
  long(section.size, 32);
  long(section.alignment, 48);
  return bytes;
}

function writers(file: Buffer, order: ByteOrder) {
  const isLittle = order === 'little';
  return {
    half: (value: number, at: number) =>
      isLittle ? file.writeUInt16LE(value, at) : file.writeUInt16BE(value, at),
    word: (value: number, at: number) =>
      isLittle ? file.writeUInt32LE(value, at) : file.writeUInt32BE(value, at),
    long: (value: number, at: number) =>
      isLittle
        ? file.writeBigUInt64LE(BigInt(value), at)
        : file.writeBigUInt64BE(BigInt(value), at),
  };
}
