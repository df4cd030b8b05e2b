import { createHash } from 'node:crypto';

/** The SHA-256 of bytes, or of text as UTF-8, in lower-case hex: how records, catalog and caches write sums. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}
