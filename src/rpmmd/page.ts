import * as v from 'valibot';
import type { Mirror } from '../download/mirror.ts';
import { describe, Failure } from '../failure.ts';
import type { MetadataCache } from './cache.ts';

/** A listing or a repomd.xml has a few hundred kB at most. */
const LARGEST_PAGE = 16 * 1024 * 1024;

export interface Page {
  readonly text: string;
  /** Where it came from, after redirects. */
  readonly url: string;
}

const KeptPage = v.object({
  text: v.string(),
  url: v.string(),
  validators: v.object({
    etag: v.exactOptional(v.string()),
    lastModified: v.exactOptional(v.string()),
  }),
});

/**
 * A small text file of a mirror, asked for only if it changed since it was kept; undefined where the
 * mirror has none. Rejects with `network`.
 */
export async function readPage(
  mirror: Mirror,
  path: string,
  cache: MetadataCache,
): Promise<Page | undefined> {
  const key = `page ${mirror.root}${path}`;
  const kept = await cache.read(key, KeptPage);
  const answer = await mirror.open(path, kept?.validators);
  if (answer.status === 404) return undefined;
  if (answer.status === 304) {
    if (kept) return kept;
    throw new Failure('network', `${mirror.root}${path} answers 304 to a plain request.`);
  }
  const text = await readText(answer.body, answer.url);
  const page = { text, url: answer.url };
  if (Object.keys(answer.validators).length > 0) {
    await cache.write(key, { ...page, validators: answer.validators });
  }
  return page;
}

async function readText(body: AsyncIterable<Uint8Array>, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of received(body, url)) {
    size += chunk.byteLength;
    if (size > LARGEST_PAGE) {
      throw new Failure('bad-repository', `${url} is longer than ${LARGEST_PAGE} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A body whose breaking off is a `network` failure. */
export async function* received(
  body: AsyncIterable<Uint8Array>,
  url: string,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('network', `${url} broke off: ${describe(error)}.`, undefined, error);
  }
}
