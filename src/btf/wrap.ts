import type { Arch } from '../names.ts';

/** `e_machine` of the ELF specification's supplements; readers of BTF do not mind it. */
const MACHINES: Readonly<Record<string, number>> = {
  ...{ x86_64: 62, aarch64: 183, riscv64: 243, loongarch64: 258, ppc64le: 21, s390x: 22 },
};
const EM_NONE = 0;
const ET_EXEC = 2;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;
const HEADER_SIZE = 64;
const SECTION_SIZE = 64;
const NAMES = '\0.BTF\0.shstrtab\0';

interface Placed {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/**
 * An ELF64 file with nothing but a `.BTF` section, in the byte order of the BTF in it. Where libbpf
 * looks for a vmlinux by itself, versions before 1.1 take no raw BTF (src/btf.c), and 22.03 has those.
 */
export function wrapBtf(btf: Uint8Array, arch: Arch): Buffer {
  // The magic, 0xeb9f, in the order of all that follows (btf.rst).
  const isLittle = btf[0] === 0x9f;
  const data = { name: '.BTF', type: SHT_PROGBITS, offset: HEADER_SIZE, size: btf.length };
  const end = HEADER_SIZE + btf.length;
  const names = { name: '.shstrtab', type: SHT_STRTAB, offset: end, size: NAMES.length };
  const table = align(end + names.size);
  const file = Buffer.alloc(table + 3 * SECTION_SIZE);
  file.set(btf, data.offset);
  file.write(NAMES, names.offset, 'latin1');
  writeHeader(file, isLittle, MACHINES[arch] ?? EM_NONE, table);
  for (const [index, section] of [data, names].entries()) {
    writeSection(file, isLittle, table + (index + 1) * SECTION_SIZE, section);
  }
  return file;
}

function align(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

/** Elf64_Ehdr: three sections, the last of which holds the names. */
function writeHeader(file: Buffer, isLittle: boolean, machine: number, table: number): void {
  const { half, word, long } = writers(file, isLittle);
  file.write('\x7fELF', 0, 'latin1');
  file.set([2, isLittle ? 1 : 2, 1], 4);
  half(ET_EXEC, 16);
  half(machine, 18);
  word(1, 20);
  long(table, 40);
  half(HEADER_SIZE, 52);
  half(SECTION_SIZE, 58);
  half(3, 60);
  half(2, 62);
}

/** Elf64_Shdr */
function writeSection(file: Buffer, isLittle: boolean, at: number, section: Placed): void {
  const { word, long } = writers(file, isLittle);
  word(NAMES.indexOf(section.name), at);
  word(section.type, at + 4);
  long(section.offset, at + 24);
  long(section.size, at + 32);
  long(section.type === SHT_PROGBITS ? 4 : 1, at + 48);
}

function writers(file: Buffer, isLittle: boolean) {
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
