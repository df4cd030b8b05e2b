import { Failure } from '../failure.ts';

/**
 * What the explorer keeps of one definition of a kernel, and the notation in which it is kept. Nothing here
 * uses Node: pages in a browser read the same notation.
 *
 * The notation is JSON, so a name can hold any text. It holds what a reader sees (C text, offsets, sizes) and
 * what CO-RE relocations need, so that BTF can be made of it again.
 */

/** The kinds of definitions, in the order of their numbers in the database. ENUM and ENUM64 are one. */
export const DEFINITION_KINDS = [
  'struct',
  'union',
  'enum',
  'typedef',
  'function',
  'variable',
] as const;
export type DefinitionKind = (typeof DEFINITION_KINDS)[number];

export type Definition =
  | ({ readonly kind: 'struct' | 'union'; readonly name: string } & CompositeLayout)
  | ({ readonly kind: 'enum'; readonly name: string } & EnumLayout)
  | { readonly kind: 'typedef'; readonly name: string; readonly type: TypeTree }
  | ({ readonly kind: 'function'; readonly name: string } & Signature)
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly type: TypeTree;
      /** As BTF numbers it: 0 static, 1 global, 2 extern. */
      readonly linkage: number;
      /** The DATASEC that has it, `.data..percpu`; empty where none has. */
      readonly section: string;
    };

export interface CompositeLayout {
  /** Bytes. */
  readonly size: number;
  readonly members: readonly MemberTree[];
}

export interface MemberTree {
  /** Empty for a struct or union whose members count as members of the outer one. */
  readonly name: string;
  readonly type: TypeTree;
  /** From the beginning of the struct or union that it stands in, in bits. */
  readonly bitOffset: number;
  /** Bits of a bit-field; 0 for others, and for a bit-field whose INT says its bits. */
  readonly bitfieldSize: number;
}

export interface EnumLayout {
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface Signature {
  readonly returns: TypeTree;
  /** A last one without a name whose type is void stands for `...`. */
  readonly parameters: readonly { readonly name: string; readonly type: TypeTree }[];
}

/** A type as a definition uses it. What has a name is a reference; what has none is written out. */
export type TypeTree =
  | { readonly kind: 'void' }
  | {
      readonly kind: 'int';
      readonly name: string;
      /** Bytes. */
      readonly size: number;
      readonly encoding: 'none' | 'SIGNED' | 'CHAR' | 'BOOL' | 'unknown';
      readonly bits: number;
      readonly bitOffset: number;
    }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  | { readonly kind: 'pointer'; readonly size: 4 | 8; readonly to: TypeTree }
  | { readonly kind: 'const' | 'volatile' | 'restrict'; readonly of: TypeTree }
  | { readonly kind: 'array'; readonly length: number; readonly of: TypeTree }
  | {
      readonly kind: 'tag';
      readonly name: string;
      readonly isAttribute: boolean;
      readonly of: TypeTree;
    }
  | {
      /** Behind a pointer only its name counts, and it can be a forward declaration. */
      readonly kind: 'named';
      readonly word: 'struct' | 'union' | 'enum';
      readonly name: string;
      /** Bytes, where it stands by value. Without a name it is what a typedef stands for. */
      readonly size: number | undefined;
    }
  | {
      readonly kind: 'typedef';
      readonly name: string;
      /** What it stands for, down to a type with a size; undefined behind a pointer. */
      readonly of: TypeTree | undefined;
    }
  | ({ readonly kind: 'struct' | 'union' } & CompositeLayout)
  | ({ readonly kind: 'enum' } & EnumLayout)
  | ({ readonly kind: 'function' } & Signature)
  /** A type of a kind that is newer than this program. */
  | { readonly kind: 'unknown'; readonly name: string };

/*
 * The notation of a type. A type without parts is a string: operators, the outermost first, and then a base,
 * whose name goes on to the end. A type with parts is an array: operators, a letter, the parts.
 *
 * Operators: `*` pointer of 8 bytes, `^` pointer of 4, `C` const, `V` volatile, `R` restrict, `[n]` array.
 * Bases: `v` void, `i4s:int` (bytes, encoding, where they differ bits and their offset: `i4u3@5:int`), `d8:double`,
 * `s:name` struct (`s16:name` by value), `u` union, `e` enum, `t:name=...` typedef, `o:name` unknown.
 * With parts: `["*","f",returns,[name,type]...]`, `["","s",size,[name,type,bitOffset,bits]...]`, `"u"`,
 * `["","e",size,signed,[name,value]...]`, `["","t",name,type]`, `["","g",tag,isAttribute,type]`.
 */

/** Letters of the encodings of an INT. */
export const ENCODING_LETTERS = {
  none: 'u',
  SIGNED: 's',
  CHAR: 'c',
  BOOL: 'b',
  unknown: 'x',
} as const;
const ENCODING_OF = Object.fromEntries(
  Object.entries(ENCODING_LETTERS).map(([encoding, letter]) => [letter, encoding]),
) as Readonly<Record<string, keyof typeof ENCODING_LETTERS>>;

/**
 * Reads a definition out of its notation.
 * @throws Failure `bad-archive` for text that is not in the notation
 */
export function parseDefinition(kind: DefinitionKind, name: string, body: string): Definition {
  try {
    const parts = asArray(JSON.parse(body));
    switch (kind) {
      case 'struct':
      case 'union':
        return { kind, name, ...composite(parts) };
      case 'enum':
        return { kind, name, ...enumeration(parts) };
      case 'typedef':
        return { kind, name, type: tree(parts[0]) };
      case 'function':
        return { kind, name, ...signature(parts) };
      case 'variable': {
        const [type, linkage, section] = parts;
        return {
          kind,
          name,
          type: tree(type),
          linkage: asNumber(linkage),
          section: asString(section),
        };
      }
    }
  } catch (error) {
    throw new Failure(
      'bad-archive',
      `The definition of the ${kind} '${name}' in the database cannot be read.`,
      'Build the site again.',
      error,
    );
  }
}

function composite([size, ...members]: readonly unknown[]): CompositeLayout {
  return {
    size: asNumber(size),
    members: members.map((one) => {
      const [name, type, bitOffset, bits] = asArray(one);
      return {
        name: asString(name),
        type: tree(type),
        bitOffset: asNumber(bitOffset),
        bitfieldSize: bits === undefined ? 0 : asNumber(bits),
      };
    }),
  };
}

function enumeration([size, signed, ...values]: readonly unknown[]): EnumLayout {
  return {
    size: asNumber(size),
    signed: signed === 1,
    values: values.map((one) => {
      const [name, value] = asArray(one);
      return { name: asString(name), value: BigInt(value as string | number) };
    }),
  };
}

function signature([returns, ...parameters]: readonly unknown[]): Signature {
  return {
    returns: tree(returns),
    parameters: parameters.map((one) => {
      const [name, type] = asArray(one);
      return { name: asString(name), type: tree(type) };
    }),
  };
}

function tree(notation: unknown): TypeTree {
  if (typeof notation === 'string') return withOperators(notation, plainBase);
  const [operators, letter, ...parts] = asArray(notation);
  return withOperators(asString(operators), () => partsBase(asString(letter), parts));
}

/** Reads the operators at the beginning of a text, and the base behind them. */
function withOperators(text: string, base: (rest: string) => TypeTree, at = 0): TypeTree {
  const of = (length: number) => withOperators(text, base, at + length);
  switch (text[at]) {
    case '*':
      return { kind: 'pointer', size: 8, to: of(1) };
    case '^':
      return { kind: 'pointer', size: 4, to: of(1) };
    case 'C':
      return { kind: 'const', of: of(1) };
    case 'V':
      return { kind: 'volatile', of: of(1) };
    case 'R':
      return { kind: 'restrict', of: of(1) };
    case '[': {
      const end = text.indexOf(']', at);
      const length = wholeNumber(text.slice(at + 1, end));
      return { kind: 'array', length, of: of(end + 1 - at) };
    }
    default:
      return base(text.slice(at));
  }
}

const BASE = /^([vidsueto])(?:(\d+)([uscbx])?(?:(\d+)@(\d+))?)?(?::(.*))?$/s;
const WORDS = { s: 'struct', u: 'union', e: 'enum' } as const;

function plainBase(text: string): TypeTree {
  const match = BASE.exec(text);
  if (match === null) throw new Error(`'${text}' is no type`);
  const [, letter = '', bytes, encoding = '', bits, bitOffset, name = ''] = match;
  switch (letter) {
    case 'v':
      return { kind: 'void' };
    case 'i': {
      const size = wholeNumber(bytes);
      return {
        kind: 'int',
        name,
        size,
        encoding: ENCODING_OF[encoding] ?? 'unknown',
        bits: bits === undefined ? size * 8 : wholeNumber(bits),
        bitOffset: bitOffset === undefined ? 0 : wholeNumber(bitOffset),
      };
    }
    case 'd':
      return { kind: 'float', name, size: wholeNumber(bytes) };
    case 't': {
      // The name of a typedef is an identifier; what it stands for can hold any text.
      const end = name.indexOf('=');
      if (end < 0) return { kind: 'typedef', name, of: undefined };
      return { kind: 'typedef', name: name.slice(0, end), of: tree(name.slice(end + 1)) };
    }
    case 'o':
      return { kind: 'unknown', name };
    default: {
      const size = bytes === undefined ? undefined : wholeNumber(bytes);
      return { kind: 'named', word: WORDS[letter as keyof typeof WORDS], name, size };
    }
  }
}

function partsBase(letter: string, parts: readonly unknown[]): TypeTree {
  switch (letter) {
    case 's':
      return { kind: 'struct', ...composite(parts) };
    case 'u':
      return { kind: 'union', ...composite(parts) };
    case 'e':
      return { kind: 'enum', ...enumeration(parts) };
    case 'f':
      return { kind: 'function', ...signature(parts) };
    case 't':
      return { kind: 'typedef', name: asString(parts[0]), of: tree(parts[1]) };
    case 'g':
      return {
        kind: 'tag',
        name: asString(parts[0]),
        isAttribute: parts[1] === 1,
        of: tree(parts[2]),
      };
    default:
      throw new Error(`'${letter}' is no kind of type`);
  }
}

/** Bytes of a type that stands by value; undefined for what has no size, as void and functions. */
export function sizeOfType(type: TypeTree): number | undefined {
  switch (type.kind) {
    case 'void':
    case 'function':
    case 'unknown':
      return undefined;
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'tag':
      return sizeOfType(type.of);
    case 'typedef':
      return type.of && sizeOfType(type.of);
    case 'array': {
      const size = sizeOfType(type.of);
      return size === undefined ? undefined : size * type.length;
    }
    default:
      return type.size;
  }
}

/** Bits of a bit-field, which older BTF tells by its INT; 0 for an ordinary member. */
export function bitsOfMember({ type, bitfieldSize }: MemberTree): number {
  if (bitfieldSize > 0) return bitfieldSize;
  const int = withoutTypedefs(type);
  return int.kind === 'int' && int.bits < int.size * 8 ? int.bits : 0;
}

function withoutTypedefs(type: TypeTree): TypeTree {
  switch (type.kind) {
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'tag':
      return withoutTypedefs(type.of);
    case 'typedef':
      return type.of === undefined ? type : withoutTypedefs(type.of);
    default:
      return type;
  }
}

function asArray(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a part is missing');
  return value;
}

function asString(value: unknown): string {
  if (typeof value !== 'string') throw new Error('a name is missing');
  return value;
}

function asNumber(value: unknown): number {
  if (typeof value !== 'number') throw new Error('a number is missing');
  return value;
}

function wholeNumber(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) throw new Error('a number is missing');
  return Number(text);
}
