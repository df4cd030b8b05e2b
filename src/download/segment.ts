import type { Attempt } from './attempt.ts';
import type { Memory } from './memory.ts';
import type { Mirror } from './mirrors.ts';

/** Bytes that one mirror served: a view, to be done with when the next piece is asked for. */
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
  readonly #memory: Memory;
  /** Who served what is here and was not taken yet, each from where the one before ends. */
  readonly #origins: { readonly mirror: Mirror; end: number }[] = [];
  #taken: number;

  constructor(start: number, end: number, memory: Memory) {
    this.received = start;
    this.#taken = start;
    this.end = end;
    this.#memory = memory;
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

  /** Keeps a copy of what is new of bytes that begin at `at`. Returns how many that are. */
  accept(at: number, bytes: Uint8Array, mirror: Mirror): number {
    const known = this.received - at;
    if (known >= bytes.length) return 0;
    const fresh = known > 0 ? bytes.subarray(known) : bytes;
    this.#memory.write(this.received, fresh);
    this.received += fresh.length;
    const last = this.#origins.at(-1);
    if (last?.mirror === mirror) last.end = this.received;
    else this.#origins.push({ mirror, end: this.received });
    return fresh.length;
  }

  /** What came next, of one mirror and of one block of memory. */
  take(): Piece | undefined {
    const [origin] = this.#origins;
    if (origin === undefined) return undefined;
    const bytes = this.#memory.read(this.#taken, origin.end);
    this.#taken += bytes.length;
    if (this.#taken === origin.end) this.#origins.shift();
    return { mirror: origin.mirror, bytes };
  }
}
