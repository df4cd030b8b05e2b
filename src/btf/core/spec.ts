import type { Relocation, RelocationKind } from '../btf-ext.ts';
import type { BtfArray, BtfType, Composite, TypeId } from '../format.ts';
import { fieldsAreCompatible, typesAreCompatible, typesMatch } from './compatible.ts';
import { essentialName, isComposite, isEnum, Refusal, type Types } from './types.ts';

/** One meaningful step of a way through types: a named member, an enumerator, or an element. */
export interface Step {
  /** The struct, union or enum that has it; for an element, the element's type. */
  readonly type: TypeId;
  readonly index: number;
  /** Absent for an element. */
  readonly name?: string;
}

/** A way from a root type to a field or enumerator; type relocations have no steps. */
export interface Spec {
  readonly types: Types;
  readonly root: TypeId;
  readonly steps: readonly Step[];
  readonly bitOffset: number;
}

export type Family = 'field' | 'type' | 'enumerator';

export function familyOf(kind: RelocationKind): Family {
  if (kind.startsWith('enumval')) return 'enumerator';
  return kind.includes('type') ? 'type' : 'field';
}

/** Deepest nesting that libbpf follows. */
const MOST_STEPS = 64;

/** The way that a relocation describes, in the object's own types (bpf_core_parse_spec). */
export function localSpec(types: Types, relocation: Relocation): Spec {
  const { type: root, access, kind } = relocation;
  const family = familyOf(kind);
  const positions = access.split(':').map(Number);
  if (!/^\d+(:\d+)*$/.test(access) || positions.length > MOST_STEPS) {
    throw new Refusal(`'${access}' is not a way to a field`);
  }
  if (family === 'type') {
    if (access !== '0') throw new Refusal(`'${access}' is not a way to a type`);
    return { types, root, steps: [], bitOffset: 0 };
  }
  const type = types.strip(root);
  const [first = 0, ...rest] = positions;
  if (family === 'enumerator') {
    const value = isEnum(type) && rest.length === 0 ? type.values[first] : undefined;
    if (value === undefined) throw new Refusal(`'${access}' is not a way to an enumerator`);
    return {
      types,
      root,
      steps: [{ type: type.id, index: first, name: value.name }],
      bitOffset: 0,
    };
  }
  return fieldSpec(types, root, type, first, rest);
}

function fieldSpec(
  types: Types,
  root: TypeId,
  start: BtfType,
  first: number,
  rest: readonly number[],
): Spec {
  const steps: Step[] = [{ type: start.id, index: first }];
  let bitOffset = first * types.sizeOf(start.id) * 8;
  let type = start;
  for (const index of rest) {
    if (isComposite(type)) {
      const member = type.members[index];
      if (member === undefined) throw new Refusal(`type ${type.id} has no member ${index}`);
      bitOffset += member.bitOffset;
      if (member.name !== '') steps.push({ type: type.id, index, name: member.name });
      type = types.strip(member.type);
    } else if (type.kind === 'ARRAY') {
      if (index >= type.length && !isFlexible(types, steps.at(-1), type)) {
        throw new Refusal(`type ${type.id} has no element ${index}`);
      }
      type = types.strip(type.type);
      steps.push({ type: type.id, index });
      bitOffset += index * types.sizeOf(type.id) * 8;
    } else {
      throw new Refusal(`type ${type.id} (${type.kind}) has no parts`);
    }
  }
  return { types, root, steps, bitOffset };
}

/** An array of no length at the end of a struct, which has as many elements as one likes. */
function isFlexible(types: Types, step: Step | undefined, array: BtfArray): boolean {
  if (step?.name === undefined || array.length > 0) return false;
  const owner = types.type(step.type);
  return isComposite(owner) && step.index === owner.members.length - 1;
}

/** How far a candidate goes along the local way, when it does not go all of it. */
export interface Mismatch {
  /** Number of steps of the local spec that it has. */
  readonly reached: number;
  readonly why: 'absent' | 'other-type' | 'too-short';
}

/** The same way in a type of the kernel (bpf_core_spec_match), or where it ends. */
export function matchSpec(
  local: Spec,
  kind: RelocationKind,
  target: Types,
  root: TypeId,
): Spec | Mismatch {
  const family = familyOf(kind);
  if (family === 'type') {
    const test = kind === 'type_matches' ? typesMatch : typesAreCompatible;
    const found = test(local.types, local.root, target, root);
    return found
      ? { types: target, root, steps: [], bitOffset: 0 }
      : { reached: 0, why: 'other-type' };
  }
  return family === 'enumerator'
    ? matchEnumerator(local, target, root)
    : matchField(local, target, root);
}

function matchEnumerator(local: Spec, target: Types, root: TypeId): Spec | Mismatch {
  const type = target.strip(root);
  const wanted = essentialName(local.steps[0]?.name ?? '');
  const names = isEnum(type) ? type.values.map(({ name }) => name) : [];
  const index = names.findIndex((name) => essentialName(name) === wanted);
  if (index < 0) return { reached: 0, why: 'absent' };
  const step: Step = { type: type.id, index, name: names[index] ?? '' };
  return { types: target, root, steps: [step], bitOffset: 0 };
}

function matchField(local: Spec, target: Types, root: TypeId): Spec | Mismatch {
  const steps: Step[] = [];
  let bitOffset = 0;
  let type = target.strip(root);
  for (const [reached, step] of local.steps.entries()) {
    if (step.name !== undefined) {
      const found = findMember(local.types, step, target, type, 0);
      if (typeof found === 'string') return { reached, why: found };
      steps.push(found.step);
      bitOffset += found.bitOffset;
      type = target.strip(found.type);
      continue;
    }
    if (reached > 0) {
      if (type.kind !== 'ARRAY') return { reached, why: 'other-type' };
      if (step.index >= type.length && !isFlexible(target, steps.at(-1), type)) {
        return { reached, why: 'too-short' };
      }
      type = target.strip(type.type);
    }
    steps.push({ type: type.id, index: step.index });
    bitOffset += step.index * target.sizeOf(type.id) * 8;
  }
  return { types: target, root, steps, bitOffset };
}

interface Found {
  readonly step: Step;
  /** From the beginning of the struct where the search began. */
  readonly bitOffset: number;
  readonly type: TypeId;
}

/** Looks for the member of that name, also in what is embedded without a name (bpf_core_match_member). */
function findMember(
  local: Types,
  wanted: Step,
  target: Types,
  owner: BtfType,
  depth: number,
): Found | 'absent' | 'other-type' {
  if (!isComposite(owner)) return 'absent';
  if (depth > MOST_STEPS) throw new Refusal('structs lie too deep in each other');
  for (const [index, member] of owner.members.entries()) {
    if (member.name === wanted.name) {
      const ours = (local.type(wanted.type) as Composite).members[wanted.index]?.type ?? 0;
      if (!fieldsAreCompatible(local, ours, target, member.type)) return 'other-type';
      const step: Step = { type: owner.id, index, name: member.name };
      return { step, bitOffset: member.bitOffset, type: member.type };
    }
    if (member.name !== '') continue;
    const inner = findMember(local, wanted, target, target.strip(member.type), depth + 1);
    if (inner === 'other-type') return inner;
    if (inner !== 'absent') return { ...inner, bitOffset: inner.bitOffset + member.bitOffset };
  }
  return 'absent';
}

/** The way as C would write it: `task_struct.parent.pid`, `cpu_topology[3].core`, `perf_type_id::PERF_TYPE_MAX`. */
export function describeSpec(spec: Spec, steps: readonly Step[] = spec.steps): string {
  const { kind, name } = spec.types.type(spec.root);
  const words: Partial<Record<BtfType['kind'], string>> = {
    ...{ STRUCT: 'struct ', UNION: 'union ', ENUM: 'enum ', ENUM64: 'enum ', FWD: 'struct ' },
  };
  const root = `${words[kind] ?? ''}${name}`;
  if (isEnum(spec.types.strip(spec.root)) && steps.length > 0) return `${root}::${steps[0]?.name}`;
  const ways = steps.map((step, position) => {
    if (step.name !== undefined) return `.${step.name}`;
    return position > 0 || step.index > 0 ? `[${step.index}]` : '';
  });
  return `${root}${ways.join('')}`;
}
