import { collectAfter } from '../platform/heap.ts';
import { type Asked, ask } from './ask.ts';
import { Fault } from './fault.ts';
import type { MirrorPool } from './mirrors.ts';
import { granted, versionOf } from './range.ts';
import type { Segment } from './segment.ts';
import type { Source } from './source.ts';

export type Ending =
  | { readonly kind: 'complete' }
  /** Another request had the segment's bytes first. */
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** The download is over, or this program has a defect. */
  | { readonly kind: 'thrown'; readonly error: unknown };

/** What an attempt needs of its download. */
export interface Owner {
  readonly pool: MirrorPool;
  readonly path: string;
  readonly size: number;
  /** So many new bytes are in the attempt's segment. */
  received(attempt: Attempt, fresh: number): void;
  /** Settles when a byte at that position may be kept. */
  room(position: number): Promise<void> | undefined;
}

/** One request for the rest of a segment. */
export class Attempt {
  readonly segment: Segment;
  readonly source: Source;
  readonly began: number;
  /** Bytes that came, and when the last ones did (`Clock.now`). */
  bytes = 0;
  lastByte: number;
  /** Of those, the ones that were new. */
  fresh = 0;
  /** One stream from the beginning of the file, because the server has no ranges. */
  readonly whole: boolean;
  readonly #owner: Owner;
  readonly #abort = new AbortController();
  #overtaken = false;

  constructor(owner: Owner, segment: Segment, source: Source) {
    this.#owner = owner;
    this.segment = segment;
    this.source = source;
    this.began = owner.pool.ports.clock.now();
    this.lastByte = this.began;
    this.whole = source.use.kind === 'whole';
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
    this.#abort.abort(new Fault('again', 'overtaken'));
  }

  /** Never rejects. */
  async run(): Promise<Ending> {
    try {
      await this.#fetch();
      return { kind: 'complete' };
    } catch (error) {
      if (this.#overtaken) return { kind: 'overtaken' };
      return error instanceof Fault ? { kind: 'fault', fault: error } : { kind: 'thrown', error };
    }
  }

  async #fetch(): Promise<void> {
    const { pool, path, size } = this.#owner;
    const wanted = this.whole
      ? { from: 0, to: size, size }
      : { from: this.segment.received, to: this.segment.end, size };
    const asked = await ask(pool.ports, this.source.mirror.url(path), {
      headers: this.whole ? {} : { range: `bytes=${wanted.from}-${wanted.to - 1}` },
      deadline: pool.deadline,
      signal: this.#abort.signal,
    });
    try {
      const { from, to } = granted(asked, wanted, pool.ports.clock.date());
      this.source.recognise(versionOf(asked));
      await this.#read(asked, from, to);
      if (to < wanted.to) throw new Fault('again', `it sent ${to - from} bytes and no more`);
    } finally {
      asked.discard();
    }
  }

  async #read(asked: Asked, from: number, to: number): Promise<void> {
    const { pool } = this.#owner;
    let at = from;
    for await (const chunk of asked.bytes) {
      // A chunk that goes too far is not believed at all; what is missing comes from elsewhere.
      if (at + chunk.length > to) throw new Fault('again', `it sent more than ${to - from} bytes`);
      this.bytes += chunk.length;
      this.lastByte = pool.ports.clock.now();
      const fresh = this.segment.accept(at, chunk, this.source.mirror);
      collectAfter(chunk.length);
      this.fresh += fresh;
      at += chunk.length;
      if (fresh > 0) this.#owner.received(this, fresh);
      await this.#owner.room(at);
    }
    if (at < to) throw new Fault('again', `it sent ${at - from} of ${to - from} bytes`);
  }
}
