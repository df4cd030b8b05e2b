import { deflateSync, inflateSync, strFromU8, strToU8 } from 'fflate';
import { Failure } from '../failure.ts';
import type { SqlValue } from './port.ts';

/** A body as the database keeps it: text, or where that is long, the same deflated. */
export type PackedBody = string | Uint8Array;

/**
 * Characters from which on a body is deflated. Nearly all functions are shorter: they cost more time than they
 * would save, and a database of plain text is easier to read with other programs. What changes here changes the bytes
 * of an extended database against a new one: raise SITE_SCHEMA with it.
 */
const DEFLATED_FROM = 300;

export function isPackedAsText(body: string): boolean {
  return body.length < DEFLATED_FROM;
}

/** The same text gives the same bytes everywhere, which zlib does not promise from build to build. */
export function packBody(body: string): PackedBody {
  return isPackedAsText(body) ? body : deflateSync(strToU8(body), { level: 6 });
}

/** @throws Failure `bad-archive` for what cannot be inflated */
export function unpackBody(body: SqlValue | undefined): string {
  try {
    if (typeof body === 'string') return body;
    if (body instanceof Uint8Array) return strFromU8(inflateSync(body));
  } catch (error) {
    throw damaged(error);
  }
  throw damaged();
}

function damaged(cause?: unknown): Failure {
  const message = 'A definition in the database is damaged.';
  return new Failure('bad-archive', message, 'Build the site again.', cause);
}
