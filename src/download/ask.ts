import type { HttpResponse } from '../platform/http.ts';
import { asFault, Fault } from './fault.ts';
import type { Ports } from './mirrors.ts';

export interface Asked extends Omit<HttpResponse, 'body'> {
  /** The bytes as they were sent. Ends, or throws a `Fault`; leaving it early closes the connection. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
  /** For whoever does not read the bytes at all: closes the connection. */
  discard(): void;
}

export interface AskOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds without a byte after which the request is a fault; the time a consumer takes does not count. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** One GET under a deadline on progress. Throws the signal's reason when that is why, else a `Fault`. */
export async function ask(ports: Ports, url: string, options: AskOptions): Promise<Asked> {
  const { headers, deadline, signal } = options;
  signal.throwIfAborted();
  const watch = new Watch(ports.clock, deadline, signal);
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

async function* watched(body: HttpResponse['body'], watch: Watch): AsyncGenerator<Buffer, void> {
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
class Watch {
  readonly #abort = new AbortController();
  readonly #over = new AbortController();
  readonly #clock: Ports['clock'];
  readonly #deadline: number;
  readonly #owner: AbortSignal;
  #expectedSince: number | undefined;

  constructor(clock: Ports['clock'], deadline: number, owner: AbortSignal) {
    this.#clock = clock;
    this.#deadline = deadline;
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
    return asFault(this.#abort.signal.aborted ? this.#abort.signal.reason : error);
  }

  readonly #passOn = () => this.#abort.abort(this.#owner.reason);

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const since = this.#expectedSince ?? this.#clock.now();
      const left = since + this.#deadline - this.#clock.now();
      if (left <= 0) {
        const silence = `no byte for ${this.#deadline / 1000} s`;
        return this.#abort.abort(new Fault('again', silence));
      }
      await this.#clock.sleep(left, this.#over.signal).catch(() => {});
    }
  }
}
