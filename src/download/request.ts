import type { HttpResponse } from '../platform/http.ts';
import type { PoolDependencies } from './mirrors.ts';
import { asRequestError, RequestError } from './response.ts';

export interface StreamedResponse extends Omit<HttpResponse, 'body'> {
  /** The bytes as they were sent. Ends, or throws a `RequestError`; leaving it early closes the connection. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
  /** For whoever does not read the bytes at all: closes the connection. */
  discard(): void;
}

export interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds without a byte after which the request is a fault; the time a consumer takes does not count. */
  readonly idleTimeout: number;
  readonly signal: AbortSignal;
}

/** One GET with a limit on the time without a byte. Throws the signal's reason when that is why, else a `RequestError`. */
export async function get(
  ports: PoolDependencies,
  url: string,
  options: RequestOptions,
): Promise<StreamedResponse> {
  const { headers, idleTimeout, signal } = options;
  signal.throwIfAborted();
  const watch = new IdleTimer(ports.clock, idleTimeout, signal);
  try {
    const response = await ports.http.request({ url, headers, signal: watch.signal });
    // Until its first reader comes, nobody would hear the error of a body that is destroyed.
    response.body.on('error', () => {});
    const discard = () => {
      watch.end();
      response.body.destroy();
    };
    return { ...response, bytes: watched(response.body, watch), discard };
  } catch (error) {
    watch.end();
    throw watch.why(error);
  }
}

async function* watched(
  body: HttpResponse['body'],
  watch: IdleTimer,
): AsyncGenerator<Buffer, void> {
  try {
    for await (const chunk of body) {
      watch.rest();
      yield chunk as Buffer;
      watch.expect();
    }
  } catch (error) {
    throw watch.why(error);
  } finally {
    watch.end();
    body.destroy();
  }
}

/** Aborts a request when its owner does, or when nothing came for too long while something was expected. */
class IdleTimer {
  readonly #abort = new AbortController();
  readonly #over = new AbortController();
  readonly #clock: PoolDependencies['clock'];
  readonly #idleTimeout: number;
  readonly #owner: AbortSignal;
  #expectedSince: number | undefined;

  constructor(clock: PoolDependencies['clock'], idleTimeout: number, owner: AbortSignal) {
    this.#clock = clock;
    this.#idleTimeout = idleTimeout;
    this.#owner = owner;
    this.#owner.addEventListener('abort', this.#passOn);
    this.expect();
    void this.#run();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  expect(): void {
    this.#expectedSince = this.#clock.now();
  }

  rest(): void {
    this.#expectedSince = undefined;
  }

  end(): void {
    this.#owner.removeEventListener('abort', this.#passOn);
    this.#over.abort();
  }

  /** What to throw for an error that came out of the request. */
  why(error: unknown): unknown {
    if (this.#owner.aborted) return this.#owner.reason;
    return asRequestError(this.#abort.signal.aborted ? this.#abort.signal.reason : error);
  }

  readonly #passOn = () => this.#abort.abort(this.#owner.reason);

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const since = this.#expectedSince ?? this.#clock.now();
      const left = since + this.#idleTimeout - this.#clock.now();
      if (left <= 0) {
        const silence = `no byte for ${this.#idleTimeout / 1000} s`;
        return this.#abort.abort(new RequestError('later', silence));
      }
      await this.#clock.sleep(left, this.#over.signal).catch(() => {});
    }
  }
}
