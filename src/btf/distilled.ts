import { Failure } from '../failure.ts';
import { printable } from '../names.ts';
import type { BtfType, TypeId } from './format.ts';
import type { Btf } from './reader.ts';
import { remapIds } from './remap.ts';
import { StringTable, writeSplit } from './write.ts';

/**
 * The BTF of a module that was built apart from its kernel, split from that kernel's BTF instead of its distilled base.
 * Such a base has the names of the kernel's types that the module uses, and sizes where these matter; each is looked
 * up in the kernel by the rules of libbpf (btf__relocate of btf_relocate.c): numbers and enums by name and size,
 * structs by name, and by size too where the module has one within its own or the kernel has several of the name.
 *
 * Throws `bad-btf` where the kernel has no such type, or more than one.
 * @param module its base is the distilled one
 */
export function rebaseOnKernel(module: Btf, kernel: Btf): Uint8Array {
  const { base } = module;
  if (base === undefined) throw new Failure('internal', 'The module has no distilled base.');
  const found = findInKernel(base, kernel, embeddedIn(module));
  const shift = kernel.lastId - base.lastId;
  const remap = (id: TypeId) => (id > base.lastId ? id + shift : (found.get(id) ?? 0));
  const own = Array.from(module.types(), (type) => remapIds(type, remap));
  return writeSplit(own, new StringTable(kernel), kernel.byteOrder);
}

/** The structs and unions of the base that lie within structs of the module: their size shapes those. */
function embeddedIn(module: Btf): ReadonlySet<TypeId> {
  const embedded = new Set<TypeId>();
  for (const type of module.types()) {
    if (type.kind !== 'STRUCT' && type.kind !== 'UNION') continue;
    for (const { type: id } of type.members) {
      const inner = skipToValue(module, id);
      if (inner < module.firstId) embedded.add(inner);
    }
  }
  return embedded;
}

/** The type whose bytes a member of this type has: behind modifiers, typedefs and arrays. */
function skipToValue(btf: Btf, start: TypeId): TypeId {
  let id = start;
  // No chain of sound BTF is longer than this.
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const type = btf.type(id);
    if (!isPassedOver(type)) return id;
    id = type.type;
  }
  throw new Failure('bad-btf', `Type ${start} leads in a circle.`);
}

const MOST_STEPS = 1000;
const PASSED_OVER = ['TYPEDEF', 'CONST', 'VOLATILE', 'RESTRICT', 'TYPE_TAG', 'ARRAY'] as const;
type PassedOver = Extract<BtfType, { readonly kind: (typeof PASSED_OVER)[number] }>;

function isPassedOver(type: BtfType): type is PassedOver {
  return (PASSED_OVER as readonly string[]).includes(type.kind);
}

function findInKernel(
  base: Btf,
  kernel: Btf,
  embedded: ReadonlySet<TypeId>,
): ReadonlyMap<TypeId, TypeId> {
  const wanted = new Map<string, BtfType[]>();
  for (const type of base.types()) wanted.set(type.name, [...(wanted.get(type.name) ?? []), type]);
  const candidates = new Map<string, BtfType[]>();
  for (let id = kernel.firstId; id <= kernel.lastId; id++) {
    const name = kernel.nameOf(id);
    if (name !== '' && wanted.has(name)) {
      candidates.set(name, [...(candidates.get(name) ?? []), kernel.type(id)]);
    }
  }
  const found = new Map<TypeId, TypeId>();
  for (const type of base.types()) {
    const named = candidates.get(type.name) ?? [];
    const several = named.filter(({ kind }) => kind === type.kind).length > 1;
    const needsSize = embedded.has(type.id) || several;
    const matching = named.filter((one) => matches(type, one, needsSize));
    const [match, another] = matching;
    if (match === undefined || another !== undefined) {
      const which = `${type.kind} '${printable(type.name)}'`;
      throw new Failure(
        'bad-btf',
        another === undefined
          ? `The kernel has no ${which} as the module's distilled base has it.`
          : `The kernel has several types that may be the ${which} of the module's distilled base.`,
      );
    }
    found.set(type.id, match.id);
  }
  return found;
}

function matches(distilled: BtfType, own: BtfType, needsSize: boolean): boolean {
  switch (distilled.kind) {
    case 'INT':
      return (
        own.kind === 'INT' && own.size === distilled.size && own.encoding === distilled.encoding
      );
    case 'FLOAT':
      return own.kind === 'FLOAT' && own.size === distilled.size;
    case 'ENUM':
      // The base has every enum as ENUM, without its values.
      return (own.kind === 'ENUM' || own.kind === 'ENUM64') && own.size === distilled.size;
    case 'STRUCT':
    case 'UNION':
      return own.kind === distilled.kind && (!needsSize || own.size === distilled.size);
    case 'FWD':
      if (own.kind === 'FWD') return own.fwdKind === distilled.fwdKind;
      return own.kind === (distilled.fwdKind === 'union' ? 'UNION' : 'STRUCT');
    default:
      return false;
  }
}
