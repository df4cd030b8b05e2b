import { createHash, type Hash } from 'node:crypto';
import type { Mirror } from './mirrors.ts';

/** Bytes `start` up to but not including `end`, all of one mirror. */
export interface Run {
  readonly mirror: Mirror;
  readonly start: number;
  readonly end: number;
}

/** A piece of the file on a grid that does not depend on who served it, so that two fetches can be compared. */
export interface Block {
  readonly start: number;
  readonly end: number;
  readonly sha256: string;
  readonly mirrors: ReadonlySet<Mirror>;
}

/** Two fetches of one file had different bytes here. */
export interface Disagreement {
  readonly start: number;
  readonly end: number;
  readonly mirrors: readonly [ReadonlySet<Mirror>, ReadonlySet<Mirror>];
}

const GRID = 1024 * 1024;

/** Which mirror served which bytes, with a digest of every block, in the order of delivery. */
export class History {
  readonly runs: Run[] = [];
  readonly blocks: Block[] = [];
  readonly #cuts: readonly number[];
  #at = 0;
  #open: { readonly start: number; readonly end: number; hash: Hash; mirrors: Set<Mirror> };

  /** `cuts`: bytes at which a block ends before its time, because an earlier fetch of the file ended there. */
  constructor(cuts: readonly number[] = []) {
    this.#cuts = cuts;
    this.#open = this.#block();
  }

  /** Bytes delivered so far. */
  get bytes(): number {
    return this.#at;
  }

  get mirrors(): ReadonlySet<Mirror> {
    return new Set(this.runs.map(({ mirror }) => mirror));
  }

  add(mirror: Mirror, bytes: Uint8Array): void {
    this.#extend(mirror, bytes.length);
    for (let from = 0; from < bytes.length; ) {
      const part = bytes.subarray(from, from + this.#open.end - this.#at);
      this.#open.hash.update(part);
      this.#open.mirrors.add(mirror);
      this.#at += part.length;
      from += part.length;
      if (this.#at === this.#open.end) this.end();
    }
  }

  /** The delivery is over, here or before its time. */
  end(): void {
    const { start, hash, mirrors } = this.#open;
    if (this.#at === start) return;
    this.blocks.push({ start, end: this.#at, sha256: hash.digest('hex'), mirrors });
    this.#open = this.#block();
  }

  #extend(mirror: Mirror, length: number): void {
    const last = this.runs.at(-1);
    const end = this.#at + length;
    if (last?.mirror === mirror) this.runs[this.runs.length - 1] = { ...last, end };
    else this.runs.push({ mirror, start: this.#at, end });
  }

  #block(): { start: number; end: number; hash: Hash; mirrors: Set<Mirror> } {
    const start = this.#at;
    const onGrid = (Math.floor(start / GRID) + 1) * GRID;
    const end = Math.min(onGrid, ...this.#cuts.filter((cut) => cut > start));
    return { start, end, hash: createHash('sha256'), mirrors: new Set() };
  }
}

/** Where two fetches of one file differ, as far as both came. */
export function disagreements(one: History, other: History): Disagreement[] {
  const others = new Map(other.blocks.map((block) => [`${block.start}-${block.end}`, block]));
  return one.blocks.flatMap((block): Disagreement[] => {
    const same = others.get(`${block.start}-${block.end}`);
    if (same === undefined || same.sha256 === block.sha256) return [];
    const { start, end } = block;
    return [{ start, end, mirrors: [block.mirrors, same.mirrors] }];
  });
}

/**
 * The mirrors that served wrong bytes, by a fetch that was wrong and one that was right: those that
 * served a differing block alone. A block that several served accuses none of them.
 */
export function guilty(wrong: History, right: History): Set<Mirror> {
  const suspects = disagreements(wrong, right).map(({ mirrors: [served] }) => [...served]);
  return new Set(suspects.filter((served) => served.length === 1).flat());
}
