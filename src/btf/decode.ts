import {
  type BtfType,
  type Int,
  KIND_MASK,
  type Kind,
  TYPE_SIZE,
  type TypeId,
  VLEN_MASK,
} from './format.ts';
import { badBtf } from './header.ts';

/** Where the strings of a file lie, in bytes; those of a split BTF go on after its base's. */
export interface StringSection {
  readonly start: number;
  readonly bytes: number;
  /** Answers for the offsets below `from`. */
  readonly base: { readonly from: number; readonly string: (offset: number) => string };
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Buffer decodes short strings three times faster than TextDecoder; browsers have only that. */
export function readable(bytes: Uint8Array): Uint8Array {
  if (typeof Buffer === 'undefined') return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (typeof Buffer !== 'undefined' && Buffer.isBuffer(bytes)) {
    return bytes.toString('utf8', start, end);
  }
  return utf8.decode(bytes.subarray(start, end));
}

/**
 * 32-bit words and strings of a file, of which there are a million to read. (No private methods: in
 * a bundle for an old Node they would take the fields with them into WeakMaps.)
 */
export class WordReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #strings: StringSection;

  constructor(bytes: Uint8Array, byteOrder: 'little' | 'big', strings: StringSection) {
    this.#bytes = readable(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = byteOrder === 'little';
    this.#strings = strings;
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, this.#little);
  }

  string(offset: number): string {
    if (offset === 0) return '';
    const { start, bytes, base } = this.#strings;
    if (offset < base.from) return base.string(offset);
    const own = offset - base.from;
    if (own >= bytes) {
      const end = base.from + bytes;
      throw badBtf(`string offset ${offset} is beyond the ${end} bytes of its strings`);
    }
    return decodeUtf8(this.#bytes, start + own, this.#bytes.indexOf(0, start + own));
  }
}

/** Decodes the type that begins at a byte. That it lies within the file is known. */
export function decode(words: WordReader, id: TypeId, kind: Kind, at: number): BtfType {
  const name = words.string(words.u32(at));
  const info = words.u32(at + 4);
  const kindFlag = info >>> 31 === 1;
  // The third word is a size or a type, as the kind has it.
  const size = words.u32(at + 8);
  const type = size;
  const body = at + TYPE_SIZE;
  switch (kind) {
    case 'VOID':
      return { kind, id, name };
    case 'INT':
      return { kind, id, name, size, ...intEncoding(words.u32(body)) };
    case 'PTR':
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
      return { kind, id, name, type };
    case 'TYPE_TAG':
      return { kind, id, name, type, isAttribute: kindFlag };
    case 'ARRAY': {
      const indexType = words.u32(body + 4);
      return { kind, id, name, type: words.u32(body), indexType, length: words.u32(body + 8) };
    }
    case 'STRUCT':
    case 'UNION': {
      const members = readElements(info, body, 12, (element) => {
        const place = words.u32(element + 8);
        return {
          name: words.string(words.u32(element)),
          type: words.u32(element + 4),
          bitOffset: kindFlag ? place & 0xffffff : place,
          bitfieldSize: kindFlag ? place >>> 24 : 0,
        };
      });
      return { kind, id, name, size, members };
    }
    case 'ENUM': {
      const values = readElements(info, body, 8, (element) => ({
        name: words.string(words.u32(element)),
        value: kindFlag ? words.u32(element + 4) | 0 : words.u32(element + 4),
      }));
      return { kind, id, name, size, signed: kindFlag, values };
    }
    case 'ENUM64': {
      const values = readElements(info, body, 12, (element) => {
        const value = (BigInt(words.u32(element + 8)) << 32n) | BigInt(words.u32(element + 4));
        return {
          name: words.string(words.u32(element)),
          value: kindFlag ? BigInt.asIntN(64, value) : value,
        };
      });
      return { kind, id, name, size, signed: kindFlag, values };
    }
    case 'FWD':
      return { kind, id, name, fwdKind: kindFlag ? 'union' : 'struct' };
    case 'FUNC':
      return { kind, id, name, type, linkage: info & VLEN_MASK };
    case 'FUNC_PROTO': {
      const parameters = readElements(info, body, 8, (element) => ({
        name: words.string(words.u32(element)),
        type: words.u32(element + 4),
      }));
      return { kind, id, name, type, parameters };
    }
    case 'VAR':
      return { kind, id, name, type, linkage: words.u32(body) };
    case 'DATASEC': {
      const vars = readElements(info, body, 12, (element) => ({
        type: words.u32(element),
        offset: words.u32(element + 4),
        size: words.u32(element + 8),
      }));
      return { kind, id, name, size, vars };
    }
    case 'FLOAT':
      return { kind, id, name, size };
    case 'DECL_TAG':
      return {
        kind,
        id,
        name,
        type,
        componentIndex: words.u32(body) | 0,
        isAttribute: kindFlag,
      };
    case 'OPAQUE':
      return { kind, id, name, number: (info >>> 24) & KIND_MASK };
  }
}

function readElements<Element>(
  info: number,
  start: number,
  size: number,
  read: (at: number) => Element,
): Element[] {
  const elements: Element[] = [];
  const end = start + (info & VLEN_MASK) * size;
  for (let at = start; at < end; at += size) elements.push(read(at));
  return elements;
}

const ENCODINGS: Readonly<Record<number, Int['encoding']>> = {
  0: 'none',
  1: 'SIGNED',
  2: 'CHAR',
  4: 'BOOL',
};

function intEncoding(word: number): Pick<Int, 'bits' | 'bitOffset' | 'encoding'> {
  const encoding = ENCODINGS[(word >>> 24) & 0xf] ?? 'unknown';
  return { bits: word & 0xff, bitOffset: (word >>> 16) & 0xff, encoding };
}
