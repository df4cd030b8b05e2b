import * as v from 'valibot';
import { type FileResponse, fetchFile } from '../download/fetch-file.ts';
import type { MirrorPool } from '../download/mirrors.ts';
import { Failure } from '../failure.ts';
import type { MetadataCache } from './cache.ts';

/** A listing or a repomd.xml has a few hundred kB at most. */
const LARGEST_PAGE = 16 * 1024 * 1024;

/** A small text file of a mirror. */
export interface Page {
  readonly text: string;
  /** Where it came from, after redirects. */
  readonly url: string;
  /** The root of the mirror that has it. */
  readonly mirror: string;
}

export interface Reading {
  readonly pool: MirrorPool;
  readonly cache: MetadataCache;
  readonly signal: AbortSignal;
}

const KeptPage = v.object({
  text: v.string(),
  url: v.string(),
  mirror: v.string(),
  etag: v.optional(v.string()),
  lastModified: v.optional(v.string()),
});

/**
 * Makes something of a small text file, which is asked for only if it changed since it was kept;
 * undefined where there is none. What `use` refuses with `bad-repository` or `checksum-mismatch` is
 * read from the next mirror. Rejects with `network`, or what `use` refused last.
 */
export async function readPage<Result>(
  { pool, cache, signal }: Reading,
  path: string,
  use: (page: Page) => Promise<Result>,
): Promise<Result | undefined> {
  const key = `page ${pool.mirrors.map(({ base }) => base).join(' ')} ${path}`;
  const kept = await cache.read(key, KeptPage);
  const { etag, lastModified } = kept ?? {};
  return fetchFile(pool, path, { etag, lastModified, signal }, async (answer) => {
    if (answer.status === 404) return undefined;
    if (answer.status === 304 && kept) return use(kept);
    const page = { text: await textOf(answer), url: answer.url, mirror: answer.mirror.base };
    const result = await use(page);
    if (answer.etag ?? answer.lastModified) {
      await cache.write(key, { ...page, etag: answer.etag, lastModified: answer.lastModified });
    }
    return result;
  });
}

async function textOf({ body, url }: FileResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > LARGEST_PAGE) {
      throw new Failure('bad-repository', `${url} is longer than ${LARGEST_PAGE} bytes.`);
    }
  }
  return Buffer.concat(chunks).toString('utf8');
}
