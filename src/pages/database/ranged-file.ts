/** Bytes that are read in any order, and wait for nothing: SQLite reads so. */
export interface RandomAccess {
  /** Number of bytes. */
  readonly size: number;
  /** The bytes from `offset`; fewer than `length` at the end. Throws SiteError. */
  read(offset: number, length: number): Uint8Array;
}

/** Gets the bytes `first` to `last`, both included, and waits for them. Throws SiteError. */
export type GetRange = (first: number, last: number) => Uint8Array;

/** Bytes of one block: a page of the database. The pages that lead to a row seldom lie side by side. */
export const BLOCK = 4096;

/** The longest read-ahead, in blocks. */
const MAX_AHEAD = 64;

/**
 * A file on a web server, read by ranges. What was read is kept. Reads that follow each other in the file ask for
 * twice as much each time, so that a scan needs few requests.
 */
export class RangedFile implements RandomAccess {
  readonly size: number;
  readonly #get: GetRange;
  readonly #blocks = new Map<number, Uint8Array>();
  #next = -1;
  #ahead = 0.5;

  /** @param start the bytes at the beginning of the file, where they are known already */
  constructor(size: number, get: GetRange, start: Uint8Array = new Uint8Array()) {
    this.size = size;
    this.#get = get;
    const whole = start.length === size ? start.length : start.length - (start.length % BLOCK);
    this.#keep(0, start.subarray(0, whole));
  }

  read(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.size);
    if (end <= offset) return new Uint8Array();
    const first = Math.floor(offset / BLOCK);
    const last = Math.floor((end - 1) / BLOCK);
    for (let index = first; index <= last; index++) {
      if (!this.#blocks.has(index)) this.#load(index, last);
    }
    const bytes = new Uint8Array(end - offset);
    for (let index = first; index <= last; index++) {
      const from = index * BLOCK;
      const block = this.#blocks.get(index) as Uint8Array;
      const part = block.subarray(Math.max(0, offset - from), end - from);
      bytes.set(part, Math.max(0, from - offset));
    }
    return bytes;
  }

  /** Loads at least the missing blocks from `first` to `last`, and ahead where the reads are in order. */
  #load(first: number, last: number): void {
    this.#ahead = first === this.#next ? Math.min(this.#ahead * 2, MAX_AHEAD) : 0.5;
    const end = Math.max(last + 1, first + Math.ceil(this.#ahead));
    let stop = first + 1;
    while (stop < end && stop * BLOCK < this.size && !this.#blocks.has(stop)) stop++;
    this.#keep(first, this.#get(first * BLOCK, Math.min(stop * BLOCK, this.size) - 1));
    this.#next = stop;
  }

  #keep(first: number, bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += BLOCK) {
      this.#blocks.set(first + from / BLOCK, bytes.subarray(from, from + BLOCK));
    }
  }
}

/** A whole file in memory. */
export class WholeFile implements RandomAccess {
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + length);
  }
}
