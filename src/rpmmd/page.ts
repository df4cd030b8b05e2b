import * as v from 'valibot';
import { fetchFile } from '../download/fetch-file.ts';
import type { Mirror, MirrorPool } from '../download/mirrors.ts';
import { Failure } from '../failure.ts';
import { readBody } from '../platform/http.ts';
import type { MetadataCache } from './cache.ts';

/** A listing or a repomd.xml has a few hundred kB at most. */
const LARGEST_PAGE = 16 * 1024 * 1024;

/** A small text file of a mirror. */
export interface Page {
  readonly text: string;
  /** Where it came from, after redirects. */
  readonly url: string;
  /** The base of the mirror that has it. */
  readonly mirror: string;
}

export interface MetadataContext {
  readonly pool: MirrorPool;
  readonly cache: MetadataCache;
  readonly signal: AbortSignal;
  /** Hears that a mirror says there is no such file, while others that may have it gave no answer. */
  readonly onDoubt: (path: string, withoutAnswer: readonly Mirror[]) => void;
}

const CachedPage = v.object({
  text: v.string(),
  url: v.string(),
  mirror: v.string(),
  etag: v.optional(v.string()),
  lastModified: v.optional(v.string()),
});

/**
 * Passes a small text file to `use`; it is transferred only if it changed since it was cached. Undefined where
 * there is none. What `use` refuses with `bad-repository` or `checksum-mismatch` is read from the next mirror.
 * Rejects with `network`, or what `use` refused last.
 */
export async function readPage<Result>(
  { pool, cache, signal, onDoubt }: MetadataContext,
  path: string,
  use: (page: Page) => Promise<Result>,
): Promise<Result | undefined> {
  const key = `page ${pool.mirrors.map(({ base }) => base).join(' ')} ${path}`;
  const cached = await cache.read(key, CachedPage);
  const options = { etag: cached?.etag, lastModified: cached?.lastModified, signal };
  return fetchFile(
    pool,
    path,
    options,
    async ({ status, url, mirror, etag, lastModified, withoutAnswer, body }) => {
      if (status === 404) {
        if (withoutAnswer.length > 0) onDoubt(path, withoutAnswer);
        return undefined;
      }
      if (status === 304 && cached) return use(cached);
      const exceeded = (why: string) => new Failure('bad-repository', `${url} ${why}.`);
      const bytes = await readBody(body, { bytes: LARGEST_PAGE, exceeded });
      const page: Page = { text: bytes.toString('utf8'), url, mirror: mirror.base };
      const result = await use(page);
      if (etag ?? lastModified) {
        await cache.write(key, { text: page.text, url, mirror: page.mirror, etag, lastModified });
      }
      return result;
    },
  );
}
