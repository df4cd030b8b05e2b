import type { Mirror, MirrorPool } from './mirrors.ts';
import { difference, type FileVersion, RequestError, unreachable } from './response.ts';
import {
  type FilePiece,
  type RequestOutcome,
  type Segment,
  type SegmentOwner,
  SegmentRequest,
} from './segment.ts';
import { Window } from './window.ts';

/** How often it looks whether a mirror is back, or a request is too slow. */
const TICK = 500;
/** So many bytes show that a mirror serves, even if the request broke in the end. */
const PROGRESS = 64 * 1024;
/** Nobody waits longer than this for a mirror that asked to be left alone. */
const LONGEST_WAIT = 10 * 60_000;
/** A request has so many milliseconds before another may race it, and must then be this much slower. */
const HEAD_START = 2000;
const WORTH_A_RACE = { times: 2, plus: 1000 };

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'left' };

/**
 * Who fetches what.
 *
 * Whenever something changes, (1) every free connection gets the first segment that waits for one, or a new one;
 * quick mirrors choose first, and their segments are larger, so that all segments take about as long;
 * (2) if nothing runs and nothing can, the download fails. Now and then, (3) connections that found no work race
 * the requests that hold up the window.
 */
export class Scheduler implements SegmentOwner {
  readonly pool: MirrorPool;
  readonly path: string;
  readonly size: number;
  readonly #window: Window;
  readonly #sources: readonly MirrorState[];
  readonly #requests = new Set<SegmentRequest>();
  /** Whoever waits for bytes or for room. */
  readonly #waiting = new Set<() => void>();
  readonly #over = new AbortController();
  #leave: () => void = () => {};
  #state: State = { kind: 'running' };

  constructor(pool: MirrorPool, file: { path: string; size: number }, mirrors: readonly Mirror[]) {
    this.pool = pool;
    this.path = file.path;
    this.size = file.size;
    this.#window = new Window(file.size, () => pool.share.window, pool.spare);
    this.#sources = mirrors.map((mirror) => new MirrorState(mirror));
  }

  get buffered(): { readonly now: number; readonly most: number } {
    return this.#window.held;
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
  async next(): Promise<FilePiece | undefined> {
    while (!this.#window.over) {
      if (this.#state.kind === 'failed') throw this.#state.error;
      const piece = this.#window.take();
      if (piece !== undefined) {
        this.#wake();
        this.#fill();
        return piece;
      }
      await this.#woken();
    }
    return undefined;
  }

  fail(error: unknown): void {
    if (this.#state.kind === 'running') this.#stop({ kind: 'failed', error }, error);
  }

  leave(): void {
    if (this.#state.kind === 'running') this.#stop({ kind: 'left' }, new Error('left'));
    this.#leave();
  }

  received(request: SegmentRequest, fresh: number): void {
    this.#window.keep(fresh);
    const { segment } = request;
    if (segment.complete) {
      for (const other of segment.requests) if (other !== request) other.overtake();
    }
    if (segment === this.#window.segments[0]) this.#wake();
  }

  room(position: number): Promise<void> | undefined {
    return position < this.#window.end ? undefined : this.#roomFor(position);
  }

  async #roomFor(position: number): Promise<void> {
    while (position >= this.#window.end && this.#state.kind === 'running') await this.#woken();
  }

  #step(): void {
    this.#fill();
    this.#giveUp();
  }

  #fill(): void {
    while (this.#state.kind === 'running') {
      const waiting = this.#window.waiting;
      if (waiting === undefined && !this.#window.hasRoom) return;
      const source = this.#choose(waiting);
      if (source === undefined) return;
      const segment = this.#segmentFor(source, waiting);
      if (segment === undefined) return;
      this.#start(segment, source);
    }
  }

  #segmentFor({ mirror, use }: MirrorState, waiting: Segment | undefined): Segment | undefined {
    if (use.kind === 'without-ranges') return this.#window.rest();
    const rate = this.pool.rate(mirror);
    const share = rate === undefined ? undefined : rate / (this.#pace + rate);
    return waiting ?? this.#window.cut(share, this.#requests.size);
  }

  /** The best mirror with a free connection; for a segment that some failed on, another one if there is. */
  #choose(segment: Segment | undefined): MirrorState | undefined {
    const { connections } = this.pool.share;
    const free = this.#sources.filter(
      ({ mirror, use, busy }) =>
        use.kind !== 'none' && busy < connections && this.pool.isAvailable(mirror),
    );
    const ranged = free.filter((one) => one.use.kind === 'ranges' && this.#isWorthwhile(one));
    // One stream from the beginning is for when nothing else is left.
    if (ranged.length === 0) return this.#requests.size === 0 ? free[0] : undefined;
    const order = ({ mirror, busy }: MirrorState) => [
      segment?.failed.has(mirror) ? 1 : 0,
      -(this.pool.rate(mirror) ?? Number.MAX_VALUE), // one that nobody knows is worth a try
      busy,
    ];
    return ranged.reduce((best, one) => (isBefore(order(one), order(best)) ? one : best));
  }

  /** A mirror is left out when its smallest segment would take longer than the whole window does at this pace. */
  #isWorthwhile({ mirror }: MirrorState): boolean {
    const rate = this.pool.rate(mirror);
    return rate === undefined || rate * this.pool.share.window >= this.#pace * this.#window.least;
  }

  /** Bytes a second of all requests that run, as far as their mirrors were measured. */
  get #pace(): number {
    let sum = 0;
    for (const { source } of this.#requests) sum += this.pool.rate(source.mirror) ?? 0;
    return sum;
  }

  /** Ends a download that nothing runs for, when no mirror is left that may be asked in good time. */
  #giveUp(): void {
    if (this.#state.kind !== 'running' || this.#requests.size > 0 || this.#window.complete) return;
    const usable = this.#sources.filter(({ use }) => use.kind !== 'none');
    const soonest = Math.min(...usable.map(({ mirror }) => this.pool.availableAt(mirror)));
    if (soonest <= this.pool.ports.clock.now() + LONGEST_WAIT) return;
    const errors = this.#sources.map(({ mirror, lastError }) => [mirror, lastError] as const);
    this.fail(unreachable(this.path, errors));
  }

  /** A request that is much slower than another connection would be gets a rival for what it has not brought yet. */
  #race(): void {
    const now = this.pool.ports.clock.now();
    for (const segment of this.#window.segments) {
      const [slow, second] = segment.requests;
      if (slow === undefined || second !== undefined || segment.complete) continue;
      if (now - slow.began < HEAD_START) continue;
      const rival = this.#choose(segment);
      if (rival?.use.kind !== 'ranges') return;
      const left = segment.end - segment.received;
      const rate = (this.pool.rate(rival.mirror) ?? 0) / 1000;
      const { times, plus } = WORTH_A_RACE;
      if (left / slow.pace(now) > (times * left) / rate + plus) this.#start(segment, rival);
    }
  }

  #start(segment: Segment, source: MirrorState): void {
    const request = new SegmentRequest(this, segment, source);
    const giveBack = this.pool.connect(source.mirror);
    this.#requests.add(request);
    segment.requests.add(request);
    source.busy += 1;
    void request.run().then((ending) => {
      this.#requests.delete(request);
      segment.requests.delete(request);
      source.busy -= 1;
      this.#settle(request, ending);
      giveBack();
    });
  }

  #settle(request: SegmentRequest, ending: RequestOutcome): void {
    const { source, segment, began, bytes, fresh } = request;
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
    if (request.whole && segment.requests.size === 0) this.#window.shorten(segment);
    if (fault.retry === 'later') {
      this.pool.failed(mirror, began, fault.message, fault.retryAfter);
    }
  }

  async #tick(): Promise<void> {
    while (this.#state.kind === 'running') {
      await this.pool.ports.clock.sleep(TICK, this.#over.signal).catch(() => {});
      this.#step();
      if (this.#state.kind === 'running') this.#race();
    }
  }

  #stop(state: State, reason: unknown): void {
    this.#state = state;
    this.#over.abort();
    for (const request of this.#requests) request.abort(reason);
    this.#wake();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    if (this.#waiting.size === 0) return;
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

/** What one mirror can do for one download. */
export type Use =
  | { readonly kind: 'ranges' }
  /** It serves the file from its first byte on only. */
  | { readonly kind: 'without-ranges' }
  /** It does not have the file, or failed too often in a row. */
  | { readonly kind: 'none' };

/** Failures in a row, without much of a byte between, after which a download leaves a mirror. */
const MOST_FAILURES = 8;

/** One mirror as one download sees it. */
export class MirrorState {
  readonly mirror: Mirror;
  use: Use = { kind: 'ranges' };
  /** Requests of this download that run now. */
  busy = 0;
  lastError: string | undefined;
  #first: FileVersion | undefined;
  #strikes = 0;
  #struckAt = 0;

  constructor(mirror: Mirror) {
    this.mirror = mirror;
  }

  /** Holds a version against the first one that this mirror showed. Throws a `RequestError` when it is another. */
  recognise(version: FileVersion): void {
    this.#first ??= version;
    const other = difference(this.#first, version);
    if (other !== undefined)
      throw new RequestError('later', `the file changed while it was read: ${other}`);
  }

  succeeded(): void {
    this.#strikes = 0;
  }

  /** A request that began then failed now; several lost to one event count once. */
  failed(fault: RequestError, began: number, now: number): void {
    this.lastError = fault.message;
    if (fault.retry === 'without-ranges') this.use = { kind: 'without-ranges' };
    if (fault.retry === 'never') this.use = { kind: 'none' };
    if (fault.retry !== 'later' || began < this.#struckAt) return;
    this.#struckAt = now;
    this.#strikes += 1;
    if (this.#strikes >= MOST_FAILURES) this.use = { kind: 'none' };
  }
}
