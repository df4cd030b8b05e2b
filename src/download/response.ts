import { describe, Failure, isSystemError } from '../failure.ts';
import type { HttpResponse } from '../platform/http.ts';
import { retryAfter } from '../platform/retry-after.ts';
import type { Mirror } from './mirrors.ts';

/**
 * What to do with a mirror after a request to it failed:
 * `later`: it may serve later; `never`: it does not have this file;
 * `without-ranges`: it has the file, and serves only the whole of it.
 */
export type Retry = 'later' | 'never' | 'without-ranges';

/** One request to one mirror that failed; the caller tries another one. It never leaves this folder. */
export class RequestError extends Error {
  readonly retry: Retry;
  /** Milliseconds that the server asked us to wait (Retry-After). */
  readonly retryAfter: number | undefined;
  /** False where no connection to the server could be made. */
  readonly connected: boolean;

  constructor(
    retry: Retry,
    message: string,
    { retryAfter, connected = true }: { retryAfter?: number | undefined; connected?: boolean } = {},
  ) {
    super(message);
    this.retry = retry;
    this.retryAfter = retryAfter;
    this.connected = connected;
  }
}

/** Errors of Node, undici and OpenSSL that come before there is a connection. */
const NO_CONNECTION = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
];

/** Anything that a request or a body threw, as an error that may be gone the next time. */
export function asRequestError(thrown: unknown): RequestError {
  if (thrown instanceof RequestError) return thrown;
  const code = NO_CONNECTION.find((one) => isSystemError(thrown, one));
  // Node gives no message when several addresses of a host refused.
  const message = describe(thrown) || code || 'no connection';
  return new RequestError('later', message, { connected: code === undefined });
}

/**
 * For a mirror that lost a race against another one by far. It would cost seconds again to find out whether it is
 * better now, so it is left alone for longer than after an error that comes at once.
 */
export const TOO_SLOW = new RequestError('later', 'slower than another mirror', {
  retryAfter: 30_000,
});

const PASSING = [408, 421, 425, 429];

/** The error that a response's status is, unless it is one of `fine`. `date` is today, for a Retry-After that is a date. */
export function statusError(
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
  fine: readonly number[],
  date: Date,
): RequestError | undefined {
  if (fine.includes(status)) return undefined;
  const passing = status >= 500 || PASSING.includes(status);
  const wait = passing ? retryAfter(headers['retry-after'], date) : undefined;
  const asked = wait === undefined ? '' : `, to be asked again in ${Math.ceil(wait / 1000)} s`;
  return new RequestError(passing ? 'later' : 'never', `status ${status}${asked}`, {
    retryAfter: wait,
  });
}

/** The failure of a file that no mirror delivered, with what each of them did. */
export function unreachable(
  path: string,
  mirrors: readonly (readonly [mirror: Mirror, error: string | undefined])[],
): Failure {
  const each = mirrors.map(([{ base, health }, error]) => {
    const known = health.kind === 'healthy' ? 'not tried' : health.error;
    return `${base}: ${error ?? known}`;
  });
  return new Failure(
    'network',
    `No mirror could deliver ${path === '' ? 'its root folder' : `'${path}'`} (${each.join('; ')}).`,
    'Check the network and the proxy variables, try again later, or name other mirrors with --mirror.',
  );
}

/** Bytes `from` up to but not including `to` of a file of `size` bytes. */
export interface SegmentRange {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/** What tells one version of a file on one mirror from the next. */
export interface FileVersion {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

type Head = Pick<HttpResponse, 'status' | 'headers'>;

/**
 * Which bytes a response carries, by its status and headers (RFC 9110, 14 and 15.3.7): of a 206 the beginning
 * of what was wanted, or all of it; of a 200 the whole file.
 *
 * Throws a `RequestError`: 'without-ranges' for a server that ignores ranges, when the file was not wanted from its first
 * byte to its last; 'later' for a file of another size, another range, or a passing status; 'never' otherwise.
 */
export function grantedRange(head: Head, wanted: SegmentRange, date: Date): SegmentRange {
  const { status, headers } = head;
  if (status === 416) throw new RequestError('later', 'it has a shorter file (status 416)');
  const error = statusError(head, [200, 206], date);
  if (error) throw error;
  const length = headers['content-length'];
  const encoding = headers['content-encoding'] ?? 'identity';
  // A label on bytes that have the right length is only a label, and never decoded.
  if (encoding !== 'identity' && length === undefined) {
    throw new RequestError(
      'later',
      `it changes the bytes on the way (Content-Encoding: ${encoding})`,
    );
  }
  if (status === 200 && (wanted.from > 0 || wanted.to < wanted.size)) {
    throw new RequestError('without-ranges', 'it does not serve ranges');
  }
  const range = status === 200 ? wanted : partOf(headers, wanted);
  if (length !== undefined && Number(length) !== range.to - range.from) {
    throw otherSize(`${length} bytes`, range.to - range.from);
  }
  return range;
}

function partOf(headers: Head['headers'], { from, to, size }: SegmentRange): SegmentRange {
  const header = headers['content-range'] ?? '';
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(header.trim());
  if (!match)
    throw new RequestError('later', `it answered with the range '${header.slice(0, 80)}'`);
  const [first, last] = [Number(match[1]), Number(match[2])];
  if (match[3] !== '*' && Number(match[3]) !== size) throw otherSize(`${match[3]} bytes`, size);
  if (first !== from || last < first || last >= to) {
    throw new RequestError(
      'later',
      `it answered with bytes ${first}-${last} for ${from}-${to - 1}`,
    );
  }
  return { from, to: last + 1, size };
}

function otherSize(has: string, expected: number): RequestError {
  return new RequestError(
    'later',
    `it has another version of the file: ${has} instead of ${expected}`,
  );
}

export function versionOf({ headers }: Head): FileVersion {
  return { etag: headers.etag, lastModified: headers['last-modified'] };
}

/** How a version differs from an earlier one; undefined when nothing says that it does. */
export function difference(before: FileVersion, now: FileVersion): string | undefined {
  const differ = (one: string | undefined, other: string | undefined) =>
    one !== undefined && other !== undefined && one !== other;
  if (differ(before.etag, now.etag)) return `ETag ${now.etag} after ${before.etag}`;
  if (differ(before.lastModified, now.lastModified)) {
    return `Last-Modified ${now.lastModified} after ${before.lastModified}`;
  }
  return undefined;
}
