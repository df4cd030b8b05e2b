import { Failure } from '../failure.ts';
import { printable } from '../names.ts';
import type { ByteOrder } from './format.ts';

/** Bytes that are read when they are needed: a file of half a gigabyte stays on the disk. */
export interface ByteSource<Bytes extends Uint8Array = Buffer> {
  /** Its name in messages. */
  readonly name: string;
  readonly size: number;
  /** Exactly these bytes; the caller has compared them with `size`. */
  read(offset: number, length: number): Promise<Bytes>;
}

export interface Section {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  /** The number of a related section, as `type` has it. */
  readonly link: number;
  readonly info: number;
}

export interface Elf {
  readonly byteOrder: ByteOrder;
  /** `e_machine`: 62 is x86_64, 183 aarch64, 247 BPF. */
  readonly machine: number;
  readonly sections: readonly Section[];
}

/** A section without bytes in the file: what `strip --only-keep-debug` makes of those with content. */
export const SHT_NOBITS = 8;
const SHT_NULL = 0;
const SHN_XINDEX = 0xffff;
const HEADER_SIZE = 64;
const SECTION_SIZE = 64;
/** A kernel has about 80; one object per function a few thousand. */
const MAX_SECTIONS = 100_000;

export function bytesSource<Bytes extends Uint8Array>(
  name: string,
  bytes: Bytes,
): ByteSource<Bytes> {
  return {
    name,
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length) as Bytes,
  };
}

export async function isElf(source: ByteSource<Uint8Array>): Promise<boolean> {
  return source.size >= 4 && latin1(await source.read(0, 4)) === '\x7fELF';
}

/**
 * Reads the header and the table of sections of a 64-bit ELF file, either byte order (System V ABI,
 * chapter 4). Throws `bad-elf` for anything else, and where a table or section leaves the file.
 */
export async function readElf(source: ByteSource<Uint8Array>): Promise<Elf> {
  const bad = (what: string) => new Failure('bad-elf', `${source.name} ${what}.`);
  if (!(await isElf(source))) throw bad('is not an ELF file');
  if (source.size < HEADER_SIZE) throw bad('ends within its ELF header');
  const header = await source.read(0, HEADER_SIZE);
  if (header[4] === 1) throw bad('is a 32-bit ELF file, and only 64-bit ones are read');
  const order = header[5];
  if (header[4] !== 2 || (order !== 1 && order !== 2)) throw bad('has a broken ELF header');
  const byteOrder: ByteOrder = order === 1 ? 'little' : 'big';
  const fields = fieldsOf(header, byteOrder);

  const machine = fields.u16(18);
  const table = fields.u64(40);
  if (table === 0) return { byteOrder, machine, sections: [] };
  if (fields.u16(58) !== SECTION_SIZE) throw bad('has section headers of an unknown size');
  if (!within(source, table, SECTION_SIZE)) throw bad('has its section table outside of itself');
  // Numbers that do not fit into the header stand in the first section's header.
  const first = fieldsOf(await source.read(table, SECTION_SIZE), byteOrder);
  const count = fields.u16(60) === 0 ? first.u64(32) : fields.u16(60);
  const nameSection = fields.u16(62) === SHN_XINDEX ? first.u32(40) : fields.u16(62);
  if (count > MAX_SECTIONS) throw bad(`says it has ${count} sections, which is absurd`);
  if (!within(source, table, count * SECTION_SIZE)) {
    throw bad('has its section table outside of itself');
  }
  const entries = await source.read(table, count * SECTION_SIZE);
  const unnamed = Array.from({ length: count }, (_, index) =>
    readSection(fieldsOf(entries.subarray(index * SECTION_SIZE), byteOrder), index),
  );
  for (const section of unnamed) {
    const empty = section.type === SHT_NOBITS || section.type === SHT_NULL;
    if (!empty && !within(source, section.offset, section.size)) {
      throw bad(`has its section ${section.index} outside of itself`);
    }
  }
  const strings = unnamed[nameSection];
  if (strings === undefined) throw bad('has no names for its sections');
  const names = await readSectionBytes(source, strings, 16 * 1024 * 1024);
  const sections = unnamed.map(({ nameOffset, ...section }) => {
    const end = names.indexOf(0, nameOffset);
    if (nameOffset >= names.length || end < 0)
      throw bad(`has no name for section ${section.index}`);
    return { ...section, name: latin1(names.subarray(nameOffset, end)) };
  });
  return { byteOrder, machine, sections };
}

/** The section of that name which has bytes in the file, or undefined. */
export function findSection(elf: Elf, name: string): Section | undefined {
  const stored = (section: Section) =>
    section.name === name && section.type !== SHT_NOBITS && section.size > 0;
  return elf.sections.find(stored);
}

/** The bytes of a section; `bad-elf` when it is larger than `limit`. */
export async function readSectionBytes<Bytes extends Uint8Array>(
  source: ByteSource<Bytes>,
  section: Omit<Section, 'name'> & { readonly name?: string },
  limit: number,
): Promise<Bytes> {
  if (section.type === SHT_NOBITS || section.type === SHT_NULL) return source.read(0, 0);
  if (section.size > limit) {
    const which = printable(section.name ?? `${section.index}`);
    const sizes = `${section.size} bytes, and ${limit} is the most that is read`;
    throw new Failure('bad-elf', `Section ${which} of ${source.name} has ${sizes}.`);
  }
  return source.read(section.offset, section.size);
}

/** Where the DWARF to make BTF of begins (compressed by an old linker it has another name). */
function findDwarf(elf: Elf): Section | undefined {
  return findSection(elf, '.debug_info') ?? findSection(elf, '.zdebug_info');
}

/** Whether there is DWARF to make BTF of. */
export function hasDwarf(elf: Elf): boolean {
  return findDwarf(elf) !== undefined;
}

/** DWARF's `.debug_info`, whose size says how much work there is in a file. */
export interface DebugInfo {
  /** Bytes, once it is unpacked. */
  readonly size: number;
  /** A reader has to keep an unpacked copy. */
  readonly compressed: boolean;
}

const SHF_COMPRESSED = 0x800;

/** The size of the DWARF of a file, 0 where it has none. Throws `bad-elf`, and `not-found`. */
export async function debugInfoOf(source: ByteSource<Uint8Array>): Promise<DebugInfo> {
  const elf = await readElf(source);
  const section = findDwarf(elf);
  if (section === undefined) return { size: 0, compressed: false };
  const gnu = section.name === '.zdebug_info';
  if (!gnu && (section.flags & SHF_COMPRESSED) === 0) {
    return { size: section.size, compressed: false };
  }
  // Elf64_Chdr; before there was one, GNU's "ZLIB" and the size in network order.
  const header = await source.read(section.offset, Math.min(section.size, 16));
  if (header.length < 16) throw new Failure('bad-elf', `${source.name} has broken DWARF.`);
  const size = gnu ? fieldsOf(header, 'big').u64(4) : fieldsOf(header, elf.byteOrder).u64(8);
  return { size, compressed: true };
}

/** ELFCOMPRESS_ZSTD of the ELF specification. */
const COMPRESSED_BY_ZSTD = 2;
const COMPRESSION_HEADER_SIZE = 24;

/** A section that is compressed with zstd. */
export interface ZstdSection {
  readonly index: number;
  readonly name: string;
  /** Where the compressed bytes are in the file. */
  readonly offset: number;
  readonly packedSize: number;
  /** Bytes, once it is unpacked. */
  readonly size: number;
  /** Its alignment, once it is unpacked. */
  readonly alignment: number;
}

/** The sections that are compressed with zstd (Elf64_Chdr). Throws `bad-elf`. */
export async function zstdSectionsOf(source: ByteSource<Uint8Array>): Promise<ZstdSection[]> {
  const elf = await readElf(source);
  const found: ZstdSection[] = [];
  for (const { index, name, type, flags, offset, size } of elf.sections) {
    if ((flags & SHF_COMPRESSED) === 0 || type === SHT_NOBITS) continue;
    if (size < COMPRESSION_HEADER_SIZE) {
      throw new Failure('bad-elf', `${source.name} has broken compressed sections.`);
    }
    const header = fieldsOf(await source.read(offset, COMPRESSION_HEADER_SIZE), elf.byteOrder);
    if (header.u32(0) !== COMPRESSED_BY_ZSTD) continue;
    if (size === COMPRESSION_HEADER_SIZE) {
      throw new Failure(
        'bad-elf',
        `${source.name} has a compressed section without content: ${printable(name)}.`,
      );
    }
    found.push({
      index,
      name,
      offset: offset + COMPRESSION_HEADER_SIZE,
      packedSize: size - COMPRESSION_HEADER_SIZE,
      size: header.u64(8),
      alignment: header.u64(16),
    });
  }
  return found;
}

/** The file that holds the rest of the DWARF, as dwz names it. */
export interface Supplement {
  /** `../../../../.dwz/kernel-5.10.0-60.x86_64` */
  readonly path: string;
  /** Lower-case hex. */
  readonly buildId: string;
}

/** What `.gnu_debugaltlink` names: a path, and behind its zero byte a build ID. Undefined where the DWARF is complete. */
export async function supplementOf(
  source: ByteSource<Uint8Array>,
): Promise<Supplement | undefined> {
  const section = findSection(await readElf(source), '.gnu_debugaltlink');
  if (section === undefined) return undefined;
  const bytes = await readSectionBytes(source, section, 64 * 1024);
  const end = bytes.indexOf(0);
  if (end < 0) throw new Failure('bad-elf', `${source.name} has a broken .gnu_debugaltlink.`);
  const buildId = Array.from(bytes.subarray(end + 1), (byte) => byte.toString(16).padStart(2, '0'));
  return { path: latin1(bytes.subarray(0, end)), buildId: buildId.join('') };
}

const DW_TAG_PARTIAL_UNIT = 0x3c;
const DW_FORM_IMPLICIT_CONST = 0x21;
/** A kernel has 5 MB of it. */
const LARGEST_ABBREVIATIONS = 256 * 1024 * 1024;

/**
 * Whether the DWARF has units that others import, which only dwz makes: `.debug_abbrev` declares each tag that is used
 * (DWARF 5, 7.5.3). A section that is compressed is not searched.
 */
export async function hasPartialUnits(source: ByteSource<Uint8Array>): Promise<boolean> {
  const section = findSection(await readElf(source), '.debug_abbrev');
  if (section === undefined || (section.flags & SHF_COMPRESSED) !== 0) return false;
  const bytes = await readSectionBytes(source, section, LARGEST_ABBREVIATIONS);
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at++] ?? 0;
      if (shift < 28) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    if (number() === 0) continue;
    if (number() === DW_TAG_PARTIAL_UNIT) return true;
    at += 1;
    for (let more = true; more && at < bytes.length; ) {
      const [name, form] = [number(), number()];
      if (form === DW_FORM_IMPLICIT_CONST) number();
      more = name !== 0 || form !== 0;
    }
  }
  return false;
}

function readSection(fields: Fields, index: number) {
  return {
    index,
    nameOffset: fields.u32(0),
    type: fields.u32(4),
    flags: fields.u64(8),
    offset: fields.u64(24),
    size: fields.u64(32),
    link: fields.u32(40),
    info: fields.u32(44),
  };
}

function within(source: ByteSource<Uint8Array>, offset: number, length: number): boolean {
  return offset <= source.size && length <= source.size - offset;
}

type Fields = Record<'u16' | 'u32' | 'u64', (offset: number) => number>;

function fieldsOf(bytes: Uint8Array, byteOrder: ByteOrder): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = byteOrder === 'little';
  return {
    u16: (offset) => view.getUint16(offset, little),
    u32: (offset) => view.getUint32(offset, little),
    // Beyond 2^53 it loses digits, but is then beyond any file as well.
    u64: (offset) => Number(view.getBigUint64(offset, little)),
  };
}

/** Text of one byte a character; browsers have no Buffer to do it. */
function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}
