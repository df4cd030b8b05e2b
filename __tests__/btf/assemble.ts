import { HEADER_SIZE, KINDS, type Kind, MAGIC } from '../../src/btf/format.ts';

/** One type as it lies in the file: what no tool would write can be written with it. */
export interface Row {
  readonly kind: Kind;
  readonly name?: string;
  /** Number of parts, or linkage. */
  readonly parts?: number;
  readonly flag?: boolean;
  /** The third word: size or type. */
  readonly word?: number;
  /** All words after it; a string stands for its offset. */
  readonly rest?: readonly (number | string)[];
}

/** Raw BTF out of rows, little-endian. */
export function assemble(rows: readonly Row[]): Buffer {
  const strings = new Map([['', 0]]);
  let stringBytes = 1;
  const offsetOf = (text: string): number => {
    const known = strings.get(text);
    if (known !== undefined) return known;
    const offset = stringBytes;
    strings.set(text, offset);
    stringBytes += Buffer.byteLength(text) + 1;
    return offset;
  };
  const words = rows.flatMap(({ kind, name = '', parts = 0, flag, word = 0, rest = [] }) => {
    const info = ((flag ? 0x80000000 : 0) | (KINDS.indexOf(kind) << 24) | parts) >>> 0;
    const tail = rest.map((item) => (typeof item === 'string' ? offsetOf(item) : item));
    return [offsetOf(name), info, word, ...tail];
  });
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt16LE(MAGIC, 0);
  header.writeUInt8(1, 2);
  const types = Buffer.from(new Uint32Array(words).buffer);
  [HEADER_SIZE, 0, types.length, types.length, stringBytes].forEach((value, index) => {
    header.writeUInt32LE(value, 4 + index * 4);
  });
  return Buffer.concat([header, types, Buffer.from([...strings.keys(), ''].join('\0'))]);
}

/** Type 1 of most tests. */
export const INT: Row = { kind: 'INT', name: 'int', word: 4, rest: [0x01000020] };
