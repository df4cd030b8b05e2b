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
import { essentialName, RelocationError, sameKind, TypeCache } from './types.ts';
import { evaluate, type RelocationValue } from './value.ts';

/** Why a relocation has no value on a kernel. */
export interface Unresolved {
  readonly why:
    | 'no-type' // no type of that name
    | 'no-field' // the type, but not the field
    | 'other-type' // the field is of a kind that does not fit
    | 'no-element' // the array is shorter
    | 'no-enumerator'
    | 'other-size' // the field is of a width that the instruction cannot be changed to
    | 'ambiguous' // types of that name disagree, so that libbpf refuses the object
    | 'refused'; // libbpf refuses the object for another reason
  /** What is asked for, as C would write it. */
  readonly what: string;
  /** More of it, for a person. */
  readonly detail: string;
}

/** What a relocation comes to on a kernel. */
export type Resolution =
  | {
      readonly status: 'value';
      readonly original: RelocationValue;
      readonly value: RelocationValue;
      readonly spec: CoreSpec;
    }
  /** libbpf makes the instruction one that no verifier lets pass, if it can be reached. */
  | { readonly status: 'poisoned'; readonly problem: Unresolved }
  /** libbpf does not load the object at all. */
  | { readonly status: 'refused'; readonly problem: Unresolved };

/** Kinds that have names and parts of interest; the many functions of a kernel are none. */
const CANDIDATE_KINDS: ReadonlySet<Kind> = new Set([
  ...(['INT', 'STRUCT', 'UNION', 'ENUM', 'ENUM64', 'FWD', 'TYPEDEF', 'FLOAT'] as const),
]);

/** A kernel's types as one object after another is resolved against them. */
export class KernelTypes {
  readonly types: TypeCache;
  readonly #byName = new Map<string, TypeId[]>();

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

  /** All types that may be what the object means by its type: of its name, without flavours, and kind. */
  candidates(local: BtfType): TypeId[] {
    const ids = this.#byName.get(essentialName(local.name)) ?? [];
    return ids.filter((id) => sameKind(local, this.types.type(id)));
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

const WHY = { absent: 'no-field', 'other-type': 'other-type', 'too-short': 'no-element' } as const;
const DETAIL = {
  ...{ 'no-field': 'no such member', 'other-type': 'of a kind that does not fit' },
  ...{ 'no-element': 'the array is shorter' },
} as const;

function missing(spec: CoreSpec, { kind }: Relocation, best: SpecMismatch | undefined): Unresolved {
  const what = describeSpec(spec);
  if (best === undefined) {
    return { why: 'no-type', what, detail: `there is no ${describeSpec(spec, [])}` };
  }
  if (kind === 'enumval_value') return { why: 'no-enumerator', what, detail: 'no such enumerator' };
  const why = WHY[best.why];
  const part: readonly Accessor[] = spec.accessors.slice(0, best.reached + 1);
  return { why, what, detail: `${describeSpec(spec, part)}: ${DETAIL[why]}` };
}
