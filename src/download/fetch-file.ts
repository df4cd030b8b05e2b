import { Readable } from 'node:stream';
import { Failure, type Reason } from '../failure.ts';
import type { Mirror, MirrorPool } from './mirrors.ts';
import { get, type StreamedResponse } from './request.ts';
import { asRequestError, RequestError, statusError, TOO_SLOW, unreachable } from './response.ts';

/** What a mirror has for one path. */
export interface FileResponse {
  /** 404 stands for 410 too. */
  readonly status: 200 | 304 | 404;
  readonly mirror: Mirror;
  /** Where it came from, after redirects. */
  readonly url: string;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Of a 404 that counts although these mirrors gave no answer: they may have the file. */
  readonly withoutAnswer: readonly Mirror[];
  /** The bytes as they were sent; none for 304 and 404. It errors when the connection breaks. */
  readonly body: Readable;
}

export interface FetchFileOptions {
  /** Of the copy that is there already: the response may be 304. */
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** The base of the mirror to ask before the others; the first of the pool where undefined. */
  readonly prefer?: string | undefined;
  /**
   * When "not found" counts: `first`: at once from the first mirror, from another when no further one can
   * answer now; `all`: when every mirror that can be reached says so.
   */
  readonly notFound?: 'first' | 'all';
  readonly signal?: AbortSignal | undefined;
}

/** Times that each mirror is asked. */
const TRIES = 4;
/** The longest that a file waits in all for mirrors that say when to come back, in milliseconds. */
const LONGEST_WAIT = 10 * 60_000;
/** The same where another mirror does not have the file, or has content that was refused. */
const LONGEST_WAIT_FOR_BETTER = 30_000;
/** A transfer that takes longer, and is slower than this, gets a rival on another mirror. */
const RACE_AFTER = 2000;
const RACE_BELOW_BYTES_PER_SECOND = 32 * 1024;
const TICK = 500;
/** What `read` may throw to say that the content is refused, and another mirror may have better. */
const ABOUT_CONTENT: readonly Reason[] = [
  'bad-repository',
  'checksum-mismatch',
  'corrupt-package',
  'bad-signature',
  'unsigned',
];

/**
 * Fetches a file of metadata, a key or a listing, and passes it to `read`.
 *
 * Mirrors are asked in their order, healthy ones first. Network errors, silence, 5xx and 429 lead to the next
 * mirror, and later back to the same one. A transfer that is slow is raced by the next mirror; the first that
 * is complete counts, and slower ones are asked last from then on. A `read` that throws a Failure about the
 * content leads to the next mirror too: so `read` may be called several times, and at the same time.
 *
 * Throws the last failure of `read`, or `network` with what each mirror did.
 */
export async function fetchFile<Result>(
  pool: MirrorPool,
  path: string,
  options: FetchFileOptions,
  read: (response: FileResponse) => Promise<Result>,
): Promise<Result> {
  return new FileFetch(pool, path, options, read).run();
}

/** What came of asking one mirror, in this fetch. */
type MirrorOutcome =
  | { readonly kind: 'failed'; readonly times: number; readonly error: RequestError }
  | { readonly kind: 'missing'; readonly url: string }
  | { readonly kind: 'refused'; readonly failure: Failure };

/** One request that runs. */
interface Transfer {
  readonly mirror: Mirror;
  readonly began: number;
  readonly abort: AbortController;
  /** Gives the connection back; safe to call again. */
  readonly release: () => void;
  bytes: number;
  /** All bytes are here, and `read` is at work. */
  complete: boolean;
}

type Result<Value> =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'thrown'; readonly error: unknown };

class FileFetch<Value> {
  readonly #pool: MirrorPool;
  readonly #path: string;
  readonly #options: FetchFileOptions;
  readonly #read: (response: FileResponse) => Promise<Value>;
  readonly #outcomes = new Map<Mirror, MirrorOutcome>();
  readonly #transfers = new Set<Transfer>();
  readonly #began: number;
  #result: Result<Value> | undefined;

  constructor(
    pool: MirrorPool,
    path: string,
    options: FetchFileOptions,
    read: (response: FileResponse) => Promise<Value>,
  ) {
    this.#pool = pool;
    this.#path = path;
    this.#options = options;
    this.#read = read;
    this.#began = pool.clock.now();
  }

  async run(): Promise<Value> {
    const { signal } = this.#options;
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (this.#result?.kind === 'value') return this.#result.value;
        if (this.#result?.kind === 'thrown') throw this.#result.error;
        const missing = this.#missing();
        if (missing) return await this.#read(missing);
        const mirror = this.#next();
        if (mirror) this.#start(mirror);
        else if (this.#isOver()) throw this.#failure();
        else await this.#pool.change(this.#wakeAt(), signal);
      }
    } finally {
      for (const transfer of this.#transfers) this.#cancel(transfer);
    }
  }

  /** The response that says "not found", once that counts. */
  #missing(): FileResponse | undefined {
    const missing = [...this.#outcomes].find(([, { kind }]) => kind === 'missing');
    if (missing === undefined) return undefined;
    const [mirror, outcome] = missing;
    const { mirrors } = this.#pool;
    const isFirst = this.#outcomes.get(mirrors[0] as Mirror)?.kind === 'missing';
    const counts =
      this.#options.notFound === 'all'
        ? this.#isOver()
        : isFirst ||
          mirrors.every((other) => this.#outcomes.has(other) || this.#cannotAnswerNow(other));
    if (!counts || outcome.kind !== 'missing') return undefined;
    // The first mirror is believed without asking the others.
    const withoutAnswer = mirrors.filter((other) => {
      const kind = this.#outcomes.get(other)?.kind;
      return kind === 'failed' || (kind === undefined && other !== mirror && !isFirst);
    });
    return withoutBody(404, mirror, outcome.url, withoutAnswer);
  }

  #cannotAnswerNow(mirror: Mirror): boolean {
    const transfer = [...this.#transfers].find((one) => one.mirror === mirror);
    return transfer ? this.#isSlow(transfer) : this.#pool.availableAt(mirror) > this.#now();
  }

  /** The mirror to ask now; undefined while the one that is asked does well, or none is free. */
  #next(): Mirror | undefined {
    if ([...this.#transfers].some((one) => !this.#isSlow(one))) return undefined;
    const rank = (mirror: Mirror) => [
      this.#times(mirror),
      mirror.base === this.#options.prefer ? 0 : 1,
      mirror.health.kind === 'healthy' ? 0 : 1,
    ];
    return this.#candidates()
      .filter((mirror) => this.#pool.isAvailable(mirror))
      .toSorted((one, other) => compare(rank(one), rank(other)))[0];
  }

  /** Mirrors that are not asked now and may be later, in their order. */
  #candidates(): readonly Mirror[] {
    const asked = new Set([...this.#transfers].map(({ mirror }) => mirror));
    return this.#pool.mirrors.filter((mirror) => !asked.has(mirror) && this.#mayTry(mirror));
  }

  #mayTry(mirror: Mirror): boolean {
    const outcome = this.#outcomes.get(mirror);
    if (outcome === undefined) return true;
    const tries = this.#pool.isDown(mirror) ? 1 : TRIES;
    return outcome.kind === 'failed' && outcome.times < tries;
  }

  #times(mirror: Mirror): number {
    const outcome = this.#outcomes.get(mirror);
    return outcome?.kind === 'failed' ? outcome.times : 0;
  }

  #isSlow({ began, bytes, complete }: Transfer): boolean {
    const elapsed = this.#now() - began;
    const rate = (bytes * 1000) / Math.max(1, elapsed);
    return !complete && elapsed >= RACE_AFTER && rate < RACE_BELOW_BYTES_PER_SECOND;
  }

  /** Whether nothing runs and no mirror can be asked in good time. */
  #isOver(): boolean {
    if (this.#transfers.size > 0) return false;
    const answered = [...this.#outcomes.values()].some(({ kind }) => kind !== 'failed');
    const longest = answered ? LONGEST_WAIT_FOR_BETTER : LONGEST_WAIT;
    const soonest = Math.min(...this.#candidates().map((one) => this.#pool.availableAt(one)));
    return soonest > Math.min(this.#now() + longest, this.#began + LONGEST_WAIT);
  }

  #wakeAt(): number {
    const now = this.#now();
    const later = this.#candidates().map((mirror) => this.#pool.availableAt(mirror));
    const races = [...this.#transfers].map(({ began }) => Math.max(began + RACE_AFTER, now + TICK));
    // Where all connections are in use, one that becomes free is a change of the pool.
    return Math.min(now + LONGEST_WAIT, ...races, ...later.filter((time) => time > now));
  }

  #start(mirror: Mirror): void {
    const transfer: Transfer = {
      mirror,
      began: this.#now(),
      abort: new AbortController(),
      release: once(this.#pool.connect(mirror)),
      bytes: 0,
      complete: false,
    };
    this.#transfers.add(transfer);
    void this.#ask(transfer).then(
      (value) => this.#end(transfer, value),
      (error: unknown) => {
        this.#note(transfer, error);
        this.#end(transfer, undefined);
      },
    );
  }

  #end(transfer: Transfer, value: { value: Value } | undefined): void {
    this.#transfers.delete(transfer);
    if (value) this.#result ??= { kind: 'value', value: value.value };
    transfer.release();
    this.#pool.notify(); // which wakes `run`
  }

  #note({ mirror, began, abort }: Transfer, error: unknown): void {
    if (error instanceof RequestError) {
      const lost = abort.signal.aborted;
      // A request that is not needed any more says nothing about its mirror, unless it was too slow.
      if (!lost || error === TOO_SLOW) this.#pool.failed(mirror, began, error);
      const times = error.retry === 'later' ? this.#times(mirror) + 1 : TRIES;
      this.#outcomes.set(mirror, { kind: 'failed', times, error });
    } else if (error instanceof Failure && ABOUT_CONTENT.includes(error.reason)) {
      this.#outcomes.set(mirror, { kind: 'refused', failure: error });
    } else {
      this.#result ??= { kind: 'thrown', error };
    }
  }

  async #ask(transfer: Transfer): Promise<{ value: Value } | undefined> {
    const { etag, lastModified } = this.#options;
    const headers: Record<string, string> = {};
    if (etag !== undefined) headers['if-none-match'] = etag;
    if (lastModified !== undefined) headers['if-modified-since'] = lastModified;
    const response = await get(this.#pool.dependencies, transfer.mirror.url(this.#path), {
      headers,
      idleTimeout: this.#pool.idleTimeout,
      signal: transfer.abort.signal,
    });
    try {
      return await this.#judge(transfer, response);
    } finally {
      response.discard();
    }
  }

  async #judge(
    transfer: Transfer,
    response: StreamedResponse,
  ): Promise<{ value: Value } | undefined> {
    const { mirror } = transfer;
    const { status, headers, url } = response;
    if (status === 404 || status === 410) {
      this.#pool.succeeded(mirror);
      this.#outcomes.set(mirror, { kind: 'missing', url });
      return undefined;
    }
    const error = statusError(response, [200, 304], this.#pool.clock.date());
    if (error) throw error;
    const version = { etag: headers.etag, lastModified: headers['last-modified'] };
    if (status === 304) {
      this.#completed(transfer);
      return { value: await this.#read({ ...withoutBody(304, mirror, url, []), ...version }) };
    }
    const { etag, lastModified } = version;
    return this.#readBody(transfer, response, {
      status: 200,
      mirror,
      url,
      etag,
      lastModified,
      withoutAnswer: [],
    });
  }

  async #readBody(
    transfer: Transfer,
    response: StreamedResponse,
    head: Omit<FileResponse, 'body'>,
  ): Promise<{ value: Value }> {
    const body = Readable.from(this.#counted(transfer, response), { objectMode: false });
    let broken: unknown;
    body.on('error', (error) => {
      broken = error;
    });
    try {
      return { value: await this.#read({ ...head, body }) };
    } catch (thrown) {
      // Whatever a parser says of it: when the connection broke, that is the reason.
      if (broken !== undefined) throw asRequestError(broken);
      throw thrown;
    } finally {
      body.destroy();
    }
  }

  async *#counted(transfer: Transfer, response: StreamedResponse): AsyncGenerator<Buffer, void> {
    for await (const chunk of response.bytes) {
      transfer.bytes += chunk.length;
      yield chunk;
    }
    this.#completed(transfer);
  }

  #cancel(transfer: Transfer): void {
    const { signal } = this.#options;
    const reason = this.#isSlow(transfer) ? TOO_SLOW : NOT_NEEDED;
    transfer.abort.abort(signal?.aborted ? signal.reason : reason);
  }

  /** All bytes of a transfer are here: those that race it are ended. */
  #completed(transfer: Transfer): void {
    transfer.complete = true;
    // `read` may fetch other files, which need a connection.
    transfer.release();
    this.#pool.succeeded(transfer.mirror);
    for (const other of this.#transfers) {
      if (other !== transfer) this.#cancel(other);
    }
  }

  #failure(): Failure {
    const outcomes = [...this.#outcomes.values()];
    const refused = outcomes.findLast((one) => one.kind === 'refused');
    if (refused) return refused.failure;
    const errors = this.#pool.mirrors.map((mirror) => {
      const outcome = this.#outcomes.get(mirror);
      return [mirror, outcome?.kind === 'failed' ? outcome.error.message : undefined] as const;
    });
    return unreachable(this.#path, errors);
  }

  #now(): number {
    return this.#pool.clock.now();
  }
}

const NOT_NEEDED = new RequestError('later', 'not needed');

function once(call: () => void): () => void {
  let called = false;
  return () => {
    if (!called) call();
    called = true;
  };
}

function withoutBody(
  status: 304 | 404,
  mirror: Mirror,
  url: string,
  withoutAnswer: readonly Mirror[],
): FileResponse {
  const body = Readable.from([]);
  return { status, mirror, url, etag: undefined, lastModified: undefined, withoutAnswer, body };
}

/** Compares number by number, as `sort` wants it. */
function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at === -1 ? 0 : (one[at] as number) - (other[at] as number);
}
