import {
  type ByteOrder,
  ELEMENT_SIZES,
  HEADER_SIZE,
  INFO_SIZES,
  KINDS,
  type Kind,
  LAYOUT_HEADER_SIZE,
  MAGIC,
} from '../../src/btf/format.ts';

/** One type as it lies in the file: what no tool would write can be written with it. */
export interface Row {
  /** A known kind, or the number of one that is newer. */
  readonly kind: Kind | number;
  readonly name?: string;
  /** Number of elements, or linkage. */
  readonly vlen?: number;
  readonly kindFlag?: boolean;
  /** The third word: size or type. */
  readonly word?: number;
  /** All words after it; a string stands for its offset. */
  readonly rest?: readonly (number | string)[];
}

export interface Shape {
  readonly order?: ByteOrder;
  /** A header of 32 bytes, as from Linux 7.1 on. */
  readonly longHeader?: boolean;
  /** A layout section: of the known kinds, and these of newer ones, `[info_sz, elem_sz]`. */
  readonly layout?: readonly (readonly [number, number])[];
  /** For split BTF: the strings of its base. */
  readonly baseStrings?: Buffer;
}

/** Raw BTF out of rows, little-endian unless told. */
export function assemble(rows: readonly Row[], shape: Shape = {}): Buffer {
  const { order = 'little', layout, baseStrings } = shape;
  const strings = new Map<string, number>();
  let nextOffset = 0;
  const offsetOf = (text: string): number => {
    if (text === '' && baseStrings !== undefined) return 0;
    const inBase = baseStrings?.indexOf(`\0${text}\0`) ?? -1;
    if (inBase >= 0) return inBase + 1;
    const known = strings.get(text);
    if (known !== undefined) return known;
    const offset = nextOffset;
    strings.set(text, offset);
    nextOffset += Buffer.byteLength(text) + 1;
    return offset;
  };
  if (baseStrings === undefined) offsetOf('');
  else nextOffset = baseStrings.length;
  const types = words(
    rows.flatMap(({ kind, name = '', vlen = 0, kindFlag, word = 0, rest = [] }) => {
      const number = typeof kind === 'number' ? kind : KINDS.indexOf(kind);
      const info = (kindFlag ? 0x80000000 : 0) | (number << 24) | vlen;
      const tail = rest.map((item) => (typeof item === 'string' ? offsetOf(item) : item));
      return [offsetOf(name), info, word, ...tail];
    }),
    order,
  );
  const sizes = layout && [...KINDS.map((_, kind) => sizesOf(kind)), ...layout];
  const section = Buffer.from((sizes ?? []).flatMap(([info, element]) => [info, element, 0, 0]));
  const table = Buffer.from([...strings.keys()].map((text) => `${text}\0`).join(''));
  const isLong = shape.longHeader === true || layout !== undefined;
  const length = isLong ? LAYOUT_HEADER_SIZE : HEADER_SIZE;
  const places = [length, 0, types.length, types.length + section.length, table.length];
  if (isLong) places.push(types.length, section.length);
  const magic = order === 'little' ? [MAGIC & 0xff, MAGIC >> 8] : [MAGIC >> 8, MAGIC & 0xff];
  return Buffer.concat([
    Buffer.from([...magic, 1, 0]),
    words(places, order),
    types,
    section,
    table,
  ]);
}

function sizesOf(kind: number): readonly [number, number] {
  return [INFO_SIZES[kind] ?? 0, ELEMENT_SIZES[kind] ?? 0];
}

function words(numbers: readonly number[], order: ByteOrder): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [index, number] of numbers.entries()) {
    if (order === 'little') bytes.writeUInt32LE(number >>> 0, index * 4);
    else bytes.writeUInt32BE(number >>> 0, index * 4);
  }
  return bytes;
}

/** The table of strings of assembled BTF. */
export function stringsOf(btf: Buffer): Buffer {
  const isLittle = btf[0] === 0x9f;
  const u32 = (at: number) => (isLittle ? btf.readUInt32LE(at) : btf.readUInt32BE(at));
  const start = u32(4) + u32(16);
  return btf.subarray(start, start + u32(20));
}

/** Type 1 of most tests. */
export const INT: Row = { kind: 'INT', name: 'int', word: 4, rest: [0x01000020] };
