import { Failure } from '../failure.ts';
import { decode, type StringSection, WordReader } from './decode.ts';
import {
  type BtfType,
  type ByteOrder,
  ELEMENT_SIZES,
  INFO_SIZES,
  KIND_FLAG,
  KIND_MASK,
  KINDS,
  type Kind,
  TYPE_SIZE,
  type TypeId,
  type TypeLayout,
  VLEN_MASK,
} from './format.ts';
import { type BtfHeader, badBtf, readHeader } from './header.ts';

/**
 * The types and strings of one BTF file. Reading keeps the bytes and 5 more for each type; `type`
 * makes an object only of what is asked for, so that a kernel's 150,000 types fit in little memory.
 *
 * The BTF of a module is split: its ids and string offsets go on where those of its base end, which
 * is the kernel's BTF or a `.BTF.base` section (Documentation/bpf/btf.rst).
 */
export class Btf {
  readonly byteOrder: ByteOrder;
  /** Where each section lies in this file. */
  readonly header: BtfHeader;
  readonly base: Btf | undefined;
  /** The id of the first type in this file: 1 without a base. */
  readonly firstId: TypeId;
  /** Number of types in this file, without `void`. */
  readonly count: number;
  /** Bytes of the table of strings of this file. */
  readonly stringBytes: number;
  /** Bytes from the header's first to the last that the header speaks of. */
  readonly byteLength: number;
  /** Types of each kind that is newer than this program, by the number of the kind. */
  readonly opaqueKinds: ReadonlyMap<number, number>;
  /** The most elements that a type of this file has (vlen). */
  readonly maxVlen: number;
  readonly #bytes: Uint8Array;
  readonly #strings: StringSection;
  readonly #words: WordReader;
  readonly #offsets: Uint32Array;
  readonly #kinds: Uint8Array;

  /**
   * Reads the header and finds every type; throws `bad-btf` when lengths contradict each other or
   * no layout describes an unknown kind. What the types and names refer to is for checkBtf to judge.
   */
  constructor(bytes: Uint8Array, base?: Btf) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = readHeader(view, base !== undefined);
    const { byteOrder, strings, stringBytes } = header;
    if (base !== undefined && base.byteOrder !== byteOrder) {
      throw badBtf(`it is ${byteOrder}-endian and its base is not`);
    }
    this.#bytes = bytes;
    this.header = header;
    this.byteOrder = byteOrder;
    this.base = base;
    this.stringBytes = stringBytes;
    this.byteLength = header.byteLength;
    if (stringBytes > 0 && bytes[strings + stringBytes - 1] !== 0) {
      throw badBtf('its table of strings does not end with a zero byte');
    }
    if (base === undefined && bytes[strings] !== 0) throw splitWithoutBase();
    this.#strings = {
      start: strings,
      bytes: stringBytes,
      base: {
        from: base === undefined ? 0 : base.stringEnd,
        string: (offset) => base?.string(offset) ?? '',
      },
    };
    this.#words = new WordReader(bytes, byteOrder, this.#strings);
    this.firstId = base === undefined ? 1 : base.lastId + 1;
    const index = indexTypes(view, header, header.layout ?? base?.header.layout);
    this.#offsets = index.offsets;
    this.#kinds = index.kinds;
    this.opaqueKinds = index.opaqueKinds;
    this.maxVlen = index.maxVlen;
    this.count = index.offsets.length;
  }

  /** The highest id; those of a base are below `firstId`. */
  get lastId(): TypeId {
    return this.firstId + this.count - 1;
  }

  /** The first string offset beyond this table: where the strings of a split BTF on it begin. */
  get stringEnd(): number {
    return this.#strings.base.from + this.stringBytes;
  }

  has(id: TypeId): boolean {
    return id <= this.lastId;
  }

  /** The kind of a type, without decoding it. */
  kindOf(id: TypeId): Kind {
    if (id < this.firstId) return id === 0 ? 'VOID' : (this.base as Btf).kindOf(id);
    demand(this, id);
    return KINDS[this.#kinds[id - this.firstId] as number] ?? 'OPAQUE';
  }

  /** The name of a type, without decoding the rest; empty where it has none. */
  nameOf(id: TypeId): string {
    if (id < this.firstId) return id === 0 ? '' : (this.base as Btf).nameOf(id);
    demand(this, id);
    return this.#words.string(this.#words.u32(this.#offsets[id - this.firstId] as number));
  }

  /** The string at an offset in the table of strings, or in the base's. */
  string(offset: number): string {
    return this.#words.string(offset);
  }

  /** The bytes of the table of strings of this file. */
  stringTable(): Uint8Array {
    return this.#bytes.subarray(this.header.strings, this.header.strings + this.stringBytes);
  }

  /** Decodes one type. Its own ids are not looked at: they may lead nowhere until it is checked. */
  type(id: TypeId): BtfType {
    if (id < this.firstId) {
      return id === 0 ? { kind: 'VOID', id, name: '' } : (this.base as Btf).type(id);
    }
    demand(this, id);
    try {
      return decode(this.#words, id, this.kindOf(id), this.#offsets[id - this.firstId] as number);
    } catch (error) {
      throw error instanceof Failure ? ofType(error, id) : error;
    }
  }

  /** The types of this file, without those of its base. */
  *types(): Generator<BtfType> {
    for (let id = this.firstId; id <= this.lastId; id++) yield this.type(id);
  }
}

/** Bytes of a pointer: those of `long`, as libbpf's determine_ptr_size has it; 8 where there is none. */
export function pointerSizeOf(btf: Btf): number {
  const names = ['long int', 'long', 'unsigned long', 'long unsigned int'];
  for (let id = 1; id <= btf.lastId; id++) {
    if (btf.kindOf(id) !== 'INT') continue;
    const int = btf.type(id);
    if (int.kind === 'INT' && names.includes(int.name)) return int.size;
  }
  return 8;
}

function demand(btf: Btf, id: TypeId): void {
  if (!btf.has(id)) throw badBtf(`there is no type ${id}: the last one is ${btf.lastId}`);
}

const FUNC = KINDS.indexOf('FUNC');
/** btf_*_check_meta of the kernel's btf.c: the other kinds must not have kind_flag. */
const WITH_KIND_FLAG = new Set(
  (['STRUCT', 'UNION', 'ENUM', 'ENUM64', 'FWD', 'DECL_TAG', 'TYPE_TAG'] as const).map((kind) =>
    KINDS.indexOf(kind),
  ),
);

/** Walks over the types once: where each begins, and its kind. After this every read is in bounds. */
function indexTypes(
  view: DataView,
  { byteOrder, types, typeBytes }: BtfHeader,
  layout: readonly TypeLayout[] | undefined,
) {
  const little = byteOrder === 'little';
  const end = types + typeBytes;
  const most = Math.floor(typeBytes / TYPE_SIZE);
  const offsets = new Uint32Array(most);
  const kinds = new Uint8Array(most);
  const opaqueKinds = new Map<number, number>();
  let count = 0;
  let maxVlen = 0;
  for (let at = types; at < end; count++) {
    // In a split BTF the base's types come before; its own are counted from 1 here.
    const position = count + 1;
    if (at + TYPE_SIZE > end) throw badBtf(`type ${position} is cut off`);
    const info = view.getUint32(at + 4, little);
    const kind = (info >>> 24) & KIND_MASK;
    const vlen = info & VLEN_MASK;
    offsets[count] = at;
    kinds[count] = kind;
    if (kind > 0 && kind < KINDS.length) {
      const elementSize = ELEMENT_SIZES[kind] as number;
      // FUNC keeps its linkage where others have the number of their elements.
      const isUnused = vlen !== 0 && elementSize === 0 && kind !== FUNC;
      if (isUnused || (info & KIND_FLAG && !WITH_KIND_FLAG.has(kind))) {
        throw badBtf(`type ${position} (${KINDS[kind]}) has bits set that its kind has no use for`);
      }
      at += TYPE_SIZE + (INFO_SIZES[kind] as number) + vlen * elementSize;
      if (elementSize > 0 && vlen > maxVlen) maxVlen = vlen;
    } else {
      const sizes = kind === 0 ? undefined : layout?.[kind];
      if (sizes === undefined) throw unknownKind(position, kind);
      opaqueKinds.set(kind, (opaqueKinds.get(kind) ?? 0) + 1);
      at += TYPE_SIZE + sizes.infoSize + vlen * sizes.elementSize;
    }
    if (at > end) throw badBtf(`type ${position} (${KINDS[kind] ?? `kind ${kind}`}) is cut off`);
  }
  return { offsets: offsets.slice(0, count), kinds: kinds.slice(0, count), opaqueKinds, maxVlen };
}

function unknownKind(position: number, kind: number): Failure {
  const last = KINDS.length - 1;
  const known = `only 1 (INT) to ${last} (${KINDS[last]}) are known, and no layout section describes it`;
  return badBtf(`type ${position} is of the unknown kind ${kind}: ${known}`);
}

function splitWithoutBase(): Failure {
  return badBtf(
    'its table of strings does not begin with a zero byte, as in the split BTF of a module',
    "The BTF of a module needs that of its kernel: 'btfhub verify --base <vmlinux>'.",
  );
}

function ofType(failure: Failure, id: TypeId): Failure {
  return new Failure('bad-btf', failure.message.replace(': ', `: in type ${id}, `));
}
