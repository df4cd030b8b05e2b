import { isUtf8 } from 'node:buffer';
import { printable } from '../names.ts';
import { corrupt } from './corrupt.ts';

const MAGIC = 0x8eade801;
const INTRO_SIZE = 16;
const ENTRY_SIZE = 16;
const REGION_SIZE = 16;
const FIRST_TAG = 100;
/** Of one tag: more than any package has files, and few enough to be held as strings. */
const MAX_VALUES = 1 << 18;

/** Types of an entry's data, by rpm's numbers; the two that rpm never writes (NULL, CHAR) included. */
const TYPE = {
  char: 1,
  int8: 2,
  int16: 3,
  int32: 4,
  int64: 5,
  string: 6,
  binary: 7,
  strings: 8,
  i18n: 9,
};
const BYTES_OF_NUMBER = new Map([
  [TYPE.char, 1],
  [TYPE.int8, 1],
  [TYPE.int16, 2],
  [TYPE.int32, 4],
  [TYPE.int64, 8],
]);

export interface HeaderKind {
  readonly title: string;
  /** The tag of the entry that spans the header as its packager made it. */
  readonly regionTag: number;
  readonly maxEntries: number;
  readonly maxData: number;
  /** Whether nothing may stand outside the region: what stands there no digest and no signature covers. */
  readonly regionIsAll: boolean;
}

/**
 * rpm itself allows 256 MiB of data. The largest header of a kernel is 2 MiB, and ours is held in memory:
 * 64 MiB it may be.
 */
export const HEADER: HeaderKind = {
  title: 'header',
  regionTag: 63,
  maxEntries: 0xffff,
  maxData: 64 * 1024 * 1024,
  regionIsAll: true,
};

/** 32 entries as in rpm 6; data for a reserve that `rpmsign` leaves and for signatures of files. */
export const SIGNATURE_HEADER: HeaderKind = {
  title: 'signature header',
  regionTag: 62,
  maxEntries: 32,
  maxData: 64 * 1024 * 1024,
  regionIsAll: false,
};

interface Entry {
  readonly type: number;
  readonly offset: number;
  readonly count: number;
}

/** The 16 bytes that tell how long a header is, with magic. Throws `corrupt-package` on absurd lengths. */
export function headerSize(intro: Buffer, kind: HeaderKind): number {
  if (intro.readUInt32BE(0) !== MAGIC) {
    throw corrupt(
      `The ${kind.title} begins with ${intro.toString('hex', 0, 4)} instead of 8eade801.`,
    );
  }
  const entries = intro.readUInt32BE(8);
  const data = intro.readUInt32BE(12);
  if (entries === 0 || entries > kind.maxEntries) {
    throw corrupt(
      `The ${kind.title} says it has ${entries} entries; 1 to ${kind.maxEntries} are sane.`,
    );
  }
  if (data > kind.maxData) {
    throw corrupt(
      `The ${kind.title} says it has ${data} bytes of data; at most ${kind.maxData} are sane.`,
    );
  }
  return INTRO_SIZE + entries * ENTRY_SIZE + data;
}

/**
 * A header structure of an RPM (rpm's `docs/manual/format_header.md`): tags with typed values.
 * Entries are checked against the header's bounds when it is parsed, values when they are read;
 * each getter throws `corrupt-package` when a tag is there with another type or beyond the bounds.
 */
export class Header {
  /** The header as it stands in the package, magic included: what digests and signatures are made of. */
  readonly bytes: Buffer;
  /** Whether a region spans it; packages of format 3 may have none. */
  readonly hasRegion: boolean;
  readonly #kind: HeaderKind;
  readonly #data: Buffer;
  readonly #entries = new Map<number, Entry>();

  constructor(bytes: Buffer, kind: HeaderKind) {
    if (bytes.length < INTRO_SIZE || headerSize(bytes, kind) !== bytes.length) {
      throw corrupt(`The ${kind.title} is not as long as it says.`);
    }
    this.bytes = bytes;
    this.#kind = kind;
    const entries = bytes.readUInt32BE(8);
    this.#data = bytes.subarray(INTRO_SIZE + entries * ENTRY_SIZE);
    this.hasRegion = bytes.readUInt32BE(INTRO_SIZE) === kind.regionTag;
    if (this.hasRegion) this.#checkRegion(entries);
    for (let index = this.hasRegion ? 1 : 0; index < entries; index++) {
      this.#addEntry(INTRO_SIZE + index * ENTRY_SIZE);
    }
  }

  has(tag: number): boolean {
    return this.#entries.has(tag);
  }

  /** The one string of a tag; of a translated one, that of the C locale. */
  string(tag: number): string | undefined {
    const entry = this.#entries.get(tag);
    if (entry === undefined) return undefined;
    if (entry.type !== TYPE.string && entry.type !== TYPE.i18n)
      throw this.#wrongType(tag, entry, 'a string');
    return text(this.#data.subarray(entry.offset, this.#endOfString(tag, entry.offset)));
  }

  /** All strings of a tag; none where the tag is missing. */
  strings(tag: number): string[] {
    const entry = this.#list(tag);
    if (entry === undefined) return [];
    if (entry.type !== TYPE.strings && entry.type !== TYPE.string) {
      throw this.#wrongType(tag, entry, 'strings');
    }
    const strings: string[] = [];
    let start = entry.offset;
    for (let index = 0; index < entry.count; index++) {
      const end = this.#endOfString(tag, start);
      strings.push(text(this.#data.subarray(start, end)));
      start = end + 1;
    }
    return strings;
  }

  /** All numbers of a tag, unsigned as every one we read is; none where the tag is missing. */
  numbers(tag: number): number[] {
    const entry = this.#list(tag);
    if (entry === undefined) return [];
    const width = BYTES_OF_NUMBER.get(entry.type);
    if (width === undefined) throw this.#wrongType(tag, entry, 'numbers');
    return Array.from({ length: entry.count }, (_, index) => {
      const at = entry.offset + index * width;
      return width === 8 ? this.#long(tag, at) : this.#data.readUIntBE(at, width);
    });
  }

  /** The first number of a tag. */
  number(tag: number): number | undefined {
    return this.numbers(tag)[0];
  }

  binary(tag: number): Buffer | undefined {
    const entry = this.#entries.get(tag);
    if (entry === undefined) return undefined;
    if (entry.type !== TYPE.binary) throw this.#wrongType(tag, entry, 'bytes');
    return this.#data.subarray(entry.offset, entry.offset + entry.count);
  }

  #addEntry(at: number): void {
    const tag = this.bytes.readUInt32BE(at);
    const type = this.bytes.readUInt32BE(at + 4);
    const offset = this.bytes.readUInt32BE(at + 8);
    const count = this.bytes.readUInt32BE(at + 12);
    const { title } = this.#kind;
    if (tag < FIRST_TAG)
      throw corrupt(`The ${title} has an entry with the tag ${tag}, which none may have.`);
    if (type < TYPE.char || type > TYPE.i18n)
      throw corrupt(`The ${title}'s tag ${tag} has the unknown type ${type}.`);
    const width = BYTES_OF_NUMBER.get(type) ?? 1;
    // Even an empty string has its NUL, so that nothing takes less than a byte a value.
    const fits = offset < this.#data.length && count <= (this.#data.length - offset) / width;
    if (count === 0 || !fits || (type === TYPE.string && count !== 1)) {
      throw corrupt(
        `The ${title}'s tag ${tag} says it has ${count} values of type ${type} at offset ${offset} of ${this.#data.length} bytes.`,
      );
    }
    if (this.#entries.has(tag)) throw corrupt(`The ${title} has the tag ${tag} twice.`);
    this.#entries.set(tag, { type, offset, count });
  }

  /** The region's entry points at a trailer, an entry whose negative offset says how many entries it spans. */
  #checkRegion(entries: number): void {
    const { title, regionTag, regionIsAll } = this.#kind;
    const wrong = (what: string) => corrupt(`The ${title}'s region ${what}.`);
    const offset = this.bytes.readUInt32BE(INTRO_SIZE + 8);
    const isRegion = (type: number, count: number) => type === TYPE.binary && count === REGION_SIZE;
    if (
      !isRegion(this.bytes.readUInt32BE(INTRO_SIZE + 4), this.bytes.readUInt32BE(INTRO_SIZE + 12))
    ) {
      throw wrong('is not 16 bytes');
    }
    if (offset + REGION_SIZE > this.#data.length)
      throw wrong(`has its trailer at ${offset}, beyond the data`);
    const trailer = this.#data.subarray(offset, offset + REGION_SIZE);
    const tag = trailer.readUInt32BE(0);
    // Signature headers of old rpms end in the trailer of an image (61).
    const knownTag = tag === regionTag || (tag === 61 && !regionIsAll);
    if (!knownTag || !isRegion(trailer.readUInt32BE(4), trailer.readUInt32BE(12))) {
      throw wrong('has a broken trailer');
    }
    const spanned = -trailer.readInt32BE(8);
    if (spanned <= 0 || spanned % ENTRY_SIZE !== 0 || spanned / ENTRY_SIZE > entries) {
      throw wrong(`spans ${spanned} bytes of ${entries * ENTRY_SIZE}`);
    }
    const spansAll = spanned / ENTRY_SIZE === entries && offset + REGION_SIZE === this.#data.length;
    if (regionIsAll && !spansAll) throw wrong('leaves out a part of it');
  }

  #list(tag: number): Entry | undefined {
    const entry = this.#entries.get(tag);
    if (entry !== undefined && entry.count > MAX_VALUES) {
      throw corrupt(
        `The ${this.#kind.title}'s tag ${tag} has ${entry.count} values; at most ${MAX_VALUES} are sane.`,
      );
    }
    return entry;
  }

  #endOfString(tag: number, start: number): number {
    const end = this.#data.indexOf(0, start);
    if (end < 0 || start >= this.#data.length) {
      throw corrupt(`The ${this.#kind.title}'s tag ${tag} has a string that does not end.`);
    }
    return end;
  }

  #long(tag: number, at: number): number {
    const value = this.#data.readBigUInt64BE(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw corrupt(`The ${this.#kind.title}'s tag ${tag} has the absurd number ${value}.`);
    }
    return Number(value);
  }

  #wrongType(tag: number, entry: Entry, expected: string) {
    return corrupt(
      `The ${this.#kind.title}'s tag ${tag} has type ${entry.type} where ${expected} should be.`,
    );
  }
}

/** rpm has no encoding: UTF-8 where the bytes are that, else a character a byte, so that no two names become one. */
export function text(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}

/** A string out of a package, in quotes, for a message. */
export function quoted(name: string): string {
  return `'${printable(name)}'`;
}
