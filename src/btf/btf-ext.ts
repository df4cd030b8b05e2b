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

/** Bytes of the header up to and with the place of the CO-RE relocations. */
const HEADER_SIZE = 32;
const RECORD_SIZE = 16;
const SECTION_HEADER_SIZE = 8;

/**
 * Reads the CO-RE relocations in a `.BTF.ext` section (Documentation/bpf/btf.rst, ".BTF.ext
 * section"); its strings and types are those of `btf`. Throws `bad-btf`.
 */
export function readRelocations(bytes: Uint8Array, btf: Btf): readonly Relocation[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = readOrder(view, btf.byteOrder);
  const u32 = (at: number) => view.getUint32(at, little);
  const headerSize = u32(4);
  // Objects without CO-RE relocations may have the header that was current before there were any.
  if (headerSize < HEADER_SIZE || view.byteLength < HEADER_SIZE) return [];
  const length = u32(28);
  const start = headerSize + u32(24);
  const end = start + length;
  if (length === 0) return [];
  if (end > view.byteLength || length < 4) throw bad('its CO-RE relocations leave it');
  const recordSize = u32(start);
  if (recordSize < RECORD_SIZE) throw bad(`its records have ${recordSize} bytes`);

  const relocations: Relocation[] = [];
  for (let at = start + 4; at < end; ) {
    if (at + SECTION_HEADER_SIZE > end) throw bad('it is cut off');
    const section = btf.string(u32(at));
    const count = u32(at + 4);
    at += SECTION_HEADER_SIZE;
    if (at + count * recordSize > end) throw bad(`the relocations of ${section} are cut off`);
    for (let index = 0; index < count; index++, at += recordSize) {
      const kind = RELOCATION_KINDS[u32(at + 12)];
      if (kind === undefined)
        throw bad(`there is a relocation of the unknown kind ${u32(at + 12)}`);
      const type = u32(at + 4);
      if (!btf.has(type)) throw bad(`a relocation is of type ${type}, which is not there`);
      const access = btf.string(u32(at + 8));
      relocations.push({ section, index, offset: u32(at), type, access, kind });
    }
  }
  return relocations;
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
