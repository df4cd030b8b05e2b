import type { Attempt } from './attempt.ts';
import type { Mirror } from './mirrors.ts';

export interface Piece {
  readonly mirror: Mirror;
  readonly bytes: Uint8Array;
}

/**
 * A stretch of the file that is fetched by one request, or by two that race, or by one after the other: what
 * came stays, and the next request begins where the last one ended.
 */
export class Segment {
  /** One past its last byte. */
  end: number;
  /** One past the last byte that is here. */
  received: number;
  readonly attempts = new Set<Attempt>();
  /** Mirrors that failed on it. */
  readonly failed = new Set<Mirror>();
  /** What is here and was not taken yet. */
  readonly #pieces: Piece[] = [];
  #taken: number;

  constructor(start: number, end: number) {
    this.received = start;
    this.#taken = start;
    this.end = end;
  }

  get complete(): boolean {
    return this.received === this.end;
  }

  /** Whether all of it was taken. */
  get over(): boolean {
    return this.#taken === this.end;
  }

  /** Bytes that are here and were not taken. */
  get held(): number {
    return this.received - this.#taken;
  }

  /** Keeps what is new of bytes that begin at `at`. Returns how many that are. */
  accept(at: number, bytes: Uint8Array, mirror: Mirror): number {
    const known = this.received - at;
    if (known >= bytes.length) return 0;
    const fresh = known > 0 ? bytes.subarray(known) : bytes;
    this.#pieces.push({ mirror, bytes: fresh });
    this.received += fresh.length;
    return fresh.length;
  }

  take(): Piece | undefined {
    const piece = this.#pieces.shift();
    this.#taken += piece?.bytes.length ?? 0;
    return piece;
  }
}
