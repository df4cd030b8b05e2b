import type { Mirror, MirrorPool } from './mirrors.ts';
import { get, type StreamedResponse } from './request.ts';
import { difference, type FileVersion, grantedRange, RequestError, versionOf } from './response.ts';
import type { FileBuffer } from './window.ts';

/**
 * A part of the file that one request fetches, or two that race, or several one after the other: what came
 * stays, and the next request begins where the last one ended.
 */
export class Segment {
  /** One past its last byte. */
  end: number;
  /** One past the last byte that is here. */
  received: number;
  readonly requests = new Set<SegmentRequest>();
  /** Mirrors that failed on it. */
  readonly failed = new Set<Mirror>();
  readonly #buffer: FileBuffer;
  #taken: number;

  constructor(start: number, end: number, buffer: FileBuffer) {
    this.received = start;
    this.#taken = start;
    this.end = end;
    this.#buffer = buffer;
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
  accept(at: number, bytes: Uint8Array): number {
    const known = this.received - at;
    if (known >= bytes.length) return 0;
    const fresh = known > 0 ? bytes.subarray(known) : bytes;
    this.#buffer.write(this.received, fresh);
    this.received += fresh.length;
    return fresh.length;
  }

  /** The next bytes that are here: a view, valid until the next call. */
  take(): Uint8Array | undefined {
    if (this.held === 0) return undefined;
    const bytes = this.#buffer.read(this.#taken, this.received);
    this.#taken += bytes.length;
    return bytes;
  }
}

/** How one download can use one mirror. */
export type MirrorUse =
  | { readonly kind: 'ranges' }
  /** It serves the file from its first byte on only. */
  | { readonly kind: 'without-ranges' }
  /** It does not have the file, or failed too often in a row. */
  | { readonly kind: 'none' };

/** Failures in a row, with hardly a byte between, after which a download leaves a mirror. */
const MOST_FAILURES = 8;

/** One mirror in one download. */
export class MirrorState {
  readonly mirror: Mirror;
  use: MirrorUse = { kind: 'ranges' };
  /** Requests of this download that run now. */
  busy = 0;
  lastError: string | undefined;
  #first: FileVersion | undefined;
  #failures = 0;
  #failedAt = 0;

  constructor(mirror: Mirror) {
    this.mirror = mirror;
  }

  /** Compares a version with the first one that this mirror showed. Throws a `RequestError` when it is another. */
  checkVersion(version: FileVersion): void {
    this.#first ??= version;
    const other = difference(this.#first, version);
    if (other !== undefined)
      throw new RequestError('later', `the file changed while it was read: ${other}`);
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /**
   * A request that began then failed now; several lost to one event count once. `isDown`: the mirror failed so
   * often for other files that once is enough.
   */
  failed(error: RequestError, began: number, now: number, isDown: boolean): void {
    this.lastError = error.message;
    if (error.retry === 'without-ranges') this.use = { kind: 'without-ranges' };
    if (error.retry === 'never') this.use = { kind: 'none' };
    if (error.retry !== 'later' || began < this.#failedAt) return;
    this.#failedAt = now;
    this.#failures += 1;
    if (isDown || this.#failures >= MOST_FAILURES) this.use = { kind: 'none' };
  }
}

export type RequestOutcome =
  | { readonly kind: 'complete' }
  /** Another request had the segment's bytes first. */
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'failed'; readonly error: RequestError }
  /** The download is over, or this program has a defect. */
  | { readonly kind: 'thrown'; readonly error: unknown };

/** What a request needs of its download. */
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
  readonly state: MirrorState;
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

  constructor(owner: SegmentOwner, segment: Segment, state: MirrorState) {
    this.#owner = owner;
    this.segment = segment;
    this.state = state;
    this.began = owner.pool.clock.now();
    this.lastByte = this.began;
    this.whole = state.use.kind === 'without-ranges';
  }

  /** Bytes a millisecond so far; none when nothing came for three seconds. */
  pace(now: number): number {
    return now - this.lastByte > 3000 ? 0 : this.bytes / Math.max(1, now - this.began);
  }

  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** Another request completed the segment: this one is not needed any more. */
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
      return error instanceof RequestError ? { kind: 'failed', error } : { kind: 'thrown', error };
    }
  }

  async #fetch(): Promise<void> {
    const { pool, path, size } = this.#owner;
    const wanted = this.whole
      ? { from: 0, to: size, size }
      : { from: this.segment.received, to: this.segment.end, size };
    const response = await get(pool.dependencies, this.state.mirror.url(path), {
      headers: this.whole ? {} : { range: `bytes=${wanted.from}-${wanted.to - 1}` },
      idleTimeout: pool.idleTimeout,
      signal: this.#abort.signal,
    });
    try {
      const { from, to } = grantedRange(response, wanted, pool.clock.date());
      this.state.checkVersion(versionOf(response));
      await this.#read(response, from, to);
      if (to < wanted.to) throw new RequestError('later', `it sent ${to - from} bytes and no more`);
    } finally {
      response.discard();
    }
  }

  async #read(response: StreamedResponse, from: number, to: number): Promise<void> {
    const { pool } = this.#owner;
    let at = from;
    for await (const chunk of response.bytes) {
      // Nothing of a chunk that goes too far is used; what is missing comes from another request.
      if (at + chunk.length > to)
        throw new RequestError('later', `it sent more than ${to - from} bytes`);
      this.bytes += chunk.length;
      this.lastByte = pool.clock.now();
      const fresh = this.segment.accept(at, chunk);
      this.fresh += fresh;
      at += chunk.length;
      if (fresh > 0) this.#owner.received(this, fresh);
      await this.#owner.room(at);
    }
    if (at < to) throw new RequestError('later', `it sent ${at - from} of ${to - from} bytes`);
  }
}
