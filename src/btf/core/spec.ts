import type { Relocation, RelocationKind } from '../btf-ext.ts';
import type { BtfArray, BtfType, Composite, TypeId } from '../format.ts';
import { fieldsAreCompatible, typesAreCompatible, typesMatch } from './compatible.ts';
import { essentialName, isComposite, isEnum, RelocationError, type TypeCache } from './types.ts';

/** One step from a type to a field (struct bpf_core_accessor): a named member, an enumerator, or an array element. */
export interface Accessor {
  /** The struct, union or enum that has it; for an element, the element's type. */
  readonly type: TypeId;
  readonly index: number;
  /** Absent for an element. */
  readonly name?: string;
}

/** The path from a root type to a field or enumerator (struct bpf_core_spec); empty for a type relocation. */
export interface CoreSpec {
  readonly types: TypeCache;
  readonly root: TypeId;
  readonly accessors: readonly Accessor[];
  readonly bitOffset: number;
}

export type RelocationFamily = 'field' | 'type' | 'enumerator';

export function familyOf(kind: RelocationKind): RelocationFamily {
  if (kind.startsWith('enumval')) return 'enumerator';
  return kind.includes('type') ? 'type' : 'field';
}

/** BPF_CORE_SPEC_MAX_LEN */
const MAX_SPEC_LENGTH = 64;

/** The path that a relocation describes, in the object's own types (bpf_core_parse_spec). */
export function localSpec(types: TypeCache, relocation: Relocation): CoreSpec {
  const { type: root, access, kind } = relocation;
  const family = familyOf(kind);
  const positions = access.split(':').map(Number);
  if (!/^\d+(:\d+)*$/.test(access) || positions.length > MAX_SPEC_LENGTH) {
    throw new RelocationError(`'${access}' is not the path of a field`);
  }
  if (family === 'type') {
    if (access !== '0') throw new RelocationError(`'${access}' is not the path of a type`);
    return { types, root, accessors: [], bitOffset: 0 };
  }
  const type = types.skipModifiers(root);
  const [first = 0, ...rest] = positions;
  if (family === 'enumerator') {
    const value = isEnum(type) && rest.length === 0 ? type.values[first] : undefined;
    if (value === undefined)
      throw new RelocationError(`'${access}' is not the path of an enumerator`);
    return {
      types,
      root,
      accessors: [{ type: type.id, index: first, name: value.name }],
      bitOffset: 0,
    };
  }
  return fieldSpec(types, root, type, first, rest);
}

function fieldSpec(
  types: TypeCache,
  root: TypeId,
  start: BtfType,
  first: number,
  rest: readonly number[],
): CoreSpec {
  const accessors: Accessor[] = [{ type: start.id, index: first }];
  let bitOffset = first * types.sizeOf(start.id) * 8;
  let type = start;
  for (const index of rest) {
    if (isComposite(type)) {
      const member = type.members[index];
      if (member === undefined) throw new RelocationError(`type ${type.id} has no member ${index}`);
      bitOffset += member.bitOffset;
      if (member.name !== '') accessors.push({ type: type.id, index, name: member.name });
      type = types.skipModifiers(member.type);
    } else if (type.kind === 'ARRAY') {
      if (index >= type.length && !isFlexible(types, accessors.at(-1), type)) {
        throw new RelocationError(`type ${type.id} has no element ${index}`);
      }
      type = types.skipModifiers(type.type);
      accessors.push({ type: type.id, index });
      bitOffset += index * types.sizeOf(type.id) * 8;
    } else {
      throw new RelocationError(`type ${type.id} (${type.kind}) has no parts`);
    }
  }
  return { types, root, accessors, bitOffset };
}

/** A flexible array: without a length, at the end of a struct. Any index is in it. */
function isFlexible(types: TypeCache, step: Accessor | undefined, array: BtfArray): boolean {
  if (step?.name === undefined || array.length > 0) return false;
  const owner = types.type(step.type);
  return isComposite(owner) && step.index === owner.members.length - 1;
}

/** Why a candidate does not have what the local spec asks for. */
export interface SpecMismatch {
  /** Number of accessors of the local spec that it has. */
  readonly reached: number;
  readonly why: 'absent' | 'other-type' | 'too-short';
  /** The candidate's own type in that place; absent where it has nothing there. */
  readonly found?: { readonly types: TypeCache; readonly type: TypeId };
}

/** The same path in a type of the kernel (bpf_core_spec_match), or where it ends. */
export function matchSpec(
  local: CoreSpec,
  kind: RelocationKind,
  target: TypeCache,
  root: TypeId,
): CoreSpec | SpecMismatch {
  const family = familyOf(kind);
  if (family === 'type') {
    const test = kind === 'type_matches' ? typesMatch : typesAreCompatible;
    const found = test(local.types, local.root, target, root);
    return found
      ? { types: target, root, accessors: [], bitOffset: 0 }
      : { reached: 0, why: 'other-type' };
  }
  return family === 'enumerator'
    ? matchEnumerator(local, target, root)
    : matchField(local, target, root);
}

function matchEnumerator(
  local: CoreSpec,
  target: TypeCache,
  root: TypeId,
): CoreSpec | SpecMismatch {
  const type = target.skipModifiers(root);
  const wanted = essentialName(local.accessors[0]?.name ?? '');
  const names = isEnum(type) ? type.values.map(({ name }) => name) : [];
  const index = names.findIndex((name) => essentialName(name) === wanted);
  if (index < 0) return { reached: 0, why: 'absent' };
  const step: Accessor = { type: type.id, index, name: names[index] ?? '' };
  return { types: target, root, accessors: [step], bitOffset: 0 };
}

function matchField(local: CoreSpec, target: TypeCache, root: TypeId): CoreSpec | SpecMismatch {
  const accessors: Accessor[] = [];
  let bitOffset = 0;
  let type = target.skipModifiers(root);
  for (const [reached, step] of local.accessors.entries()) {
    if (step.name !== undefined) {
      const found = findMember(local.types, step, target, type, 0);
      if (found === 'absent') return { reached, why: 'absent' };
      if ('otherType' in found) {
        return { reached, why: 'other-type', found: { types: target, type: found.otherType } };
      }
      accessors.push(found.step);
      bitOffset += found.bitOffset;
      type = target.skipModifiers(found.type);
      continue;
    }
    if (reached > 0) {
      const here = { types: target, type: type.id };
      if (type.kind !== 'ARRAY') return { reached, why: 'other-type', found: here };
      if (step.index >= type.length && !isFlexible(target, accessors.at(-1), type)) {
        return { reached, why: 'too-short', found: here };
      }
      type = target.skipModifiers(type.type);
    }
    accessors.push({ type: type.id, index: step.index });
    bitOffset += step.index * target.sizeOf(type.id) * 8;
  }
  return { types: target, root, accessors, bitOffset };
}

interface MatchedMember {
  readonly step: Accessor;
  /** From the beginning of the struct where the search began. */
  readonly bitOffset: number;
  readonly type: TypeId;
}

/** Finds the member of that name, also within members without a name (bpf_core_match_member). */
function findMember(
  local: TypeCache,
  wanted: Accessor,
  target: TypeCache,
  owner: BtfType,
  depth: number,
): MatchedMember | 'absent' | { readonly otherType: TypeId } {
  if (!isComposite(owner)) return 'absent';
  if (depth > MAX_SPEC_LENGTH) throw new RelocationError('structs are nested too deep');
  for (const [index, member] of owner.members.entries()) {
    if (member.name === wanted.name) {
      const ours = (local.type(wanted.type) as Composite).members[wanted.index]?.type ?? 0;
      if (!fieldsAreCompatible(local, ours, target, member.type)) {
        return { otherType: member.type };
      }
      const step: Accessor = { type: owner.id, index, name: member.name };
      return { step, bitOffset: member.bitOffset, type: member.type };
    }
    if (member.name !== '') continue;
    const inner = findMember(local, wanted, target, target.skipModifiers(member.type), depth + 1);
    if (inner === 'absent') continue;
    if ('otherType' in inner) return inner;
    return { ...inner, bitOffset: inner.bitOffset + member.bitOffset };
  }
  return 'absent';
}

/** The path as C would write it: `task_struct.parent.pid`, `cpu_topology[3].core`, `perf_type_id::PERF_TYPE_MAX`. */
export function describeSpec(
  spec: CoreSpec,
  accessors: readonly Accessor[] = spec.accessors,
): string {
  const { kind, name } = spec.types.type(spec.root);
  const words: Partial<Record<BtfType['kind'], string>> = {
    STRUCT: 'struct ',
    UNION: 'union ',
    ENUM: 'enum ',
    ENUM64: 'enum ',
    FWD: 'struct ',
  };
  const root = `${words[kind] ?? ''}${name}`;
  if (isEnum(spec.types.skipModifiers(spec.root)) && accessors.length > 0)
    return `${root}::${accessors[0]?.name}`;
  const path = accessors.map((step, position) => {
    if (step.name !== undefined) return `.${step.name}`;
    return position > 0 || step.index > 0 ? `[${step.index}]` : '';
  });
  return `${root}${path.join('')}`;
}
