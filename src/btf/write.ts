import { decodeUtf8, readable } from './decode.ts';
import {
  type BtfType,
  type ByteOrder,
  HEADER_SIZE,
  type Int,
  invalidType,
  KIND_FLAG,
  KINDS,
  MAGIC,
  VERSION,
} from './format.ts';
import type { Btf } from './reader.ts';

const utf8 = new TextEncoder();

/** A table of strings that grows: each once, and where it begins. */
export class StringTable {
  readonly #offsets = new Map([['', 0]]);
  readonly #parts: Uint8Array[];
  #length: number;

  /** Begins with the strings of `start`, at their offsets there; empty without. */
  constructor(start?: Btf) {
    const table = start?.stringTable() ?? new Uint8Array(1);
    this.#parts = [table];
    this.#length = table.length;
    const bytes = readable(table);
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(0, at);
      const string = decodeUtf8(bytes, at, end);
      if (!this.#offsets.has(string)) this.#offsets.set(string, at);
      at = end + 1;
    }
  }

  offsetOf(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#length;
    this.#offsets.set(text, offset);
    const bytes = utf8.encode(`${text}\0`);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return offset;
  }

  bytes(): Uint8Array {
    return concat(this.#parts);
  }

  /** The strings that were added to those it began with. */
  added(): Uint8Array {
    return concat(this.#parts.slice(1));
  }
}

/** 32-bit words in a byte order. */
export function wordsOf(words: readonly number[], order: ByteOrder): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) {
    view.setUint32(index * 4, word >>> 0, order === 'little');
  }
  return bytes;
}

/** With what `.BTF` and `.BTF.ext` both begin: magic, version, flags. */
export function preamble(order: ByteOrder): Uint8Array {
  const magic = order === 'little' ? [MAGIC & 0xff, MAGIC >> 8] : [MAGIC >> 8, MAGIC & 0xff];
  return Uint8Array.from([...magic, VERSION, 0]);
}

/** `Buffer.concat`, which browsers do not have. */
function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Raw BTF (Documentation/bpf/btf.rst) of these types, which have the ids 1, 2, 3 and so on. Strings that
 * are in the table already come along. Throws `bad-btf` for what has no number in the format.
 */
export function writeBtf(
  types: readonly BtfType[],
  strings: StringTable,
  order: ByteOrder,
): Uint8Array {
  return writeSections([writeTypes(types, strings, order)], strings, order);
}

/** The types alone; `writeSections` makes a file of such parts. */
export function writeTypes(
  types: readonly BtfType[],
  strings: StringTable,
  order: ByteOrder,
): Uint8Array {
  return wordsOf(
    types.flatMap((type) => typeWords(type, (text) => strings.offsetOf(text))),
    order,
  );
}

/** Raw BTF in the plain form: a header of 24 bytes, these types one after the other, and strings. */
export function writeSections(
  types: readonly Uint8Array[],
  strings: StringTable,
  order: ByteOrder,
): Uint8Array {
  return assemble(concat(types), strings.bytes(), order);
}

/** Split BTF in the plain form: these types, and the strings that its base does not have. */
export function writeSplit(
  types: readonly BtfType[],
  strings: StringTable,
  order: ByteOrder,
): Uint8Array {
  const body = writeTypes(types, strings, order);
  return assemble(body, strings.added(), order);
}

function assemble(types: Uint8Array, table: Uint8Array, order: ByteOrder): Uint8Array {
  const lengths = [HEADER_SIZE, 0, types.length, types.length, table.length];
  return concat([preamble(order), wordsOf(lengths, order), types, table]);
}

/** Of a type without members, enumerators and the like. */
const NO_ELEMENTS = 0;

/** All words of one type: name, info, size or type, and what its kind has beyond these. */
function typeWords(type: BtfType, string: (text: string) => number): readonly number[] {
  const head = (word: number, vlen = NO_ELEMENTS, kindFlag = false) => [
    string(type.name),
    (kindFlag ? KIND_FLAG : 0) | (KINDS.indexOf(type.kind) << 24) | vlen,
    word,
  ];
  switch (type.kind) {
    case 'VOID':
      throw invalidType(type, 'is not written: it is there without');
    case 'INT':
      return [...head(type.size), intWord(type)];
    case 'PTR':
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
      return head(type.type);
    case 'TYPE_TAG':
      return head(type.type, NO_ELEMENTS, type.isAttribute);
    case 'ARRAY':
      return [...head(0), type.type, type.indexType, type.length];
    case 'STRUCT':
    case 'UNION': {
      const flag = type.members.some(({ bitfieldSize }) => bitfieldSize > 0);
      const members = type.members.flatMap((member) => [
        ...[string(member.name), member.type],
        flag ? (member.bitfieldSize << 24) | member.bitOffset : member.bitOffset,
      ]);
      return [...head(type.size, type.members.length, flag), ...members];
    }
    case 'ENUM': {
      const values = type.values.flatMap(({ name, value }) => [string(name), value]);
      return [...head(type.size, type.values.length, type.signed), ...values];
    }
    case 'ENUM64': {
      const values = type.values.flatMap(({ name, value }) => [
        ...[string(name), Number(BigInt.asUintN(32, value))],
        Number(BigInt.asUintN(32, value >> 32n)),
      ]);
      return [...head(type.size, type.values.length, type.signed), ...values];
    }
    case 'FWD':
      return head(0, NO_ELEMENTS, type.fwdKind === 'union');
    case 'FUNC':
      return head(type.type, type.linkage);
    case 'FUNC_PROTO': {
      const parameters = type.parameters.flatMap((one) => [string(one.name), one.type]);
      return [...head(type.type, type.parameters.length), ...parameters];
    }
    case 'VAR':
      return [...head(type.type), type.linkage];
    case 'DATASEC': {
      const vars = type.vars.flatMap((one) => [one.type, one.offset, one.size]);
      return [...head(type.size, type.vars.length), ...vars];
    }
    case 'FLOAT':
      return head(type.size);
    case 'DECL_TAG':
      return [...head(type.type, NO_ELEMENTS, type.isAttribute), type.componentIndex];
    case 'OPAQUE':
      throw invalidType(type, `is of kind ${type.number}, which this program cannot write again`);
  }
}

const ENCODINGS = { none: 0, SIGNED: 1, CHAR: 2, BOOL: 4 } as const;

function intWord(type: Int): number {
  if (type.encoding === 'unknown')
    throw invalidType(type, 'has an encoding that the format does not');
  return (ENCODINGS[type.encoding] << 24) | (type.bitOffset << 16) | type.bits;
}
