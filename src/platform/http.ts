import type { Readable } from 'node:stream';

export interface HttpRequest {
  readonly url: string;
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Redirects are followed, or with `manual` handed back like any other answer. */
  readonly redirect?: 'follow' | 'manual';
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; a repeated header is joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes as the server sent them: never decoded. Whoever does not read it to its end destroys it. */
  readonly body: Readable;
  /** Where the answer came from, after redirects. */
  readonly url: string;
}

/** The one door to HTTP; `download/http.ts` is what stands behind it outside of tests. */
export interface Http {
  /** Rejects on what is no answer (refused, reset, TLS, DNS); an answer of any status resolves. */
  request(request: HttpRequest): Promise<HttpResponse>;
}
