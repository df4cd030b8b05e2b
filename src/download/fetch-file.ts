import { Readable } from 'node:stream';
import { Failure, type Reason } from '../failure.ts';
import type { Mirror, MirrorPool } from './mirrors.ts';
import { get, type StreamedResponse } from './request.ts';
import { asRequestError, RequestError, statusError, unreachable } from './response.ts';

/** What a mirror said about one file. */
export interface FileResponse {
  /** 404 stands for 410 too. */
  readonly status: 200 | 304 | 404;
  readonly mirror: Mirror;
  /** Where it came from, after redirects. */
  readonly url: string;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** The bytes as they were sent; none for 304 and 404. It errors when the connection breaks. */
  readonly body: Readable;
}

export interface FetchFileOptions {
  /** Of the copy that is there already: the answer may be 304. */
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Times that each mirror is asked. */
const TRIES = 4;
/** Nobody waits longer than this for a mirror that asked to be left alone. */
const LONGEST_WAIT = 10 * 60_000;
/** What `read` may throw to say that the content is no good, and another mirror may have better. */
const UNFIT: readonly Reason[] = [
  'bad-repository',
  'checksum-mismatch',
  'corrupt-package',
  'bad-signature',
  'unsigned',
];

/**
 * Fetches a file of metadata, a key or a listing, and lets `read` make something of it.
 *
 * Mirrors are asked in their order, so the first is the authority and the others step in. Network errors,
 * silence, 5xx and 429 lead to the next mirror, and later back to the same one. A body that breaks while
 * `read` reads it, and a `read` that throws a Failure about the content, lead to the next one as well: so
 * `read` may be called several times. "Not found" is an answer: the first mirror's at once, another's
 * when nobody has the file.
 *
 * Throws the last failure of `read`, or `network` with what each mirror did.
 */
export async function fetchFile<Result>(
  pool: MirrorPool,
  path: string,
  options: FetchFileOptions,
  read: (answer: FileResponse) => Promise<Result>,
): Promise<Result> {
  return new FileFetch(pool, path, options, read).run();
}

/** Where one mirror stands in this fetch. */
type MirrorOutcome =
  | { readonly kind: 'failed'; readonly times: number; readonly fault: RequestError }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unfit'; readonly failure: Failure };

class FileFetch<Result> {
  readonly #pool: MirrorPool;
  readonly #path: string;
  readonly #options: FetchFileOptions;
  readonly #read: (answer: FileResponse) => Promise<Result>;
  readonly #tried = new Map<Mirror, MirrorOutcome>();

  constructor(
    pool: MirrorPool,
    path: string,
    options: FetchFileOptions,
    read: (answer: FileResponse) => Promise<Result>,
  ) {
    this.#pool = pool;
    this.#path = path;
    this.#options = options;
    this.#read = read;
  }

  async run(): Promise<Result> {
    for (let mirror = await this.#next(); mirror !== undefined; mirror = await this.#next()) {
      const result = await this.#from(mirror);
      if (result !== undefined) return result.value;
    }
    const outcomes = [...this.#tried.values()];
    const unfit = outcomes.findLast((one) => one.kind === 'unfit');
    if (unfit) throw unfit.failure;
    const missing = [...this.#tried].find(([, one]) => one.kind === 'missing');
    if (missing) return this.#read(nothing(404, missing[0], missing[0].url(this.#path)));
    throw this.#unreachable();
  }

  /** The mirror to ask now, when one may be asked; undefined when there is no use in going on. */
  async #next(): Promise<Mirror | undefined> {
    for (;;) {
      const left = this.#pool.mirrors.filter((mirror) => this.#mayTry(mirror));
      const soonest = Math.min(...left.map((mirror) => this.#pool.availableAt(mirror)));
      if (soonest > this.#pool.ports.clock.now() + LONGEST_WAIT) return undefined;
      const free = left.filter((mirror) => this.#pool.isAvailable(mirror));
      // A stable sort: among equals the order of the list stays.
      free.sort((one, other) => this.#times(one) - this.#times(other));
      if (free[0]) return free[0];
      const now = this.#pool.ports.clock.now();
      // All connections in use: whoever gives one back wakes us.
      await this.#pool.change(soonest > now ? soonest : now + LONGEST_WAIT, this.#options.signal);
    }
  }

  #mayTry(mirror: Mirror): boolean {
    const tried = this.#tried.get(mirror);
    return tried === undefined || (tried.kind === 'failed' && tried.times < TRIES);
  }

  #times(mirror: Mirror): number {
    const tried = this.#tried.get(mirror);
    return tried?.kind === 'failed' ? tried.times : 0;
  }

  async #from(mirror: Mirror): Promise<{ readonly value: Result } | undefined> {
    const began = this.#pool.ports.clock.now();
    const release = this.#pool.connect(mirror);
    try {
      return await this.#get(mirror);
    } catch (thrown) {
      if (this.#options.signal?.aborted) throw this.#options.signal.reason;
      if (!(thrown instanceof RequestError)) throw thrown;
      this.#pool.failed(mirror, began, thrown.message, thrown.retryAfter);
      const times = thrown.retry === 'later' ? this.#times(mirror) + 1 : TRIES;
      this.#tried.set(mirror, { kind: 'failed', times, fault: thrown });
      return undefined;
    } finally {
      release();
    }
  }

  async #get(mirror: Mirror): Promise<{ readonly value: Result } | undefined> {
    const { etag, lastModified, signal } = this.#options;
    const asked = await get(this.#pool.ports, mirror.url(this.#path), {
      headers: {
        ...(etag === undefined ? {} : { 'if-none-match': etag }),
        ...(lastModified === undefined ? {} : { 'if-modified-since': lastModified }),
      },
      idleTimeout: this.#pool.idleTimeout,
      signal: signal ?? new AbortController().signal,
    });
    try {
      return await this.#judge(mirror, asked);
    } finally {
      asked.discard();
    }
  }

  async #judge(
    mirror: Mirror,
    asked: StreamedResponse,
  ): Promise<{ readonly value: Result } | undefined> {
    const { status, headers, url } = asked;
    if (status === 404 || status === 410) {
      this.#pool.succeeded(mirror);
      if (mirror === this.#pool.mirrors[0]) {
        return { value: await this.#read(nothing(404, mirror, url)) };
      }
      this.#tried.set(mirror, { kind: 'missing' });
      return undefined;
    }
    const fault = statusError(asked, [200, 304], this.#pool.ports.clock.date());
    if (fault) throw fault;
    this.#pool.succeeded(mirror);
    const known = { etag: headers.etag, lastModified: headers['last-modified'] };
    if (status === 304) {
      return { value: await this.#read({ ...nothing(304, mirror, url), ...known }) };
    }
    return this.#readBody({ status: 200, mirror, url, ...known }, asked);
  }

  async #readBody(
    answer: Omit<FileResponse, 'body'>,
    asked: StreamedResponse,
  ): Promise<{ readonly value: Result } | undefined> {
    const body = Readable.from(asked.bytes, { objectMode: false });
    let broken: unknown;
    body.on('error', (error) => {
      broken = error;
    });
    try {
      return { value: await this.#read({ ...answer, body }) };
    } catch (thrown) {
      // However a parser words it: when the connection broke, that is why.
      if (broken !== undefined) throw asRequestError(broken);
      if (!(thrown instanceof Failure) || !UNFIT.includes(thrown.reason)) throw thrown;
      this.#tried.set(answer.mirror, { kind: 'unfit', failure: thrown });
      return undefined;
    } finally {
      body.destroy();
    }
  }

  #unreachable(): Failure {
    const errors = this.#pool.mirrors.map((mirror) => {
      const tried = this.#tried.get(mirror);
      return [mirror, tried?.kind === 'failed' ? tried.fault.message : undefined] as const;
    });
    return unreachable(this.#path, errors);
  }
}

function nothing(status: 304 | 404, mirror: Mirror, url: string): FileResponse {
  const body = Readable.from([]);
  return { status, mirror, url, etag: undefined, lastModified: undefined, body };
}
