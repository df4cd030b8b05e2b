import { Attempt, type Ending, type Owner } from './attempt.ts';
import { unreachable } from './fault.ts';
import type { Mirror, MirrorPool } from './mirrors.ts';
import { type Piece, Segment } from './segment.ts';
import { Source } from './source.ts';

/** How often it looks whether a mirror is back, or a request is too slow. */
const TICK = 500;
/** So many bytes show that a mirror serves, even if the request broke in the end. */
const PROGRESS = 64 * 1024;
/** Nobody waits longer than this for a mirror that asked to be left alone. */
const PATIENCE = 10 * 60_000;
/** A request has so long before another may race it, and must then be this much slower. */
const HEAD_START = 2000;
const WORTH_A_RACE = { times: 2, plus: 1000 };

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'ended' };

/**
 * Who fetches what. The file is cut into segments as connections come free, inside of a window that begins
 * at the consumer; segments are delivered in order.
 *
 * Whenever something changes, (1) every free connection gets the first segment that waits for one, or a new one;
 * quick mirrors choose first, and their segments are larger, so that all segments take about as long;
 * (2) if nothing runs and nothing can, the download fails. Now and then, (3) connections that found no work race
 * the requests that hold up the window.
 */
export class Scheduler implements Owner {
  readonly pool: MirrorPool;
  readonly path: string;
  readonly size: number;
  readonly #sources: readonly Source[];
  /** What is planned and was not delivered, in order and without gaps. */
  readonly #segments: Segment[] = [];
  readonly #attempts = new Set<Attempt>();
  readonly #waiting = new Set<() => void>();
  readonly #over = new AbortController();
  #leave: () => void = () => {};
  #state: State = { kind: 'running' };
  #delivered = 0;
  #planned = 0;
  #buffered = 0;
  #mostBuffered = 0;

  constructor(pool: MirrorPool, file: { path: string; size: number }, mirrors: readonly Mirror[]) {
    this.pool = pool;
    this.path = file.path;
    this.size = file.size;
    this.#sources = mirrors.map((mirror) => new Source(mirror));
  }

  get buffered(): { readonly now: number; readonly most: number } {
    return { now: this.#buffered, most: this.#mostBuffered };
  }

  begin(): void {
    const leavePool = this.pool.join();
    const stopListening = this.pool.onChange(() => this.#step());
    this.#leave = () => {
      stopListening();
      leavePool();
    };
    void this.#tick();
    this.#step();
  }

  /** The next bytes in order; undefined after the last. Throws what made the download fail. */
  async next(): Promise<Piece | undefined> {
    while (this.#delivered < this.size) {
      if (this.#state.kind === 'failed') throw this.#state.error;
      const piece = this.#segments[0]?.take();
      if (piece) {
        this.#deliver(piece);
        return piece;
      }
      await this.#woken();
    }
    return undefined;
  }

  fail(error: unknown): void {
    if (this.#state.kind !== 'running') return;
    this.#state = { kind: 'failed', error };
    this.#stop(error);
  }

  end(): void {
    if (this.#state.kind === 'running') this.#state = { kind: 'ended' };
    this.#stop(new Error('The download was left.'));
    this.#leave();
  }

  received(attempt: Attempt, fresh: number): void {
    this.#buffered += fresh;
    this.#mostBuffered = Math.max(this.#mostBuffered, this.#buffered);
    const { segment } = attempt;
    if (segment.complete) {
      for (const other of segment.attempts) if (other !== attempt) other.overtake();
    }
    if (segment === this.#segments[0]) this.#wake();
  }

  room(position: number): Promise<void> | undefined {
    return position < this.#windowEnd ? undefined : this.#roomFor(position);
  }

  async #roomFor(position: number): Promise<void> {
    while (position >= this.#windowEnd && this.#state.kind === 'running') await this.#woken();
  }

  get #windowEnd(): number {
    return this.#delivered + this.pool.share.window;
  }

  #deliver({ bytes }: Piece): void {
    this.#delivered += bytes.length;
    this.#buffered -= bytes.length;
    if (this.#segments[0]?.over) this.#segments.shift();
    if (this.#waiting.size > 0) this.#wake();
    this.#fill();
  }

  #step(): void {
    if (this.#state.kind !== 'running') return;
    this.#fill();
    this.#giveUp();
  }

  #fill(): void {
    while (this.#state.kind === 'running') {
      const waiting = this.#segments.find((one) => !one.complete && one.attempts.size === 0);
      if (waiting === undefined && !this.#mayCut) return;
      const source = this.#choose(waiting);
      if (source === undefined) return;
      const segment = source.use.kind === 'whole' ? this.#rest() : (waiting ?? this.#cut(source));
      if (segment === undefined) return;
      this.#start(segment, source);
    }
  }

  /** A request that is much slower than another connection would be gets a rival for what it has not brought yet. */
  #race(): void {
    const now = this.pool.ports.clock.now();
    for (const segment of this.#segments) {
      const [slow] = segment.attempts;
      if (segment.attempts.size !== 1 || slow === undefined || segment.complete) continue;
      if (now - slow.began < HEAD_START) continue;
      const rival = this.#choose(segment);
      if (rival === undefined || rival.use.kind === 'whole') return;
      const left = segment.end - segment.received;
      const rate = (this.pool.rate(rival.mirror) ?? 0) / 1000;
      const { times, plus } = WORTH_A_RACE;
      if (left / slow.pace(now) > (times * left) / rate + plus) this.#start(segment, rival);
    }
  }

  /** Ends a download that nothing runs for, when no mirror is left that may be asked in good time. */
  #giveUp(): void {
    if (this.#attempts.size > 0 || this.#delivered + this.#buffered === this.size) return;
    const usable = this.#sources.filter(({ use }) => use.kind !== 'none');
    const soonest = Math.min(...usable.map(({ mirror }) => this.pool.freeAt(mirror)));
    if (soonest <= this.pool.ports.clock.now() + PATIENCE) return;
    const errors = this.#sources.map(({ mirror, lastError }) => [mirror, lastError] as const);
    this.fail(unreachable(this.path, errors));
  }

  /** The best mirror with a free connection; for a segment that some failed on, another one if there is. */
  #choose(segment: Segment | undefined): Source | undefined {
    const { connections } = this.pool.share;
    const free = this.#sources.filter(
      ({ mirror, use, busy }) =>
        use.kind !== 'none' && busy < connections && this.pool.isFree(mirror),
    );
    const ranged = free.filter(
      (source) => source.use.kind === 'ranges' && this.#isWorthwhile(source),
    );
    // One stream from the beginning is for when nothing else is left.
    if (ranged.length === 0) return this.#attempts.size === 0 ? free[0] : undefined;
    const order = ({ mirror, busy }: Source) => [
      segment?.failed.has(mirror) ? 1 : 0,
      -(this.pool.rate(mirror) ?? Number.MAX_VALUE),
      busy,
    ];
    return ranged.reduce((best, one) => (isBefore(order(one), order(best)) ? one : best));
  }

  /** A mirror is left out when its smallest segment would take longer than the whole window does at the present pace. */
  #isWorthwhile({ mirror }: Source): boolean {
    const rate = this.pool.rate(mirror);
    const { least, window } = this.#sizes;
    return rate === undefined || rate * window >= this.#pace * least;
  }

  /** Bytes a second of all requests that run, as far as their mirrors were measured. */
  get #pace(): number {
    return [...this.#attempts].reduce(
      (sum, { source }) => sum + (this.pool.rate(source.mirror) ?? 0),
      0,
    );
  }

  get #sizes(): {
    readonly window: number;
    readonly least: number;
    readonly usual: number;
    readonly most: number;
  } {
    const { window } = this.pool.share;
    return {
      window,
      least: Math.ceil(window / 64),
      usual: Math.ceil(window / 32),
      most: Math.ceil(window / 8),
    };
  }

  /** Whether the window has room for another segment. */
  get #mayCut(): boolean {
    const left = this.size - this.#planned;
    return left > 0 && this.#windowEnd - this.#planned >= Math.min(left, this.#sizes.least);
  }

  /**
   * A new segment for a mirror: its share, by rate, of half of the window; less towards the end of the file, so
   * that all connections end together.
   */
  #cut({ mirror }: Source): Segment {
    const { window, least, usual, most } = this.#sizes;
    const rate = this.pool.rate(mirror);
    const share = rate === undefined ? usual : (window / 2) * (rate / (this.#pace + rate));
    const left = this.size - this.#planned;
    const fair = Math.min(share, most, left / (this.#attempts.size + 1));
    const room = this.#windowEnd - this.#planned;
    const length = Math.min(left, room, Math.ceil(Math.max(least, fair)));
    const segment = new Segment(this.#planned, this.#planned + length);
    this.#segments.push(segment);
    this.#planned = segment.end;
    return segment;
  }

  /** The rest of the file as one segment, for a server without ranges. What came beyond a gap comes again. */
  #rest(): Segment | undefined {
    const gap = this.#segments.findIndex((one) => !one.complete);
    const keep = gap === -1 ? this.#segments.length : gap + 1;
    for (const dropped of this.#segments.splice(keep)) this.#buffered -= dropped.held;
    const last = this.#segments[gap];
    if (last === undefined && this.#planned === this.size) return undefined;
    const segment = last ?? new Segment(this.#planned, this.size);
    if (last === undefined) this.#segments.push(segment);
    segment.end = this.size;
    this.#planned = this.size;
    return segment;
  }

  #start(segment: Segment, source: Source): void {
    const attempt = new Attempt(this, segment, source);
    const giveBack = this.pool.connect(source.mirror);
    this.#attempts.add(attempt);
    segment.attempts.add(attempt);
    source.busy += 1;
    void attempt.run().then((ending) => {
      this.#attempts.delete(attempt);
      segment.attempts.delete(attempt);
      source.busy -= 1;
      this.#settle(attempt, ending);
      giveBack();
    });
  }

  #settle(attempt: Attempt, ending: Ending): void {
    const { source, segment, began, bytes, fresh } = attempt;
    const { mirror } = source;
    const now = this.pool.ports.clock.now();
    this.pool.measure(mirror, bytes, now - began);
    if (ending.kind === 'complete' || fresh >= PROGRESS) {
      source.succeeded();
      this.pool.succeeded(mirror);
    }
    if (ending.kind === 'thrown') this.fail(ending.error);
    if (ending.kind !== 'fault') return;
    const { fault } = ending;
    segment.failed.add(mirror);
    source.failed(fault, began, now);
    if (attempt.whole && segment.attempts.size === 0) this.#shorten(segment);
    if (fault.treatment === 'again')
      this.pool.failed(mirror, began, fault.message, fault.retryAfter);
  }

  /** One stream broke: what it did not bring may come in several segments again. It is the last segment. */
  #shorten(segment: Segment): void {
    segment.end = segment.received;
    this.#planned = segment.end;
    if (segment.over && this.#segments.at(-1) === segment) this.#segments.pop();
  }

  async #tick(): Promise<void> {
    while (this.#state.kind === 'running') {
      await this.pool.ports.clock.sleep(TICK, this.#over.signal).catch(() => {});
      this.#step();
      this.#race();
    }
  }

  #stop(reason: unknown): void {
    this.#over.abort();
    for (const attempt of this.#attempts) attempt.abort(reason);
    this.#wake();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** Compares number by number. */
function isBefore(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at !== -1 && (one[at] as number) < (other[at] as number);
}
