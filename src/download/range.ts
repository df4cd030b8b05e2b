import type { HttpResponse } from '../platform/http.ts';
import { Fault, statusFault } from './fault.ts';

/** Bytes `from` up to but not including `to` of a file of `size` bytes. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/** What tells one version of a file on one mirror from the next. */
export interface Version {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

type Head = Pick<HttpResponse, 'status' | 'headers'>;

/**
 * Which bytes an answer carries, by its status and headers (RFC 9110, 14 and 15.3.7): of a 206 the beginning
 * of what was wanted, or all of it; of a 200 the whole file.
 *
 * Throws a `Fault`: 'whole' for a server that ignores ranges, when the file was not wanted from its first
 * byte to its last; 'again' for a file of another size, another range, or a passing status; 'never' otherwise.
 */
export function granted(head: Head, wanted: Range, date: Date): Range {
  const { status, headers } = head;
  if (status === 416) throw new Fault('again', 'it has a shorter file (status 416)');
  const fault = statusFault(head, [200, 206], date);
  if (fault) throw fault;
  const length = headers['content-length'];
  const encoding = headers['content-encoding'] ?? 'identity';
  // A label on bytes that have the right length is only a label, and never decoded.
  if (encoding !== 'identity' && length === undefined) {
    throw new Fault('again', `it changes the bytes on the way (Content-Encoding: ${encoding})`);
  }
  if (status === 200 && (wanted.from > 0 || wanted.to < wanted.size)) {
    throw new Fault('whole', 'it does not serve ranges');
  }
  const range = status === 200 ? wanted : partOf(headers, wanted);
  if (length !== undefined && Number(length) !== range.to - range.from) {
    throw otherSize(`${length} bytes`, range.to - range.from);
  }
  return range;
}

function partOf(headers: Head['headers'], { from, to, size }: Range): Range {
  const header = headers['content-range'] ?? '';
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(header.trim());
  if (!match) throw new Fault('again', `it answered with the range '${header.slice(0, 80)}'`);
  const [first, last] = [Number(match[1]), Number(match[2])];
  if (match[3] !== '*' && Number(match[3]) !== size) throw otherSize(`${match[3]} bytes`, size);
  if (first !== from || last < first || last >= to) {
    throw new Fault('again', `it answered with bytes ${first}-${last} for ${from}-${to - 1}`);
  }
  return { from, to: last + 1, size };
}

function otherSize(has: string, expected: number): Fault {
  return new Fault('again', `it has another version of the file: ${has} instead of ${expected}`);
}

export function versionOf({ headers }: Head): Version {
  return { etag: headers.etag, lastModified: headers['last-modified'] };
}

/** How a version differs from an earlier one; undefined when nothing says that it does. */
export function difference(before: Version, now: Version): string | undefined {
  const differ = (one: string | undefined, other: string | undefined) =>
    one !== undefined && other !== undefined && one !== other;
  if (differ(before.etag, now.etag)) return `ETag ${now.etag} after ${before.etag}`;
  if (differ(before.lastModified, now.lastModified)) {
    return `Last-Modified ${now.lastModified} after ${before.lastModified}`;
  }
  return undefined;
}
