import { Failure } from '../failure.ts';
import {
  type BtfType,
  type ByteOrder,
  ELEMENT_SIZE,
  HEADER_SIZE,
  INFO_SIZE,
  type Int,
  KINDS,
  type Kind,
  MAGIC,
  TYPE_SIZE,
  type TypeId,
  VERSION,
} from './format.ts';

const ELEMENT_SIZES = KINDS.map((kind) => ELEMENT_SIZE[kind] ?? 0);
const INFO_SIZES = KINDS.map((kind) => INFO_SIZE[kind] ?? 0);
const FUNC = KINDS.indexOf('FUNC');
/** Kind in bits 24-28, number of parts in 0-15, a flag in 31; the rest is reserved. */
const RESERVED = 0x60ff0000;

/**
 * The types and strings of one BTF file. Reading keeps the bytes and 5 more for each type; `type`
 * makes an object only of what is asked for, so that a kernel's 150,000 types fit in little memory.
 */
export class Btf {
  readonly byteOrder: ByteOrder;
  /** Number of types without `void`; the ids are 1 up to this. */
  readonly count: number;
  /** Bytes of the table of strings. */
  readonly stringBytes: number;
  /** Bytes from the header's first to the last that the header speaks of. */
  readonly byteLength: number;
  readonly #words: Words;
  readonly #offsets: Uint32Array;
  readonly #kinds: Uint8Array;

  /**
   * Reads the header and finds every type; throws `bad-btf` when lengths contradict each other or a
   * kind is unknown. What the types and names refer to is for checkBtf to judge.
   */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.byteOrder = readByteOrder(view);
    const header = readHeader(view, this.byteOrder);
    const { strings, stringBytes } = header;
    this.stringBytes = stringBytes;
    this.byteLength = Math.max(header.types + header.typeBytes, strings + stringBytes);
    if (bytes[strings] !== 0 || bytes[strings + stringBytes - 1] !== 0) {
      throw bad('its table of strings does not begin and end with a zero byte');
    }
    this.#words = new Words(bytes, this.byteOrder, strings, stringBytes);
    const index = indexTypes(view, this.byteOrder, header.types, header.typeBytes);
    this.#offsets = index.offsets;
    this.#kinds = index.kinds;
    this.count = index.offsets.length - 1;
  }

  has(id: TypeId): boolean {
    return id <= this.count;
  }

  /** The kind of a type, without decoding it. */
  kindOf(id: TypeId): Kind {
    demand(this, id);
    return KINDS[this.#kinds[id] as number] as Kind;
  }

  /** The name of a type, without decoding the rest; empty where it has none. */
  nameOf(id: TypeId): string {
    demand(this, id);
    return id === 0 ? '' : this.#words.string(this.#words.u32(this.#offsets[id] as number));
  }

  /** The string at an offset in the table of strings. */
  string(offset: number): string {
    return this.#words.string(offset);
  }

  /** Decodes one type. Its own ids are not looked at: they may lead nowhere until it is checked. */
  type(id: TypeId): BtfType {
    demand(this, id);
    if (id === 0) return { kind: 'VOID', id, name: '' };
    try {
      const kind = KINDS[this.#kinds[id] as number] as Kind;
      return decode(this.#words, id, kind, this.#offsets[id] as number);
    } catch (error) {
      throw error instanceof Failure ? ofType(error, id) : error;
    }
  }

  *types(): Generator<BtfType> {
    for (let id = 1; id <= this.count; id++) yield this.type(id);
  }
}

/** Bytes of a pointer: those of `long`, as libbpf's determine_ptr_size has it; 8 where there is none. */
export function pointerSizeOf(btf: Btf): number {
  const names = ['long int', 'long', 'unsigned long', 'long unsigned int'];
  for (let id = 1; id <= btf.count; id++) {
    if (btf.kindOf(id) !== 'INT') continue;
    const int = btf.type(id);
    if (int.kind === 'INT' && names.includes(int.name)) return int.size;
  }
  return 8;
}

/**
 * Words and strings of the file, of which there are a million to read. (No private methods: in the
 * bundle, which is in the language of Node 12, they would take the fields with them into WeakMaps.)
 */
class Words {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #strings: number;
  readonly #stringBytes: number;

  constructor(bytes: Uint8Array, byteOrder: ByteOrder, strings: number, stringBytes: number) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = byteOrder === 'little';
    this.#strings = strings;
    this.#stringBytes = stringBytes;
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, this.#little);
  }

  string(offset: number): string {
    if (offset === 0) return '';
    if (offset >= this.#stringBytes) {
      throw bad(`string offset ${offset} is beyond the ${this.#stringBytes} bytes of its strings`);
    }
    const start = this.#strings + offset;
    return this.#bytes.toString('utf8', start, this.#bytes.indexOf(0, start));
  }
}

function decode(words: Words, id: TypeId, kind: Kind, at: number): BtfType {
  const name = words.string(words.u32(at));
  const info = words.u32(at + 4);
  const flag = info >>> 31 === 1;
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
    case 'TYPE_TAG':
      return { kind, id, name, type };
    case 'ARRAY': {
      const indexType = words.u32(body + 4);
      return { kind, id, name, type: words.u32(body), indexType, length: words.u32(body + 8) };
    }
    case 'STRUCT':
    case 'UNION': {
      const members = readParts(info, body, 12, (part) => {
        const place = words.u32(part + 8);
        return {
          name: words.string(words.u32(part)),
          type: words.u32(part + 4),
          bitOffset: flag ? place & 0xffffff : place,
          bitfieldSize: flag ? place >>> 24 : 0,
        };
      });
      return { kind, id, name, size, members };
    }
    case 'ENUM': {
      const values = readParts(info, body, 8, (part) => ({
        name: words.string(words.u32(part)),
        value: flag ? words.u32(part + 4) | 0 : words.u32(part + 4),
      }));
      return { kind, id, name, size, signed: flag, values };
    }
    case 'ENUM64': {
      const values = readParts(info, body, 12, (part) => {
        const value = (BigInt(words.u32(part + 8)) << 32n) | BigInt(words.u32(part + 4));
        return {
          name: words.string(words.u32(part)),
          value: flag ? BigInt.asIntN(64, value) : value,
        };
      });
      return { kind, id, name, size, signed: flag, values };
    }
    case 'FWD':
      return { kind, id, name, fwdKind: flag ? 'union' : 'struct' };
    case 'FUNC':
      return { kind, id, name, type, linkage: info & 0xffff };
    case 'FUNC_PROTO': {
      const parameters = readParts(info, body, 8, (part) => ({
        name: words.string(words.u32(part)),
        type: words.u32(part + 4),
      }));
      return { kind, id, name, type, parameters };
    }
    case 'VAR':
      return { kind, id, name, type, linkage: words.u32(body) };
    case 'DATASEC': {
      const vars = readParts(info, body, 12, (part) => ({
        type: words.u32(part),
        offset: words.u32(part + 4),
        size: words.u32(part + 8),
      }));
      return { kind, id, name, size, vars };
    }
    case 'FLOAT':
      return { kind, id, name, size };
    case 'DECL_TAG':
      return { kind, id, name, type, componentIndex: words.u32(body) | 0 };
  }
}

function readParts<Part>(
  info: number,
  start: number,
  size: number,
  read: (at: number) => Part,
): Part[] {
  const parts: Part[] = [];
  const end = start + (info & 0xffff) * size;
  for (let at = start; at < end; at += size) parts.push(read(at));
  return parts;
}

function demand(btf: Btf, id: TypeId): void {
  if (!btf.has(id)) throw bad(`there is no type ${id}: the last one is ${btf.count}`);
}

interface Header {
  readonly types: number;
  readonly typeBytes: number;
  readonly strings: number;
  readonly stringBytes: number;
}

function readByteOrder(view: DataView): ByteOrder {
  if (view.byteLength < HEADER_SIZE) {
    throw bad(`its ${view.byteLength} bytes are fewer than the header's ${HEADER_SIZE}`);
  }
  if (view.getUint16(0, true) === MAGIC) return 'little';
  if (view.getUint16(0, false) === MAGIC) return 'big';
  throw bad('it does not begin with the magic number of BTF');
}

function readHeader(view: DataView, byteOrder: ByteOrder): Header {
  const u32 = (at: number) => view.getUint32(at, byteOrder === 'little');
  const version = view.getUint8(2);
  if (version !== VERSION) throw bad(`it is of version ${version}, and only ${VERSION} is known`);
  const length = u32(4);
  if (length < HEADER_SIZE) throw bad(`its header says it is only ${length} bytes long`);
  const header: Header = {
    ...{ types: length + u32(8), typeBytes: u32(12) },
    ...{ strings: length + u32(16), stringBytes: u32(20) },
  };
  const { types, typeBytes, strings, stringBytes } = header;
  if (types % 4 !== 0) throw bad('its types do not begin at a multiple of four');
  if (types + typeBytes > strings) throw bad('its types reach into its strings');
  if (stringBytes === 0) throw bad('it has no table of strings');
  if (strings + stringBytes > view.byteLength) {
    throw bad(`its header speaks of ${strings + stringBytes} bytes, and it has ${view.byteLength}`);
  }
  return header;
}

/** Walks over the types once: where each begins, and its kind. After this every read is in bounds. */
function indexTypes(view: DataView, byteOrder: ByteOrder, start: number, length: number) {
  const little = byteOrder === 'little';
  const end = start + length;
  const most = Math.floor(length / TYPE_SIZE) + 1;
  const offsets = new Uint32Array(most);
  const kinds = new Uint8Array(most);
  let id = 0;
  for (let at = start; at < end; ) {
    id++;
    if (at + TYPE_SIZE > end) throw bad(`type ${id} is cut off`);
    const info = view.getUint32(at + 4, little);
    const kind = (info >>> 24) & 0x1f;
    if (kind === 0 || kind >= KINDS.length) {
      const known = `only 1 (INT) to ${KINDS.length - 1} (${KINDS.at(-1)}) are known`;
      throw bad(`type ${id} is of the unknown kind ${kind}: ${known}`);
    }
    const parts = info & 0xffff;
    const partSize = ELEMENT_SIZES[kind] as number;
    // FUNC keeps its linkage where others have the number of their parts.
    if ((info & RESERVED) !== 0 || (parts !== 0 && partSize === 0 && kind !== FUNC)) {
      throw bad(`type ${id} (${KINDS[kind]}) has bits set that its kind has no use for`);
    }
    offsets[id] = at;
    kinds[id] = kind;
    at += TYPE_SIZE + (INFO_SIZES[kind] as number) + parts * partSize;
    if (at > end) throw bad(`type ${id} (${KINDS[kind]}) is cut off`);
  }
  return { offsets: offsets.slice(0, id + 1), kinds: kinds.slice(0, id + 1) };
}

const ENCODINGS: Readonly<Record<number, Int['encoding']>> = {
  ...{ 0: 'none', 1: 'SIGNED', 2: 'CHAR', 4: 'BOOL' },
};

function intEncoding(word: number): Pick<Int, 'bits' | 'bitOffset' | 'encoding'> {
  const encoding = ENCODINGS[(word >>> 24) & 0xf] ?? 'unknown';
  return { bits: word & 0xff, bitOffset: (word >>> 16) & 0xff, encoding };
}

function bad(what: string): Failure {
  return new Failure('bad-btf', `This is not sound BTF: ${what}.`);
}

function ofType(failure: Failure, id: TypeId): Failure {
  return new Failure('bad-btf', failure.message.replace(': ', `: in type ${id}, `));
}
