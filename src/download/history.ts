import { createHash } from 'node:crypto';
import type { Mirror } from './mirrors.ts';

/** Bytes `start` up to but not including `end`, all of one mirror, a MiB at most. */
export interface Block {
  readonly mirror: Mirror;
  readonly start: number;
  readonly end: number;
  readonly sha256: string;
}

/** A block of an earlier fetch whose bytes are others now. */
export interface Difference {
  readonly block: Block;
  /** Who served these bytes now. */
  readonly now: ReadonlySet<Mirror>;
}

const LARGEST_BLOCK = 1024 * 1024;

/** Which mirror served which bytes, in the order of delivery, and where they differ from earlier fetches. */
export class History {
  readonly blocks: Block[] = [];
  readonly #comparisons: ReadonlyMap<History, Comparison>;
  readonly #only: boolean;
  readonly #mirrors = new Set<Mirror>();
  #open: OpenBlock | undefined;
  #bytes = 0;

  /**
   * `earlier`: fetches of the same file to compare with, however early they ended. `only`: there is but one
   * mirror, so that nobody asks who of several was wrong, and no block is hashed to tell.
   */
  constructor(earlier: readonly History[] = [], { only = false } = {}) {
    this.#comparisons = new Map(earlier.map((one) => [one, new Comparison(one.blocks)]));
    this.#only = only;
  }

  /** Bytes delivered so far. */
  get bytes(): number {
    return this.#bytes;
  }

  get mirrors(): ReadonlySet<Mirror> {
    return this.#mirrors;
  }

  add(mirror: Mirror, bytes: Uint8Array): void {
    this.#mirrors.add(mirror);
    if (this.#only) this.#bytes += bytes.length;
    else this.#record(mirror, bytes);
  }

  #record(mirror: Mirror, bytes: Uint8Array): void {
    for (const comparison of this.#comparisons.values()) comparison.add(mirror, bytes);
    if (this.#open?.mirror !== mirror) this.end();
    for (let from = 0; from < bytes.length; ) {
      this.#open ??= { mirror, start: this.#bytes, hash: createHash('sha256') };
      const end = this.#open.start + LARGEST_BLOCK;
      const part = bytes.subarray(from, from + end - this.#bytes);
      this.#open.hash.update(part);
      this.#bytes += part.length;
      from += part.length;
      if (this.#bytes === end) this.end();
    }
  }

  /** The delivery is over, here or before its time. */
  end(): void {
    if (this.#open === undefined) return;
    const { mirror, start, hash } = this.#open;
    this.blocks.push({ mirror, start, end: this.#bytes, sha256: hash.digest('hex') });
    this.#open = undefined;
  }

  /** Where an earlier fetch, one of those it was made with, had other bytes. */
  differences(earlier: History): readonly Difference[] {
    return this.#comparisons.get(earlier)?.differences ?? [];
  }
}

interface OpenBlock {
  readonly mirror: Mirror;
  readonly start: number;
  readonly hash: ReturnType<typeof createHash>;
}

/** Holds what comes now against the blocks of an earlier fetch. */
class Comparison {
  readonly differences: Difference[] = [];
  readonly #blocks: readonly Block[];
  #nth = 0;
  #at = 0;
  #hash = createHash('sha256');
  #mirrors = new Set<Mirror>();

  constructor(blocks: readonly Block[]) {
    this.#blocks = blocks;
  }

  add(mirror: Mirror, bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const block = this.#blocks[this.#nth];
      if (block === undefined) return;
      const part = bytes.subarray(from, from + block.end - this.#at);
      this.#hash.update(part);
      this.#mirrors.add(mirror);
      this.#at += part.length;
      from += part.length;
      if (this.#at === block.end) this.#compare(block);
    }
  }

  #compare(block: Block): void {
    if (this.#hash.digest('hex') !== block.sha256) {
      this.differences.push({ block, now: this.#mirrors });
    }
    this.#nth += 1;
    this.#hash = createHash('sha256');
    this.#mirrors = new Set();
  }
}

/**
 * The mirrors that served wrong bytes in an earlier fetch, by one that was right and was made with it in
 * `after`. One that has the same bytes right this time is not accused: they changed on the way.
 */
export function guilty(wrong: History, right: History): Set<Mirror> {
  const differences = right.differences(wrong);
  const accused = differences.filter(({ block, now }) => !now.has(block.mirror));
  return new Set(accused.map(({ block }) => block.mirror));
}
