import type { RelocationKind } from '../btf-ext.ts';
import type { BtfMember, BtfType, TypeId } from '../format.ts';
import { type CoreSpec, familyOf } from './spec.ts';
import { isComposite, isEnum, RelocationError } from './types.ts';

/** The value of a relocation for one type. */
export interface RelocationValue {
  /** Unsigned, 64 bits. */
  readonly value: bigint;
  /** Whether the instruction must hold the value of the object's own type before relocation. */
  readonly validate: boolean;
  /** What a load or store at that offset accesses; absent where its size does not change. */
  readonly access?: { readonly size: number; readonly type: TypeId };
}

/** The value of a relocation, or undefined where it has none (bpf_core_calc_relo). */
export function evaluate(
  kind: RelocationKind,
  spec: CoreSpec | undefined,
): RelocationValue | undefined {
  switch (familyOf(kind)) {
    case 'field':
      if (kind === 'field_exists') return plain(spec === undefined ? 0 : 1);
      return spec === undefined ? undefined : fieldValue(kind, spec);
    case 'type':
      return typeValue(kind, spec);
    case 'enumerator':
      if (kind === 'enumval_exists') return plain(spec === undefined ? 0 : 1);
      return spec === undefined ? undefined : enumeratorValue(spec);
  }
}

function plain(value: number, validate = true): RelocationValue {
  return { value: BigInt(value), validate };
}

/** The size and the id of a type that is not found are 0; the program can ask for that. */
function typeValue(kind: RelocationKind, spec: CoreSpec | undefined): RelocationValue {
  if (spec === undefined) return plain(0);
  if (kind === 'type_size') return plain(spec.types.sizeOf(spec.root));
  // Linkers change type ids and do not change the instruction.
  if (kind === 'target_type_id') return plain(spec.root, false);
  return plain(1);
}

function enumeratorValue(spec: CoreSpec): RelocationValue {
  const [step] = spec.accessors;
  const type = spec.types.type(step?.type ?? 0);
  const value = isEnum(type) ? type.values[step?.index ?? 0]?.value : undefined;
  if (value === undefined) throw new RelocationError('an enumerator is not there');
  // libbpf reads 32-bit values as signed, also those of unsigned enums.
  const wide = typeof value === 'bigint' ? value : BigInt(value | 0);
  return { value: BigInt.asUintN(64, wide), validate: true };
}

function fieldValue(kind: RelocationKind, spec: CoreSpec): RelocationValue {
  const { types, bitOffset } = spec;
  const step = spec.accessors.at(-1);
  const owner = types.type(step?.type ?? 0);
  if (step?.name === undefined) {
    if (kind === 'byte_sz') return plain(types.sizeOf(owner.id));
    if (kind !== 'byte_off') throw new RelocationError(`an element of an array has no ${kind}`);
    return { ...plain(Math.floor(bitOffset / 8)), access: accessOf(spec, owner.id) };
  }
  const member = isComposite(owner) ? owner.members[step.index] : undefined;
  if (member === undefined) throw new RelocationError('a member is not there');
  const type = types.skipModifiers(member.type);
  const place = member.bitfieldSize > 0 ? bitFieldAccess(type, member, bitOffset) : undefined;
  const size = place?.size ?? types.sizeOf(type.id);
  const offset = place?.offset ?? Math.floor(bitOffset / 8);
  const bits = place === undefined ? size * 8 : member.bitfieldSize;
  // A compiler may load a bit-field with another offset and size.
  const validate = place === undefined;
  switch (kind) {
    case 'byte_off':
      return validate
        ? { ...plain(offset), access: accessOf(spec, type.id) }
        : plain(offset, validate);
    case 'byte_sz':
      return plain(size, validate);
    case 'signed':
      return plain(isSigned(type) ? 1 : 0);
    case 'lshift_u64': {
      const little = types.btf.byteOrder === 'little';
      const before = bitOffset - offset * 8;
      const shift = little ? 64 - (before + bits) : (8 - size) * 8 + before;
      return { value: BigInt.asUintN(64, BigInt(shift)), validate };
    }
    case 'rshift_u64':
      return { value: BigInt.asUintN(64, BigInt(64 - bits)), validate: true };
    default:
      throw new RelocationError(`a field has no ${kind}`);
  }
}

function accessOf({ types }: CoreSpec, type: TypeId): { size: number; type: TypeId } {
  return { size: types.sizeOf(types.arrayElement(type)), type };
}

/** The smallest aligned integer that holds the whole bit-field. */
function bitFieldAccess(type: BtfType, member: BtfMember, bitOffset: number) {
  let size = 'size' in type ? type.size : 0;
  if (size === 0)
    throw new RelocationError(`the bit-field '${member.name}' is of a type without a size`);
  const begin = () => Math.floor(Math.floor(bitOffset / 8) / size) * size;
  while (bitOffset + member.bitfieldSize - begin() * 8 > size * 8) {
    if (size >= 8)
      throw new RelocationError(`the bit-field '${member.name}' does not fit into 64 bits`);
    size *= 2;
  }
  return { size, offset: begin() };
}

function isSigned(type: BtfType): boolean {
  return isEnum(type) ? type.signed : type.kind === 'INT' && type.encoding === 'SIGNED';
}
