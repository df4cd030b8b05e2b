import type { Readable } from 'node:stream';
import type { Clock } from './clock.ts';

export interface HttpRequest {
  readonly url: string;
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Redirects are followed, or with `manual` returned like any other response. */
  readonly redirect?: 'follow' | 'manual';
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; a repeated header is joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes as the server sent them: never decoded. A caller that does not read it to its end destroys it. */
  readonly body: Readable;
  /** Where the response came from, after redirects. */
  readonly url: string;
}

/** The only access to HTTP; `download/http.ts` implements it outside of tests. */
export interface Http {
  /**
   * Rejects when there is no response (refused, reset, TLS, DNS, a redirect from https to http) and with the
   * signal's reason; a response of any status resolves.
   */
  request(request: HttpRequest): Promise<HttpResponse>;
}

export interface BodyLimits {
  /** The most bytes that the body may have. */
  readonly bytes: number;
  /** The longest that reading may take; undefined where the stream has a limit of its own. */
  readonly time?: { readonly clock: Clock; readonly milliseconds: number } | undefined;
  /** Makes the error of a body that is over a limit, from a phrase such as `has more than 10 bytes`. */
  readonly exceeded: (why: string) => Error;
}

/**
 * A small body as one buffer. Rejects with what `exceeded` makes, or the stream's own error; the stream is
 * closed in any case, and no more than the limit and one chunk is in memory.
 */
export async function readBody(body: Readable, limits: BodyLimits): Promise<Buffer> {
  const { bytes, time, exceeded } = limits;
  const over = new AbortController();
  time?.clock.sleep(time.milliseconds, over.signal).then(
    () => body.destroy(exceeded(`took longer than ${time.milliseconds / 1000} s`)),
    () => {},
  );
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > bytes) throw exceeded(`has more than ${bytes} bytes`);
      chunks.push(chunk);
    }
  } finally {
    over.abort();
  }
  return Buffer.concat(chunks);
}
