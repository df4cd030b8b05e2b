import { collectAfter } from '../platform/heap.ts';
import type { Mirror, MirrorPool } from './mirrors.ts';
import { get, type StreamedResponse } from './request.ts';
import { grantedRange, RequestError, versionOf } from './response.ts';
import type { MirrorState } from './scheduler.ts';
import type { FileBuffer } from './window.ts';

/** Bytes that one mirror served: a view, to be done with when the next piece is asked for. */
export interface FilePiece {
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
  readonly requests = new Set<SegmentRequest>();
  /** Mirrors that failed on it. */
  readonly failed = new Set<Mirror>();
  readonly #memory: FileBuffer;
  /** Who served what is here and was not taken yet, each from where the one before ends. */
  readonly #origins: { readonly mirror: Mirror; end: number }[] = [];
  #taken: number;

  constructor(start: number, end: number, memory: FileBuffer) {
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
  take(): FilePiece | undefined {
    const [origin] = this.#origins;
    if (origin === undefined) return undefined;
    const bytes = this.#memory.read(this.#taken, origin.end);
    this.#taken += bytes.length;
    if (this.#taken === origin.end) this.#origins.shift();
    return { mirror: origin.mirror, bytes };
  }
}

export type RequestOutcome =
  | { readonly kind: 'complete' }
  /** Another request had the segment's bytes first. */
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'fault'; readonly fault: RequestError }
  /** The download is over, or this program has a defect. */
  | { readonly kind: 'thrown'; readonly error: unknown };

/** What an request needs of its download. */
export interface SegmentOwner {
  readonly pool: MirrorPool;
  readonly path: string;
  readonly size: number;
  /** So many new bytes are in the request's segment. */
  received(request: SegmentRequest, fresh: number): void;
  /** Settles when a byte at that position may be kept. */
  room(position: number): Promise<void> | undefined;
}

/** One request for the rest of a segment. */
export class SegmentRequest {
  readonly segment: Segment;
  readonly source: MirrorState;
  readonly began: number;
  /** Bytes that came, and when the last ones did (`Clock.now`). */
  bytes = 0;
  lastByte: number;
  /** Of those, the ones that were new. */
  fresh = 0;
  /** One stream from the beginning of the file, because the server has no ranges. */
  readonly whole: boolean;
  readonly #owner: SegmentOwner;
  readonly #abort = new AbortController();
  #overtaken = false;

  constructor(owner: SegmentOwner, segment: Segment, source: MirrorState) {
    this.#owner = owner;
    this.segment = segment;
    this.source = source;
    this.began = owner.pool.ports.clock.now();
    this.lastByte = this.began;
    this.whole = source.use.kind === 'without-ranges';
  }

  /** Bytes a millisecond so far; none when nothing came for three seconds. */
  pace(now: number): number {
    return now - this.lastByte > 3000 ? 0 : this.bytes / Math.max(1, now - this.began);
  }

  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** Another request completed the segment: this one is of no use any more. */
  overtake(): void {
    this.#overtaken = true;
    this.#abort.abort(new RequestError('later', 'overtaken'));
  }

  /** Never rejects. */
  async run(): Promise<RequestOutcome> {
    try {
      await this.#fetch();
      return { kind: 'complete' };
    } catch (error) {
      if (this.#overtaken) return { kind: 'overtaken' };
      return error instanceof RequestError
        ? { kind: 'fault', fault: error }
        : { kind: 'thrown', error };
    }
  }

  async #fetch(): Promise<void> {
    const { pool, path, size } = this.#owner;
    const wanted = this.whole
      ? { from: 0, to: size, size }
      : { from: this.segment.received, to: this.segment.end, size };
    const asked = await get(pool.ports, this.source.mirror.url(path), {
      headers: this.whole ? {} : { range: `bytes=${wanted.from}-${wanted.to - 1}` },
      idleTimeout: pool.idleTimeout,
      signal: this.#abort.signal,
    });
    try {
      const { from, to } = grantedRange(asked, wanted, pool.ports.clock.date());
      this.source.recognise(versionOf(asked));
      await this.#read(asked, from, to);
      if (to < wanted.to) throw new RequestError('later', `it sent ${to - from} bytes and no more`);
    } finally {
      asked.discard();
    }
  }

  async #read(asked: StreamedResponse, from: number, to: number): Promise<void> {
    const { pool } = this.#owner;
    let at = from;
    for await (const chunk of asked.bytes) {
      // A chunk that goes too far is not believed at all; what is missing comes from elsewhere.
      if (at + chunk.length > to)
        throw new RequestError('later', `it sent more than ${to - from} bytes`);
      this.bytes += chunk.length;
      this.lastByte = pool.ports.clock.now();
      const fresh = this.segment.accept(at, chunk, this.source.mirror);
      collectAfter(chunk.length);
      this.fresh += fresh;
      at += chunk.length;
      if (fresh > 0) this.#owner.received(this, fresh);
      await this.#owner.room(at);
    }
    if (at < to) throw new RequestError('later', `it sent ${at - from} of ${to - from} bytes`);
  }
}
