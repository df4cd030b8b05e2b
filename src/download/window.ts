import { Segment } from './segment.ts';

/**
 * The part of a file that is on its way: it begins where the consumer is, is no wider than memory allows, and
 * consists of segments without gaps.
 */
export class Window {
  readonly size: number;
  readonly #width: () => number;
  readonly #buffer: FileBuffer;
  /** What is planned and was not taken, in order. */
  readonly #segments: Segment[] = [];
  #taken = 0;
  #planned = 0;
  #held = 0;
  #mostHeld = 0;

  /** `width` in bytes; it may change, because several downloads share the memory. */
  constructor(size: number, width: () => number, blocks: BlockPool) {
    this.size = size;
    this.#width = width;
    this.#buffer = new FileBuffer(blocks);
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** One past the last byte that may be kept now. */
  get end(): number {
    return this.#taken + this.#width();
  }

  /** Bytes that came and were not taken: now, and at most. */
  get held(): { readonly now: number; readonly most: number } {
    return { now: this.#held, most: this.#mostHeld };
  }

  /** Whether all of the file was taken. */
  get over(): boolean {
    return this.#taken === this.size;
  }

  /** Whether all of the file is here or was taken. */
  get complete(): boolean {
    return this.#taken + this.#held === this.size;
  }

  /** The first segment that no request fetches. */
  get waiting(): Segment | undefined {
    return this.#segments.find((one) => !one.complete && one.requests.size === 0);
  }

  /** Bytes of the smallest segment that is worth a request of its own. */
  get least(): number {
    return Math.ceil(this.#width() / 64);
  }

  /** Whether there is room for a segment, if only for a small one. */
  get hasRoom(): boolean {
    const left = this.size - this.#planned;
    return left > 0 && this.end - this.#planned >= Math.min(left, this.least);
  }

  /**
   * A new segment; undefined while there is no room for all of it.
   *
   * `share` is the part that its mirror's connection has in the pace of all (0 to 1), undefined when that is not
   * known. The segment is that part of four fifths of the window, so that all take about as long; the first one is large
   * enough to measure a rate by. Towards the end of the file segments get smaller, so that the `running` requests
   * and this one end together. Where the consumer is slower than the network, one connection keeps up with it and
   * has the whole share: few large segments. A segment that took any small room would be followed by many such.
   */
  cut(share: number | undefined, running: number): Segment | undefined {
    const width = this.#width();
    const left = this.size - this.#planned;
    const fair = share === undefined ? width / 32 : width * 0.8 * share;
    const wanted = Math.max(this.least, Math.min(fair, left / (running + 1)));
    const length = Math.min(Math.ceil(wanted), left);
    if (length > this.end - this.#planned) return undefined;
    const segment = new Segment(this.#planned, this.#planned + length, this.#buffer);
    this.#segments.push(segment);
    this.#planned = segment.end;
    return segment;
  }

  /**
   * All that is missing as one segment, for one stream from a server without ranges. No request may run.
   * What came beyond a gap is dropped, and comes again; undefined when nothing is missing.
   */
  remainder(): Segment | undefined {
    const gap = this.#segments.findIndex((one) => !one.complete);
    if (gap !== -1) {
      for (const dropped of this.#segments.splice(gap + 1)) this.#held -= dropped.held;
    } else if (this.#planned < this.size) {
      this.#segments.push(new Segment(this.#planned, this.size, this.#buffer));
    }
    const last = this.#segments.at(-1);
    if (last === undefined || last.complete) return undefined;
    last.end = this.size;
    this.#planned = this.size;
    return last;
  }

  /** One stream broke: what it did not bring may come in several segments again. */
  shorten(last: Segment): void {
    last.end = last.received;
    this.#planned = last.end;
    if (last.over && this.#segments.at(-1) === last) this.#segments.pop();
  }

  /** So many bytes more are here. */
  keep(bytes: number): void {
    this.#held += bytes;
    this.#mostHeld = Math.max(this.#mostHeld, this.#held);
  }

  /** The next bytes in order, if they are here. Those of the last call are not valid any more. */
  take(): Uint8Array | undefined {
    this.#buffer.forget(this.#taken);
    const [first] = this.#segments;
    const bytes = first?.take();
    if (first === undefined || bytes === undefined) return undefined;
    this.#taken += bytes.length;
    this.#held -= bytes.length;
    if (first.over) this.#segments.shift();
    return bytes;
  }
}

/**
 * Blocks that are not in use, for all downloads of a pool. Memory that lives for seconds is collected late, so
 * it is used again instead.
 */
export class BlockPool {
  /** Bytes in a block. */
  readonly size: number;
  readonly #blocks: Buffer[] = [];

  constructor(size = 256 * 1024) {
    this.size = size;
  }

  take(): Buffer {
    return this.#blocks.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  giveBack(block: Buffer): void {
    this.#blocks.push(block);
  }
}

/** The bytes of a file that are here now, by their position in the file. */
export class FileBuffer {
  readonly #pool: BlockPool;
  readonly #blocks = new Map<number, Buffer>();
  #first = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  write(position: number, bytes: Uint8Array): void {
    const { size } = this.#pool;
    for (let from = 0; from < bytes.length; ) {
      const at = position + from;
      const part = bytes.subarray(from, from + size - (at % size));
      this.#block(at).set(part, at % size);
      from += part.length;
    }
  }

  /** What was written from `start` on, up to `end` or the end of the block: a view. */
  read(start: number, end: number): Buffer {
    const at = start % this.#pool.size;
    return this.#block(start).subarray(at, at + end - start);
  }

  /** Nothing before that position is needed any more, and no view of it is in use. */
  forget(position: number): void {
    for (; (this.#first + 1) * this.#pool.size <= position; this.#first += 1) {
      const block = this.#blocks.get(this.#first);
      if (block !== undefined) this.#pool.giveBack(block);
      this.#blocks.delete(this.#first);
    }
  }

  #block(position: number): Buffer {
    const index = Math.floor(position / this.#pool.size);
    const block = this.#blocks.get(index) ?? this.#pool.take();
    this.#blocks.set(index, block);
    return block;
  }
}
