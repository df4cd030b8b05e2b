import { essentialName, isComposite, isEnum, TypeCache } from './core/types.ts';
import type { BtfType, TypeId } from './format.ts';
import { Btf } from './reader.ts';
import { remapIds } from './remap.ts';
import { StringTable, writeSections, writeTypes } from './write.ts';

/** The BTF of a kernel module, split from that of its kernel. */
export interface ModuleBtf {
  /** As modprobe names it: `nf_conntrack`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A module that is not in the merged BTF, and the fields that libbpf could not have decided on. */
export interface ExcludedModule {
  readonly name: string;
  /** `<type>.<field>`, at most ten. */
  readonly fields: readonly string[];
}

export interface MergedBtf {
  readonly btf: Buffer;
  /** The modules in it, sorted by name. */
  readonly modules: readonly string[];
  readonly excluded: readonly ExcludedModule[];
}

/**
 * One BTF that holds a kernel and modules of it. The kernel's types come first, as they are; those of
 * each module follow with new ids, the modules sorted by name, so that the same input gives the same
 * bytes. Types that modules have twice stay twice: for a handful of modules that is 0.2 % of the bytes.
 *
 * A field that is at one place in the kernel and the modules before, and would be at two with a
 * module, is one that libbpf refuses to relocate; such a module is left out and named.
 *
 * The parts must have passed `checkBtf`, the modules with the kernel as their base. Throws `bad-btf`
 * where they do not fit each other, or hold a kind that is newer than this program.
 */
export function mergeModules(kernel: Uint8Array, modules: readonly ModuleBtf[]): MergedBtf {
  const base = new Btf(kernel);
  const candidates = new Candidates();
  candidates.add(base);
  const strings = new StringTable(base);
  const { types, typeBytes } = base.header;
  const parts: Uint8Array[] = [kernel.subarray(types, types + typeBytes)];
  const names: string[] = [];
  const excluded: ExcludedModule[] = [];
  let lastId = base.lastId;
  const sorted = modules.toSorted((one, two) => (one.name < two.name ? -1 : 1));
  for (const { name, bytes } of sorted) {
    const module = new Btf(bytes, base);
    const fields = candidates.ambiguousWith(module);
    if (fields.length > 0) {
      excluded.push({ name, fields: fields.slice(0, MAX_FIELDS) });
      continue;
    }
    candidates.add(module);
    const shift = lastId - base.lastId;
    const shifted = (id: TypeId) => (id > base.lastId ? id + shift : id);
    const own = Array.from(module.types(), (type) => remapIds(type, shifted));
    parts.push(writeTypes(own, strings, base.byteOrder));
    names.push(name);
    lastId += module.count;
  }
  const merged = writeSections(parts, strings, base.byteOrder);
  return { btf: Buffer.from(merged.buffer), modules: names, excluded };
}

const MAX_FIELDS = 10;

/** A type that libbpf may find for a name, in the BTF that it stands in. */
interface FieldCandidate {
  readonly types: TypeCache;
  readonly id: TypeId;
}

/**
 * The named types that CO-RE relocates against, by kind and name without flavour, as libbpf collects
 * them (bpf_core_find_cands of relo_core.c).
 */
class Candidates {
  readonly #byName = new Map<string, FieldCandidate[]>();

  add(btf: Btf): void {
    for (const { key, candidate } of candidatesOf(btf)) {
      const known = this.#byName.get(key);
      if (known === undefined) this.#byName.set(key, [candidate]);
      else known.push(candidate);
    }
  }

  /** The fields that all earlier types of a name agree on, and one in this BTF does not. */
  ambiguousWith(btf: Btf): readonly string[] {
    const fields = new Set<string>();
    for (const { key, name, candidate } of candidatesOf(btf)) {
      const known = this.#byName.get(key) ?? [];
      const differing = known.flatMap((one) => [...differences(one, candidate)]);
      if (differing.length === 0) continue;
      const already = new Set(
        known.flatMap((one, index) =>
          known.slice(index + 1).flatMap((other) => [...differences(one, other)]),
        ),
      );
      for (const field of differing) if (!already.has(field)) fields.add(`${name}${field}`);
    }
    return [...fields].sort();
  }
}

function* candidatesOf(btf: Btf) {
  const types = new TypeCache(btf);
  for (let id = btf.firstId; id <= btf.lastId; id++) {
    const kind = btf.kindOf(id);
    const isCandidate =
      kind === 'STRUCT' ||
      kind === 'UNION' ||
      kind === 'ENUM' ||
      kind === 'ENUM64' ||
      kind === 'TYPEDEF';
    const name = isCandidate ? essentialName(btf.nameOf(id)) : '';
    if (name === '') continue;
    // Enums of either width are candidates for each other.
    const key = `${kind === 'ENUM64' ? 'ENUM' : kind} ${name}`;
    yield { key, name, candidate: { types, id } };
  }
}

/**
 * What relocations of two types with the same name would give different values: `.field` and
 * `.field.inner` for places and sizes, `.ENUMERATOR` for values, the empty text for the size of the
 * type itself.
 */
function differences(one: FieldCandidate, other: FieldCandidate): ReadonlySet<string> {
  const found = new Set<string>();
  const left = one.types.skipModifiers(one.id);
  const right = other.types.skipModifiers(other.id);
  if (isEnum(left) && isEnum(right)) {
    const values = new Map<string, number | bigint>();
    for (const { name, value } of left.values) values.set(name, value);
    for (const { name, value } of right.values) {
      const known = values.get(name);
      if (known !== undefined && BigInt(known) !== BigInt(value)) found.add(`.${name}`);
    }
  }
  if (isComposite(left) && isComposite(right)) {
    compareComposites(
      { types: one.types, id: left.id },
      { types: other.types, id: right.id },
      '',
      found,
    );
  }
  return found;
}

function compareComposites(
  one: FieldCandidate,
  other: FieldCandidate,
  path: string,
  found: Set<string>,
): void {
  if (one.types === other.types && one.id === other.id) return;
  const [left, right] = [one.types.type(one.id), other.types.type(other.id)];
  if (!isComposite(left) || !isComposite(right)) return;
  if (left.size !== right.size) found.add(path);
  const fields = fieldsOf(one);
  for (const [name, theirs] of fieldsOf(other)) {
    const ours = fields.get(name);
    // Where a field has another kind of type, libbpf passes the candidate over.
    if (ours === undefined || ours.kind !== theirs.kind) continue;
    const place = `${path}.${name}`;
    if (ours.value !== theirs.value) found.add(place);
    else if (ours.inner !== undefined && theirs.inner !== undefined) {
      compareComposites(
        { types: one.types, id: ours.inner },
        { types: other.types, id: theirs.inner },
        place,
        found,
      );
    }
  }
}

interface Field {
  /** Which kind of local field it can be matched with. */
  readonly kind: string;
  /** All that a relocation of it may be asked for. */
  readonly value: string;
  /** The struct or union within it. */
  readonly inner: TypeId | undefined;
}

/** The fields that can be named in a struct or union: those of unnamed members are its own. */
function fieldsOf({ types, id }: FieldCandidate, bitOffset = 0): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  const composite = types.type(id);
  if (!isComposite(composite)) return fields;
  for (const member of composite.members) {
    const start = bitOffset + member.bitOffset;
    const type = types.skipModifiers(member.type);
    if (member.name === '') {
      for (const [name, field] of fieldsOf({ types, id: type.id }, start)) fields.set(name, field);
      continue;
    }
    const element = types.type(types.arrayElement(member.type));
    const isSigned = element.kind === 'INT' && element.encoding === 'SIGNED';
    const sizes = [sizeOf(types, type.id), sizeOf(types, element.id)];
    fields.set(member.name, {
      kind: `${type.kind === 'ARRAY' ? 'ARRAY of ' : ''}${matchedKind(element)}`,
      value: [start, member.bitfieldSize, ...sizes, isSigned].join(' '),
      inner: isComposite(element) ? element.id : undefined,
    });
  }
  return fields;
}

function sizeOf(types: TypeCache, id: TypeId): number | undefined {
  try {
    return types.sizeOf(id);
  } catch {
    // A field without a size, as a function has, cannot be asked for it.
    return undefined;
  }
}

/** Kinds that match each other have one name (bpf_core_fields_are_compat). */
function matchedKind(type: BtfType): string {
  return isComposite(type) ? 'STRUCT or UNION' : isEnum(type) ? 'ENUM' : type.kind;
}
