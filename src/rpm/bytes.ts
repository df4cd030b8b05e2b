import { corrupt } from './corrupt.ts';

/** The bytes of a stream, taken in the lengths that a parser wants them. Holds no more than was asked for and one chunk. */
export class ByteQueue {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #taken = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** How many bytes were taken. */
  get taken(): number {
    return this.#taken;
  }

  /** The next `length` bytes. Throws `corrupt-package` when the stream ends before; `what` says in what. */
  async take(length: number, what: string): Promise<Buffer> {
    const bytes = await this.peek(length, what);
    this.#chunks = [this.#join().subarray(length)];
    this.#held -= length;
    this.#taken += length;
    return bytes;
  }

  /** The same, and they stay. */
  async peek(length: number, what: string): Promise<Buffer> {
    // Nothing is allocated by a length that was read: memory grows with the bytes that really come.
    while (this.#held < length) {
      const next = await this.#source.next();
      if (next.done) {
        throw corrupt(
          `The package ends at byte ${this.#taken + this.#held}, in ${what}, which goes on to byte ${this.#taken + length}.`,
        );
      }
      // A copy: the source may use the memory of it for what follows.
      this.#chunks.push(Buffer.from(next.value));
      this.#held += next.value.length;
    }
    return this.#join().subarray(0, length);
  }

  /** What is left, without copying. */
  async *rest(): AsyncGenerator<Uint8Array> {
    try {
      for (const chunk of this.#chunks.splice(0)) if (chunk.length > 0) yield chunk;
      for (;;) {
        const next = await this.#source.next();
        if (next.done) return;
        yield next.value;
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  #join(): Buffer {
    const [first] = this.#chunks;
    const joined =
      this.#chunks.length === 1 && first !== undefined
        ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
        : Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
