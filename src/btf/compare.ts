import { createHash } from 'node:crypto';
import type { BtfType, TypeId } from './format.ts';
import type { Btf } from './reader.ts';

/** What is compared by name. ENUM and ENUM64 are one: the width of the values is part of the definition. */
export const COMPARED = [
  'STRUCT',
  'UNION',
  'ENUM',
  'TYPEDEF',
  'FWD',
  'INT',
  'FLOAT',
  'FUNC',
  'VAR',
  'DECL_TAG',
] as const;
export type ComparedKind = (typeof COMPARED)[number];

/** What differs where both have the name. */
const ASPECT: Readonly<Record<ComparedKind, Aspect>> = {
  STRUCT: 'layout',
  UNION: 'layout',
  ENUM: 'enumerators',
  TYPEDEF: 'type',
  FWD: 'type',
  INT: 'layout',
  FLOAT: 'layout',
  FUNC: 'signature',
  VAR: 'type',
  DECL_TAG: 'type',
};
export type Aspect = 'layout' | 'enumerators' | 'signature' | 'type';

export interface Difference {
  readonly name: string;
  readonly aspect: Aspect;
  /** Lines of the definition that only one of the two has. */
  readonly onlyFirst: readonly string[];
  readonly onlySecond: readonly string[];
}

export interface KindComparison {
  readonly kind: ComparedKind;
  /** Number of names. */
  readonly first: number;
  readonly second: number;
  readonly equal: number;
  /** Sorted names. */
  readonly onlyFirst: readonly string[];
  readonly onlySecond: readonly string[];
  readonly different: readonly Difference[];
}

export interface Comparison {
  readonly equal: boolean;
  readonly kinds: readonly KindComparison[];
}

/**
 * Compares two BTF definition by definition. A definition is known by its kind and name; what it refers
 * to is compared by name, and types without a name by what is in them. A name with several definitions
 * (kernels have some) is equal when both have the same set of them. Ids, order, the linkage of functions
 * and DATASEC do not count. Both must have passed `checkBtf`.
 */
export function compareBtf(first: Btf, second: Btf): Comparison {
  const [one, two] = [definitions(first), definitions(second)];
  const kinds = COMPARED.map((kind) => compareKind(kind, one[kind], two[kind]));
  const equal = kinds.every(
    ({ onlyFirst, onlySecond, different }) =>
      onlyFirst.length + onlySecond.length + different.length === 0,
  );
  return { equal, kinds };
}

/** Name -> the definitions of that name, each as its lines, by their digest. */
type Definitions = Map<string, Map<string, readonly string[]>>;

function compareKind(kind: ComparedKind, one: Definitions, two: Definitions): KindComparison {
  const onlyFirst = [...one.keys()].filter((name) => !two.has(name)).sort();
  const onlySecond = [...two.keys()].filter((name) => !one.has(name)).sort();
  const different: Difference[] = [];
  let equal = 0;
  for (const [name, left] of one) {
    const right = two.get(name);
    if (right === undefined) continue;
    const same = left.size === right.size && [...left.keys()].every((digest) => right.has(digest));
    if (same) equal += 1;
    else different.push(differenceOf(kind, name, left, right));
  }
  different.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { kind, first: one.size, second: two.size, equal, onlyFirst, onlySecond, different };
}

function differenceOf(
  kind: ComparedKind,
  name: string,
  left: ReadonlyMap<string, readonly string[]>,
  right: ReadonlyMap<string, readonly string[]>,
): Difference {
  const lines = (one: typeof left, other: typeof left) =>
    [...one].filter(([digest]) => !other.has(digest)).flatMap(([, text]) => text);
  const [only, others] = [lines(left, right), lines(right, left)];
  const without = (some: readonly string[], all: readonly string[]) => {
    const known = new Set(all);
    return some.filter((line) => !known.has(line));
  };
  return {
    name,
    aspect: ASPECT[kind],
    onlyFirst: without(only, others),
    onlySecond: without(others, only),
  };
}

function definitions(btf: Btf): Readonly<Record<ComparedKind, Definitions>> {
  const all = Object.fromEntries(
    COMPARED.map((kind) => [kind, new Map() as Definitions]),
  ) as Record<ComparedKind, Definitions>;
  const text = new TypeText(btf);
  for (const type of btf.types()) {
    const kind = type.kind === 'ENUM64' ? 'ENUM' : type.kind;
    if (type.name === '' || !isCompared(kind)) continue;
    const lines = text.lines(type);
    const digest = digestOf(lines.join('\n'));
    const named = all[kind].get(type.name);
    if (named === undefined) all[kind].set(type.name, new Map([[digest, lines]]));
    else named.set(digest, lines);
  }
  return all;
}

function isCompared(kind: string): kind is ComparedKind {
  return (COMPARED as readonly string[]).includes(kind);
}

/** The text of a type without a name that is longer is replaced by its digest. */
const LONGEST_TEXT = 400;

function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('base64');
}

/** Types as text, in C's words; equal text means an equal definition. */
class TypeText {
  readonly #btf: Btf;
  readonly #references: (string | undefined)[] = [];

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** What a type is, without its name: a line for each of its parts. */
  lines(type: BtfType): string[] {
    switch (type.kind) {
      case 'STRUCT':
      case 'UNION':
        return [
          `${type.size} bytes`,
          ...type.members.map(({ name, type: id, bitOffset, bitfieldSize }) => {
            const place =
              bitOffset % 8 === 0
                ? `${bitOffset / 8}`
                : `${bitOffset / 8 - (bitOffset % 8) / 8}.${bitOffset % 8}`;
            const bits = bitfieldSize === 0 ? '' : `:${bitfieldSize}`;
            return `${place}: ${this.reference(id)} ${name}${bits}`;
          }),
        ];
      case 'ENUM':
        // Older pahole did not say whether values are signed: the same 32 bits are the same value.
        return [
          `${type.size} bytes`,
          ...type.values.map(({ name, value }) => `${name} = ${value | 0}`),
        ];
      case 'ENUM64':
        return [
          `${type.size} bytes`,
          ...type.values.map(({ name, value }) => `${name} = ${BigInt.asIntN(64, value)}`),
        ];
      case 'INT':
        return [`${type.size} bytes, ${type.bits} bits at ${type.bitOffset}, ${type.encoding}`];
      case 'FLOAT':
        return [`${type.size} bytes`];
      case 'FWD':
        return [type.fwdKind];
      case 'FUNC_PROTO': {
        const parameters = type.parameters.map(({ name, type: id }) =>
          id === 0 && name === '' ? '...' : `${this.reference(id)} ${name}`.trimEnd(),
        );
        return [`${this.reference(type.type)} (${parameters.join(', ')})`];
      }
      case 'DECL_TAG': {
        const component = type.componentIndex < 0 ? '' : `, part ${type.componentIndex}`;
        return [`${this.reference(type.type)}${component}`];
      }
      case 'DATASEC':
      case 'VOID':
        return [];
      case 'OPAQUE':
        return [`kind ${type.number}`];
      default:
        return [this.reference(type.type)];
    }
  }

  /** How other types name a type. */
  reference(id: TypeId): string {
    const known = this.#references[id];
    if (known !== undefined) return known;
    // Only BTF that no compiler makes refers to itself without a name.
    this.#references[id] = '<itself>';
    const text = this.#write(this.#btf.type(id));
    const short = text.length > LONGEST_TEXT ? `<${digestOf(text)}>` : text;
    this.#references[id] = short;
    return short;
  }

  #write(type: BtfType): string {
    switch (type.kind) {
      case 'VOID':
        return 'void';
      case 'PTR':
        return `${this.reference(type.type)} *`;
      case 'CONST':
      case 'VOLATILE':
      case 'RESTRICT':
        return `${type.kind.toLowerCase()}(${this.reference(type.type)})`;
      case 'TYPE_TAG':
        return `[${type.name}] ${this.reference(type.type)}`;
      case 'ARRAY':
        return `${this.reference(type.type)} [${type.length}]`;
      case 'FUNC_PROTO':
        return this.lines(type).join('');
      case 'INT':
      case 'FLOAT':
      case 'TYPEDEF':
        return type.name;
      case 'FWD':
        return `${type.fwdKind} ${type.name}`;
      case 'FUNC':
      case 'VAR':
      case 'DATASEC':
      case 'DECL_TAG':
        return `${type.kind} ${type.name}`;
      default: {
        const word = type.kind === 'ENUM64' ? 'enum' : type.kind.toLowerCase();
        return type.name === ''
          ? `${word} {${this.lines(type).join('; ')}}`
          : `${word} ${type.name}`;
      }
    }
  }
}
