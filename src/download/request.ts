import type { Clock } from '../platform/clock.ts';
import type { HttpResponse } from '../platform/http.ts';
import type { PoolDependencies } from './mirrors.ts';
import { asRequestError, RequestError } from './response.ts';

export interface StreamedResponse extends Omit<HttpResponse, 'body'> {
  /** The bytes as they were sent. Ends, or throws a `RequestError`; leaving it early closes the connection. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
  /** Closes the connection of a response whose bytes are not read. */
  discard(): void;
}

export interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds without a byte, or with fewer than the least rate, after which the request fails. */
  readonly idleTimeout: number;
  readonly signal: AbortSignal;
}

/** Bytes a second: a body that comes slower over the whole of an idle timeout is given up. */
export const LEAST_RATE = 1024;

/**
 * One GET that fails when nothing or next to nothing comes for too long. Time that the consumer of the bytes
 * takes does not count. Throws the signal's reason when that is why, else a `RequestError`.
 */
export async function get(
  { http, clock }: PoolDependencies,
  url: string,
  options: RequestOptions,
): Promise<StreamedResponse> {
  const { headers, idleTimeout, signal } = options;
  signal.throwIfAborted();
  const timer = new IdleTimer(clock, idleTimeout, signal);
  try {
    const response = await http.request({ url, headers, signal: timer.signal });
    // Until it is read, a body that is destroyed has no other listener for its error.
    response.body.on('error', () => {});
    return {
      status: response.status,
      headers: response.headers,
      url: response.url,
      bytes: timed(response.body, timer),
      discard: () => {
        timer.end();
        response.body.destroy();
      },
    };
  } catch (error) {
    timer.end();
    throw timer.reason(error);
  }
}

async function* timed(body: HttpResponse['body'], timer: IdleTimer): AsyncGenerator<Buffer, void> {
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      timer.pause(chunk.length);
      yield chunk;
      timer.resume();
    }
  } catch (error) {
    throw timer.reason(error);
  } finally {
    timer.end();
    body.destroy();
  }
}

/** Aborts a request when its caller does, or when too little came while something was expected. */
class IdleTimer {
  readonly #abort = new AbortController();
  readonly #over = new AbortController();
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #caller: AbortSignal;
  /** Since when a byte is expected; undefined while the consumer is at work. */
  #expectedSince: number | undefined;
  /** Of the current period: milliseconds of waiting that are over, and the bytes that came. */
  #waited = 0;
  #bytes = 0;

  constructor(clock: Clock, timeout: number, caller: AbortSignal) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#caller = caller;
    this.#caller.addEventListener('abort', this.#passOn);
    this.resume();
    void this.#run();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  resume(): void {
    this.#expectedSince = this.#clock.now();
  }

  /** So many bytes came; until `resume` nothing is expected. */
  pause(bytes: number): void {
    this.#waited += this.#clock.now() - (this.#expectedSince ?? this.#clock.now());
    this.#bytes += bytes;
    this.#expectedSince = undefined;
    if (this.#bytes >= (LEAST_RATE * this.#timeout) / 1000) {
      this.#waited = 0;
      this.#bytes = 0;
    }
  }

  end(): void {
    this.#caller.removeEventListener('abort', this.#passOn);
    this.#over.abort();
  }

  /** What to throw for an error that came out of the request. */
  reason(error: unknown): unknown {
    if (this.#caller.aborted) return this.#caller.reason;
    return asRequestError(this.#abort.signal.aborted ? this.#abort.signal.reason : error);
  }

  readonly #passOn = () => this.#abort.abort(this.#caller.reason);

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const now = this.#clock.now();
      const waited = this.#waited + now - (this.#expectedSince ?? now);
      const left = this.#timeout - waited;
      if (left <= 0) return this.#abort.abort(new RequestError('later', this.#complaint));
      await this.#clock.sleep(left, this.#over.signal).catch(() => {});
    }
  }

  get #complaint(): string {
    const seconds = this.#timeout / 1000;
    return this.#bytes === 0
      ? `no byte for ${seconds} s`
      : `only ${this.#bytes} bytes in ${seconds} s`;
  }
}
