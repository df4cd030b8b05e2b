import { createHash, type Hash } from 'node:crypto';

/**
 * The bytes of a package as they are downloaded: counted and hashed. The iteration ends when more bytes come than
 * promised. A reader may stop early: `drain` then reads the rest, so that the sums cover the whole package.
 */
export class PackageBytes implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #hashes: ReadonlyMap<string, Hash>;
  readonly #promised: number;
  readonly #passed: (bytes: number, soFar: number) => void;
  #size = 0;
  #over = false;

  /** @param algorithm of the repository's checksum; SHA-256 is always computed */
  constructor(
    source: AsyncIterable<Uint8Array>,
    algorithm: string,
    promised: number,
    passed: (bytes: number, soFar: number) => void = () => {},
  ) {
    this.#source = source[Symbol.asyncIterator]();
    this.#hashes = new Map([algorithm, 'sha256'].map((name) => [name, createHash(name)]));
    this.#promised = promised;
    this.#passed = passed;
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Of all bytes so far, in lower-case hex. */
  digest(algorithm: string): string {
    return this.#hashes.get(algorithm)?.copy().digest('hex') ?? '';
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  /** Reads to the end. */
  async drain(): Promise<void> {
    while (!(await this.#next()).done);
  }

  /** Ends the download, whether or not it was read to the end. */
  async close(): Promise<void> {
    if (!this.#over) await this.#source.return?.();
    this.#over = true;
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#over || this.#size > this.#promised) return { done: true, value: undefined };
    const next = await this.#source.next();
    if (next.done) {
      this.#over = true;
      return next;
    }
    this.#size += next.value.length;
    for (const hash of this.#hashes.values()) hash.update(next.value);
    this.#passed(next.value.length, this.#size);
    return next;
  }
}
