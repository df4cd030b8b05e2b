import { Failure } from '../failure.ts';
import { type ByteOrder, MAGIC, type TypeId } from './format.ts';
import type { Btf } from './reader.ts';

/** What a CO-RE relocation asks of the kernel: enum bpf_core_relo_kind of include/uapi/linux/bpf.h. */
export const RELOCATION_KINDS = [
  ...(['byte_off', 'byte_sz', 'field_exists', 'signed', 'lshift_u64', 'rshift_u64'] as const),
  ...(['local_type_id', 'target_type_id', 'type_exists', 'type_size'] as const),
  ...(['enumval_exists', 'enumval_value', 'type_matches'] as const),
] as const;

export type RelocationKind = (typeof RELOCATION_KINDS)[number];

/** One instruction of an eBPF program whose number depends on the kernel. */
export interface Relocation {
  /** The ELF section of the instruction. */
  readonly section: string;
  /** Its place among the relocations of that section: libbpf's `relo #<n>`. */
  readonly index: number;
  /** Where the instruction begins in the section, in bytes. */
  readonly offset: number;
  /** A type in the object's own BTF. */
  readonly type: TypeId;
  /** The way from the type to the field, as positions: `0:1:2`. */
  readonly access: string;
  readonly kind: RelocationKind;
}

/** The source line of an instruction, from clang's `-g`. */
export interface SourceLine {
  /** The ELF section of the instruction. */
  readonly section: string;
  /** Where the instruction begins in the section, in bytes. */
  readonly offset: number;
  /** As the compiler was given it: often an absolute path. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The text of the line; empty where the object does not hold it. */
  readonly text: string;
}

/** Bytes of the header up to and with the place of the line info, and of the CO-RE relocations. */
const [LINE_HEADER_SIZE, RELOCATION_HEADER_SIZE] = [24, 32];
/** Bytes of one record (struct bpf_line_info and struct bpf_core_relo of include/uapi/linux/bpf.h). */
const [LINE_SIZE, RELOCATION_SIZE] = [16, 16];
const SECTION_HEADER_SIZE = 8;

/**
 * Reads the CO-RE relocations in a `.BTF.ext` section (Documentation/bpf/btf.rst, ".BTF.ext
 * section"); its strings and types are those of `btf`. Throws `bad-btf`.
 */
export function readRelocations(bytes: Uint8Array, btf: Btf): readonly Relocation[] {
  const table = {
    what: 'CO-RE relocations',
    header: 24,
    headerSize: RELOCATION_HEADER_SIZE,
    recordSize: RELOCATION_SIZE,
  };
  return readTable(bytes, btf, table, (section, index, u32) => {
    const kind = RELOCATION_KINDS[u32(12)];
    if (kind === undefined) throw bad(`there is a relocation of the unknown kind ${u32(12)}`);
    const type = u32(4);
    if (!btf.has(type)) throw bad(`a relocation is of type ${type}, which is not there`);
    return { section, index, offset: u32(0), type, access: btf.string(u32(8)), kind };
  });
}

/** Reads the line info in a `.BTF.ext` section, in the order of the file. Throws `bad-btf`. */
export function readSourceLines(bytes: Uint8Array, btf: Btf): readonly SourceLine[] {
  const table = {
    what: 'line info',
    header: 16,
    headerSize: LINE_HEADER_SIZE,
    recordSize: LINE_SIZE,
  };
  return readTable(bytes, btf, table, (section, _, u32) => ({
    section,
    offset: u32(0),
    file: btf.string(u32(4)),
    line: u32(12) >>> 10,
    column: u32(12) & 0x3ff,
    text: btf.string(u32(8)),
  }));
}

interface Table {
  readonly what: string;
  /** Where the header has its offset and length, in bytes. */
  readonly header: number;
  /** Bytes of the shortest header that has them. */
  readonly headerSize: number;
  readonly recordSize: number;
}

/** One of the tables: the size of a record, then for each section its name, a count and the records. */
function readTable<Record>(
  bytes: Uint8Array,
  btf: Btf,
  { what, header, headerSize, recordSize: leastSize }: Table,
  read: (section: string, index: number, u32: (at: number) => number) => Record,
): Record[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = readOrder(view, btf.byteOrder);
  const u32 = (at: number) => view.getUint32(at, little);
  // Objects of older compilers have a shorter header, and none of what came later.
  if (u32(4) < headerSize || view.byteLength < headerSize) return [];
  const length = u32(header + 4);
  const start = u32(4) + u32(header);
  const end = start + length;
  if (length === 0) return [];
  if (end > view.byteLength || length < 4) throw bad(`its ${what} leave it`);
  const recordSize = u32(start);
  if (recordSize < leastSize) throw bad(`its records have ${recordSize} bytes`);

  const records: Record[] = [];
  for (let at = start + 4; at < end; ) {
    if (at + SECTION_HEADER_SIZE > end) throw bad('it is cut off');
    const section = btf.string(u32(at));
    const count = u32(at + 4);
    at += SECTION_HEADER_SIZE;
    if (at + count * recordSize > end) throw bad(`the ${what} of ${section} are cut off`);
    for (let index = 0; index < count; index++, at += recordSize) {
      const first = at;
      records.push(read(section, index, (offset) => u32(first + offset)));
    }
  }
  return records;
}

function readOrder(view: DataView, expected: ByteOrder): boolean {
  const little = expected === 'little';
  if (view.byteLength < 24) throw bad('it is too short');
  if (view.getUint16(0, little) !== MAGIC) throw bad('it does not begin with the magic number');
  if (view.getUint8(2) !== 1) throw bad(`it is of version ${view.getUint8(2)}`);
  return little;
}

function bad(what: string): Failure {
  return new Failure('bad-btf', `This is not a sound .BTF.ext section: ${what}.`);
}
