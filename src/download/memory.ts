/**
 * Blocks that nobody uses now, for all downloads of a pool. What a download held for a while and let
 * go would be garbage of the kind that V8 looks for last; so its memory is used again.
 */
export class Spare {
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
export class Memory {
  readonly #spare: Spare;
  readonly #blocks = new Map<number, Buffer>();
  #first = 0;

  constructor(spare: Spare) {
    this.#spare = spare;
  }

  write(position: number, bytes: Uint8Array): void {
    const { size } = this.#spare;
    for (let from = 0; from < bytes.length; ) {
      const at = position + from;
      const part = bytes.subarray(from, from + size - (at % size));
      this.#block(at).set(part, at % size);
      from += part.length;
    }
  }

  /** What was written from `start` on, up to `end` or the end of the block: a view. */
  read(start: number, end: number): Buffer {
    const at = start % this.#spare.size;
    return this.#block(start).subarray(at, at + end - start);
  }

  /** Nothing before that position is wanted any more, and no view of it is used. */
  forget(position: number): void {
    for (; (this.#first + 1) * this.#spare.size <= position; this.#first += 1) {
      const block = this.#blocks.get(this.#first);
      if (block !== undefined) this.#spare.giveBack(block);
      this.#blocks.delete(this.#first);
    }
  }

  #block(position: number): Buffer {
    const index = Math.floor(position / this.#spare.size);
    const block = this.#blocks.get(index) ?? this.#spare.take();
    this.#blocks.set(index, block);
    return block;
  }
}
