import type { Relocation } from '../btf-ext.ts';
import type { BtfType, Kind, TypeId } from '../format.ts';
import type { Btf } from '../reader.ts';
import {
  type Accessor,
  type CoreSpec,
  describeSpec,
  localSpec,
  matchSpec,
  type SpecMismatch,
} from './spec.ts';
import { typeName } from './type-name.ts';
import { essentialName, isComposite, RelocationError, sameKind, TypeCache } from './types.ts';
import { evaluate, type RelocationValue } from './value.ts';

/** Something that an object needs and a kernel does not have. */
export interface Unresolved {
  readonly why:
    | 'no-type' // no type of that name
    | 'no-field' // the type, but not the field
    | 'other-type' // the field is of a kind that does not fit
    | 'no-element' // the array is shorter
    | 'no-enumerator'
    | 'other-size' // the field is of a width that the instruction cannot be changed to
    | 'ambiguous' // types of that name disagree, so that libbpf refuses the object
    | 'no-attach-target' // no function, tracepoint, LSM hook or iterator of that name
    | 'no-ksym' // no kernel function or variable of that name
    | 'no-struct-ops' // the kernel does not have that struct_ops type, or not that member
    | 'refused'; // libbpf refuses the object for another reason
  /** What is asked for, as C would write it. */
  readonly what: string;
  /** One sentence for a person. */
  readonly detail: string;
  /** The C type that the object has for it; absent where a type does not matter. */
  readonly wanted?: string;
  /** The C type that the kernel has for it; absent where it has none. */
  readonly found?: string;
}

/** What libbpf makes of a relocation on a kernel. */
export type Resolution =
  | {
      readonly status: 'value';
      readonly original: RelocationValue;
      readonly value: RelocationValue;
      readonly spec: CoreSpec;
    }
  /** libbpf replaces the instruction by one that the verifier refuses, if the program reaches it. */
  | { readonly status: 'poisoned'; readonly problem: Unresolved }
  /** libbpf does not load the object at all. */
  | { readonly status: 'refused'; readonly problem: Unresolved };

/** Kinds that a relocation can ask for; a kernel's many functions are none of them. */
const CANDIDATE_KINDS: ReadonlySet<Kind> = new Set<Kind>([
  'INT',
  'STRUCT',
  'UNION',
  'ENUM',
  'ENUM64',
  'FWD',
  'TYPEDEF',
  'FLOAT',
]);

/** The types of one kernel, indexed by name. One instance serves any number of objects. */
export class KernelTypes {
  readonly types: TypeCache;
  /** By the name without flavours. */
  readonly #byName = new Map<string, TypeId[]>();
  readonly #byKind = new Map<Kind, ReadonlyMap<string, TypeId>>();

  constructor(btf: Btf) {
    this.types = new TypeCache(btf);
    for (let id = 1; id <= btf.count; id++) {
      if (!CANDIDATE_KINDS.has(btf.kindOf(id))) continue;
      const name = essentialName(btf.nameOf(id));
      const ids = this.#byName.get(name);
      if (ids) ids.push(id);
      else this.#byName.set(name, [id]);
    }
  }

  /** All types that may be what the object means by its type: of the same name, without flavours, and kind. */
  candidates(local: BtfType): TypeId[] {
    const ids = this.#byName.get(essentialName(local.name)) ?? [];
    return ids.filter((id) => sameKind(local, this.types.type(id)));
  }

  /** The first type of that kind with exactly that name (btf__find_by_name_kind). */
  find(name: string, kind: Kind): TypeId | undefined {
    const known = this.#byKind.get(kind);
    if (known !== undefined) return known.get(name);
    const { btf } = this.types;
    const ids = new Map<string, TypeId>();
    for (let id = btf.count; id > 0; id--) {
      if (btf.kindOf(id) === kind) ids.set(btf.nameOf(id), id);
    }
    this.#byKind.set(kind, ids);
    return ids.get(name);
  }
}

/**
 * Resolves the relocations of one object against one kernel as libbpf does it (relo_core.c and
 * libbpf.c, 1.1 to 1.7). In this order, for what one relocation rules out is not considered again
 * for the next ones of the same type.
 */
export function resolver(
  local: TypeCache,
  kernel: KernelTypes,
): (relocation: Relocation) => Resolution {
  const remaining = new Map<TypeId, TypeId[]>();
  const resolved = new Map<string, Resolution>();
  return (relocation) => {
    const key = `${relocation.kind} ${relocation.type} ${relocation.access}`;
    const known = resolved.get(key);
    if (known !== undefined) return known;
    const resolution = resolve(local, kernel, remaining, relocation);
    resolved.set(key, resolution);
    return resolution;
  };
}

function resolve(
  local: TypeCache,
  kernel: KernelTypes,
  remaining: Map<TypeId, TypeId[]>,
  relocation: Relocation,
): Resolution {
  const root = local.type(relocation.type);
  let what = root.name;
  try {
    const spec = localSpec(local, relocation);
    what = describeSpec(spec);
    if (relocation.kind === 'local_type_id') {
      const value = { value: BigInt(relocation.type), validate: false };
      return { status: 'value', original: value, value, spec };
    }
    if (root.name === '') throw new RelocationError('a type without a name cannot be looked for');
    const candidates = remaining.get(root.id) ?? kernel.candidates(root);
    remaining.set(root.id, candidates);
    const { matches, best } = matchAll(spec, relocation, kernel.types, candidates);
    if (matches.length > 0) {
      const ids = matches.map((match) => match.root);
      remaining.set(root.id, ids);
    }
    const original = evaluate(relocation.kind, spec);
    const [first] = matches;
    const value = evaluate(relocation.kind, first);
    const disagreement = first && disagree(relocation, first, matches);
    if (disagreement !== undefined) {
      return { status: 'refused', problem: { why: 'ambiguous', what, detail: disagreement } };
    }
    if (original === undefined || value === undefined) {
      return { status: 'poisoned', problem: missing(spec, relocation, best) };
    }
    return { status: 'value', original, value, spec };
  } catch (error) {
    if (!(error instanceof RelocationError)) throw error;
    return { status: 'refused', problem: { why: 'refused', what, detail: error.message } };
  }
}

/** Those of the candidates that have what is asked for, and how far the best of the others goes. */
function matchAll(
  spec: CoreSpec,
  { kind }: Relocation,
  target: TypeCache,
  candidates: readonly TypeId[],
) {
  const matches: CoreSpec[] = [];
  let best: SpecMismatch | undefined;
  for (const id of candidates) {
    const result = matchSpec(spec, kind, target, id);
    if ('root' in result) matches.push(result);
    else if (best === undefined || result.reached > best.reached) best = result;
  }
  return { matches, best };
}

/** Types of one name may differ, but not in what is asked of them. */
function disagree(
  { kind }: Relocation,
  first: CoreSpec,
  matches: readonly CoreSpec[],
): string | undefined {
  for (const other of matches) {
    if (other.bitOffset !== first.bitOffset) {
      const offsets = [first, other].map(({ bitOffset }) => bitOffset / 8).join(' and ');
      return `types ${first.root} and ${other.root} have it at ${offsets}`;
    }
    const values = [first, other].map((spec) => evaluate(kind, spec)?.value);
    if (values[0] !== values[1]) {
      return `types ${first.root} and ${other.root} make it ${values.join(' and ')}`;
    }
  }
  return undefined;
}

function missing(spec: CoreSpec, { kind }: Relocation, best: SpecMismatch | undefined): Unresolved {
  const what = describeSpec(spec);
  if (best === undefined) {
    return { why: 'no-type', what, detail: `there is no ${describeSpec(spec, [])}` };
  }
  if (kind === 'enumval_value') return { why: 'no-enumerator', what, detail: 'no such enumerator' };
  const part = describeSpec(spec, spec.accessors.slice(0, best.reached + 1));
  const wanted = wantedType(spec, best.reached);
  if (best.why === 'absent' || best.found === undefined) {
    return { why: 'no-field', what, detail: `${part}: no such member`, wanted };
  }
  const found = typeName(best.found.types, best.found.type);
  return best.why === 'too-short'
    ? { why: 'no-element', what, detail: `${part}: the array is shorter`, wanted, found }
    : { why: 'other-type', what, detail: `${part}: of a kind that does not fit`, wanted, found };
}

/** The object's own type of a member, or of the array whose element is asked for. */
function wantedType({ types, accessors, root }: CoreSpec, position: number): string {
  const accessor = accessors[position];
  const before = accessors[position - 1];
  const memberOf = ({ type, index }: Accessor): TypeId | undefined => {
    const owner = types.type(type);
    return isComposite(owner) ? owner.members[index]?.type : undefined;
  };
  if (accessor?.name !== undefined) return typeName(types, memberOf(accessor) ?? accessor.type);
  const array = before?.name === undefined ? before?.type : memberOf(before);
  return typeName(types, array ?? root);
}
