import type { Mirror, MirrorPool } from './mirrors.ts';
import { LEAST_RATE } from './request.ts';
import { TOO_SLOW, unreachable } from './response.ts';
import {
  MirrorState,
  type RequestOutcome,
  type Segment,
  type SegmentOwner,
  SegmentRequest,
} from './segment.ts';
import { Window } from './window.ts';

/** How often it checks whether a mirror is available again, or a request is too slow. */
const TICK = 500;
/** So many bytes show that a mirror serves, even if the request broke in the end. */
const PROGRESS = 64 * 1024;
/** The longest that a download waits in all for mirrors that say when to come back, in milliseconds. */
const LONGEST_WAIT = 10 * 60_000;
/** A request has so many milliseconds before another may race it, and must then be this much slower. */
const RACE_AFTER = 2000;
const WORTH_A_RACE = { times: 2, plus: 1000 };
/** So many idle timeouts of waiting, with fewer bytes than the least rate brings, end a download. */
const LONGEST_STALL = 4;
/** A mirror whose request was overtaken by one so many times as fast is left alone for a while. */
const LOST_BY_FAR = 8;

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'left' };

/**
 * Decides which request fetches what.
 *
 * Whenever something changes, (1) every free connection gets the first segment that no request fetches, or a
 * new one; quick mirrors choose first, and their segments are larger, so that all segments take about as long;
 * (2) if nothing runs and nothing can, the download fails. Now and then, (3) connections that found no work race
 * the requests that hold up the window.
 */
export class Scheduler implements SegmentOwner {
  readonly pool: MirrorPool;
  readonly path: string;
  readonly size: number;
  /** Mirrors whose bytes are among those that came. */
  readonly servedBy = new Set<Mirror>();
  readonly #window: Window;
  /** Bytes of the window, now. */
  readonly #width: () => number;
  readonly #mirrors: readonly MirrorState[];
  readonly #requests = new Set<SegmentRequest>();
  /** Those that wait for bytes or for room. */
  readonly #waiting = new Set<() => void>();
  readonly #over = new AbortController();
  /** Milliseconds without any request. */
  #idle = 0;
  /** Milliseconds that the consumer waited while requests ran, and the bytes that came meanwhile. */
  #stall = { waited: 0, bytes: 0 };
  #leave: () => void = () => {};
  #state: State = { kind: 'running' };

  /** @param ahead bytes that may come ahead of the consumer, at most */
  constructor(
    pool: MirrorPool,
    file: { path: string; size: number },
    mirrors: readonly Mirror[],
    ahead = Number.POSITIVE_INFINITY,
  ) {
    this.pool = pool;
    this.path = file.path;
    this.size = file.size;
    this.#width = () => Math.min(pool.share.window, ahead);
    this.#window = new Window(file.size, this.#width, pool.blocks);
    this.#mirrors = mirrors.map((mirror) => new MirrorState(mirror));
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

  /** The next bytes in order, valid until the next call; undefined after the last. Throws what made the download fail. */
  async next(): Promise<Uint8Array | undefined> {
    while (!this.#window.over) {
      if (this.#state.kind === 'failed') throw this.#state.error;
      const bytes = this.#window.take();
      if (bytes !== undefined) {
        this.#wake();
        this.#fill();
        return bytes;
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
    this.#stall.bytes += fresh;
    this.servedBy.add(request.state.mirror);
    const { segment } = request;
    if (segment.complete) {
      for (const other of segment.requests) if (other !== request) this.#overtake(other, request);
    }
    if (segment === this.#window.segments[0]) this.#wake();
  }

  #overtake(slow: SegmentRequest, quick: SegmentRequest): void {
    slow.overtake();
    const { mirror } = slow.state;
    const now = this.pool.clock.now();
    if (mirror !== quick.state.mirror && slow.pace(now) * LOST_BY_FAR < quick.pace(now)) {
      this.pool.failed(mirror, slow.began, TOO_SLOW);
    }
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
      const state = this.#choose(waiting);
      if (state === undefined) return;
      const segment = this.#segmentFor(state, waiting);
      if (segment === undefined) return;
      this.#start(segment, state);
    }
  }

  #segmentFor({ mirror, use }: MirrorState, waiting: Segment | undefined): Segment | undefined {
    if (use.kind === 'without-ranges') return this.#window.remainder();
    const rate = this.pool.rate(mirror);
    const share = rate === undefined ? undefined : rate / (this.#pace + rate);
    return waiting ?? this.#window.cut(share, this.#requests.size);
  }

  /** The best mirror with a free connection; for a segment that some failed on, another one if there is. */
  #choose(segment: Segment | undefined): MirrorState | undefined {
    const { connections } = this.pool.share;
    const free = this.#mirrors.filter(
      ({ mirror, use, busy }) =>
        use.kind !== 'none' && busy < connections && this.pool.isAvailable(mirror),
    );
    const ranged = free.filter((one) => one.use.kind === 'ranges' && this.#isWorthwhile(one));
    // One stream from the beginning is for when nothing else is left.
    if (ranged.length === 0) return this.#requests.size === 0 ? free[0] : undefined;
    const order = ({ mirror, busy }: MirrorState) => [
      segment?.failed.has(mirror) ? 1 : 0,
      mirror.health.kind === 'healthy' ? 0 : 1,
      -(this.pool.rate(mirror) ?? Number.MAX_VALUE), // one that was not measured is worth a try
      busy,
    ];
    return ranged.reduce((best, one) => (isBefore(order(one), order(best)) ? one : best));
  }

  /** A mirror is left out when its smallest segment would take longer than the whole window does at this pace. */
  #isWorthwhile({ mirror }: MirrorState): boolean {
    const rate = this.pool.rate(mirror);
    return rate === undefined || rate * this.#width() >= this.#pace * this.#window.least;
  }

  /** Bytes a second of all requests that run, as far as their mirrors were measured. */
  get #pace(): number {
    let sum = 0;
    for (const { state } of this.#requests) sum += this.pool.rate(state.mirror) ?? 0;
    return sum;
  }

  /** Ends a download that nothing runs for, when no mirror is left that may be asked in good time. */
  #giveUp(): void {
    if (this.#state.kind !== 'running' || this.#requests.size > 0 || this.#window.complete) return;
    const usable = this.#mirrors.filter(({ use }) => use.kind !== 'none');
    const soonest = Math.min(...usable.map(({ mirror }) => this.pool.availableAt(mirror)));
    if (soonest <= this.pool.clock.now() + LONGEST_WAIT - this.#idle) return;
    const errors = this.#mirrors.map(({ mirror, lastError }) => [mirror, lastError] as const);
    this.fail(unreachable(this.path, errors));
  }

  /** A request that is much slower than another connection would be gets a rival for what it has not brought yet. */
  #race(): void {
    const now = this.pool.clock.now();
    for (const segment of this.#window.segments) {
      const [slow, second] = segment.requests;
      if (slow === undefined || second !== undefined || segment.complete) continue;
      if (now - slow.began < RACE_AFTER) continue;
      const rival = this.#choose(segment);
      if (rival?.use.kind !== 'ranges') return;
      const left = segment.end - segment.received;
      // A mirror that was not measured yet is assumed to be quick.
      const rate = (this.pool.rate(rival.mirror) ?? Number.POSITIVE_INFINITY) / 1000;
      const { times, plus } = WORTH_A_RACE;
      if (left / slow.pace(now) > (times * left) / rate + plus) this.#start(segment, rival);
    }
  }

  #start(segment: Segment, state: MirrorState): void {
    const request = new SegmentRequest(this, segment, state);
    const giveBack = this.pool.connect(state.mirror);
    this.#requests.add(request);
    segment.requests.add(request);
    state.busy += 1;
    void request.run().then((outcome) => {
      this.#requests.delete(request);
      segment.requests.delete(request);
      state.busy -= 1;
      this.#settle(request, outcome);
      giveBack();
    });
  }

  #settle(request: SegmentRequest, outcome: RequestOutcome): void {
    const { state, segment, began, bytes, fresh } = request;
    const { mirror } = state;
    const now = this.pool.clock.now();
    this.pool.measure(mirror, bytes, now - began);
    if (outcome.kind === 'complete' || fresh >= PROGRESS) {
      state.succeeded();
      this.pool.succeeded(mirror);
    }
    if (outcome.kind === 'thrown') this.fail(outcome.error);
    if (outcome.kind !== 'failed') return;
    const { error } = outcome;
    segment.failed.add(mirror);
    state.failed(error, began, now, this.pool.isDown(mirror));
    if (request.whole && segment.requests.size === 0) this.#window.shorten(segment);
    if (error.retry === 'later') this.pool.failed(mirror, began, error);
  }

  async #tick(): Promise<void> {
    while (this.#state.kind === 'running') {
      await this.pool.clock.sleep(TICK, this.#over.signal).catch(() => {});
      this.#step();
      if (this.#state.kind === 'running') this.#race();
      this.#checkStall();
    }
  }

  /** Ends a download that goes on for ever because now and then a request brings a few bytes. */
  #checkStall(): void {
    if (this.#requests.size === 0) this.#idle += TICK;
    if (this.#requests.size === 0 || this.#waiting.size === 0) return;
    const longest = LONGEST_STALL * this.pool.idleTimeout;
    this.#stall.waited += TICK;
    if (this.#stall.bytes >= (LEAST_RATE * longest) / 1000) this.#stall = { waited: 0, bytes: 0 };
    if (this.#stall.waited < longest) return;
    const slow = `only ${this.#stall.bytes} bytes in ${longest / 1000} s from all mirrors`;
    this.fail(
      unreachable(
        this.path,
        this.#mirrors.map(({ mirror, lastError }) => [mirror, lastError ?? slow] as const),
      ),
    );
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
