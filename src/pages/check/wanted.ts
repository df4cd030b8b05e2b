import type { BpfObject } from '../../btf/core/object.ts';
import { familyOf, localSpec } from '../../btf/core/spec.ts';
import { essentialName, RelocationError } from '../../btf/core/types.ts';
import { attachTargetOf } from '../../btf/lookup/program-section.ts';
import type { Definition, MemberTree, Signature, TypeTree } from '../../explorer/definition.ts';

/** What an object asks a kernel for, by name. */
export interface WantedNames {
  /** Of types, functions and variables. */
  readonly names: ReadonlySet<string>;
  /** Of the members whose types the object looks into. */
  readonly members: ReadonlySet<string>;
  /** It asks whether whole types fit, to which the types behind pointers belong. */
  readonly comparesPointees: boolean;
}

const STRUCT_OPS_PREFIX = 'bpf_struct_ops_';

export function wantedNames(object: BpfObject): WantedNames {
  const names = new Set<string>();
  const members = new Set<string>();
  let comparesPointees = object.structOps.length > 0;
  const { types } = object;
  const want = (name: string) => {
    if (name !== '') names.add(essentialName(name));
  };
  for (const relocation of object.relocations) {
    want(types.type(relocation.type).name);
    for (const name of pathOf(object, relocation)) members.add(name);
    // All members count.
    if (familyOf(relocation.kind) === 'type') {
      comparesPointees = true;
      for (const type of types.btf.types()) {
        if ('members' in type) for (const { name } of type.members) members.add(name);
        want(type.name);
      }
    }
  }
  for (const { name } of object.code) {
    const target = attachTargetOf(name);
    if (target.kind === 'btf') names.add(`${target.prefix}${target.name}`);
  }
  for (const { name } of object.ksyms) {
    names.add(name);
    want(name);
  }
  for (const { type } of object.structOps) {
    const struct = types.type(type);
    want(struct.name);
    names.add(`${STRUCT_OPS_PREFIX}${essentialName(struct.name)}`);
    if ('members' in struct) for (const { name } of struct.members) members.add(name);
  }
  return { names, members, comparesPointees };
}

function pathOf(object: BpfObject, relocation: BpfObject['relocations'][0]): readonly string[] {
  try {
    return localSpec(object.types, relocation).accessors.flatMap(({ name }) => name ?? []);
  } catch (thrown) {
    // The relocation is refused on every kernel, whatever the kernel has.
    if (thrown instanceof RelocationError) return [];
    throw thrown;
  }
}

/** The names that a definition of a kernel leads to, where an object looks into it. */
export function namesBehind(definition: Definition, wanted: WantedNames): readonly string[] {
  switch (definition.kind) {
    case 'struct':
    case 'union':
      return behindMembers(definition.members, wanted);
    case 'enum':
      return [];
    // What these point to is compared by its kind.
    case 'typedef':
    case 'variable':
      return behindType(definition.type, comparing(wanted));
    case 'function':
      return behindSignature(definition, comparing(wanted));
  }
}

function comparing({ names, members }: WantedNames): WantedNames {
  return { names, members, comparesPointees: true };
}

function behindSignature({ returns, parameters }: Signature, wanted: WantedNames) {
  return [returns, ...parameters.map(({ type }) => type)].flatMap((type) =>
    behindType(type, wanted),
  );
}

function behindMembers(all: readonly MemberTree[], wanted: WantedNames): readonly string[] {
  return all
    .filter(({ name }) => name === '' || wanted.members.has(name))
    .flatMap(({ type }) => behindType(type, wanted));
}

function behindType(type: TypeTree, wanted: WantedNames): readonly string[] {
  switch (type.kind) {
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'array':
    case 'tag':
      return behindType(type.of, wanted);
    case 'pointer':
      return wanted.comparesPointees ? behindType(type.to, wanted) : [];
    case 'typedef':
      return [type.name, ...(type.of === undefined ? [] : behindType(type.of, wanted))];
    case 'named':
      return type.name === '' ? [] : [type.name];
    case 'struct':
    case 'union':
      return behindMembers(type.members, wanted);
    case 'function':
      return behindSignature(type, wanted);
    default:
      return [];
  }
}
