import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { Mirror } from '../download/mirror.ts';
import { Failure } from '../failure.ts';
import type { Programs } from '../world/programs.ts';
import type { MetadataCache } from './cache.ts';
import { decompress } from './decompress.ts';
import { readPage, received } from './page.ts';
import { type PrimaryResult, readPrimary } from './primary.ts';
import { CHECKSUM_ALGORITHMS, type PrimaryEntry, readRepomd } from './repomd.ts';

/** The largest primary known has 46 MB of XML; this is where a decompression bomb begins. */
const LARGEST_PRIMARY = 2 ** 30;

export interface RepositoryReader {
  readonly cache: MetadataCache;
  readonly programs: Programs;
  /** Hears of every piece of primary metadata that arrives, in bytes. */
  readonly onBytes: (count: number) => void;
}

const KeptPrimary = v.object({
  total: v.number(),
  packages: v.array(
    v.object({
      name: v.string(),
      arch: v.string(),
      epoch: v.number(),
      version: v.string(),
      release: v.string(),
      checksum: v.object({ algorithm: v.picklist(CHECKSUM_ALGORITHMS), value: v.string() }),
      size: v.number(),
      builtAt: v.number(),
      location: v.string(),
    }),
  ),
});

/**
 * The packages with one of the names in the repository in that folder of a mirror; undefined where
 * there is no repository. Follows repomd.xml to primary and checks primary's size and checksum.
 * What a primary said is kept under its checksum, so that an unchanged one is not fetched again.
 * Rejects with `network`, `bad-repository` or `checksum-mismatch`.
 */
export async function readRepository(
  mirror: Mirror,
  folder: string,
  names: ReadonlySet<string>,
  reader: RepositoryReader,
): Promise<PrimaryResult | undefined> {
  const page = await readPage(mirror, `${folder}/repodata/repomd.xml`, reader.cache);
  if (page === undefined) return undefined;
  const entry = await readRepomd([Buffer.from(page.text)], page.url);
  const key = `primary ${entry.checksum.algorithm}:${entry.checksum.value} ${[...names].sort().join(' ')}`;
  const kept = await reader.cache.read(key, KeptPrimary);
  if (kept) return kept;
  const result = await fetchPrimary(mirror, folder, entry, names, reader);
  await reader.cache.write(key, result);
  return result;
}

async function fetchPrimary(
  mirror: Mirror,
  folder: string,
  entry: PrimaryEntry,
  names: ReadonlySet<string>,
  { programs, onBytes }: RepositoryReader,
): Promise<PrimaryResult> {
  const answer = await mirror.open(`${folder}/${entry.location}`);
  if (answer.status !== 200) {
    throw new Failure(
      'bad-repository',
      `${mirror.root}${folder} has a repomd.xml, but not the ${entry.location} that it names.`,
      'The mirror may be in the middle of an update: try again later, or another --mirror.',
    );
  }
  const hash = createHash(entry.checksum.algorithm);
  let size = 0;
  let ended = false;
  async function* counted(body: AsyncIterable<Uint8Array>) {
    for await (const chunk of body) {
      hash.update(chunk);
      size += chunk.byteLength;
      onBytes(chunk.byteLength);
      if (entry.size !== undefined && size > entry.size) break; // too long: told below
      yield chunk;
    }
    ended = true;
  }
  const { url } = answer;
  const most = entry.openSize ?? LARGEST_PRIMARY;
  const xml = decompress(counted(received(answer.body, url)), programs, url, most);
  let outcome: PrimaryResult | Failure;
  try {
    outcome = await readPrimary(xml, (name) => names.has(name), url);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    outcome = error;
  }
  if (outcome instanceof Failure && outcome.reason !== 'bad-repository') throw outcome;
  // Where the bytes were seen to their end, their being others explains whatever else was wrong.
  if (ended) checkBytes(entry, { size, value: hash.digest('hex') }, url, outcome);
  if (outcome instanceof Failure) throw outcome;
  return outcome;
}

function checkBytes(
  { size, checksum }: PrimaryEntry,
  got: { readonly size: number; readonly value: string },
  url: string,
  cause: unknown,
): void {
  const advice = 'The mirror is stale or damaged: try again later, or another --mirror.';
  if (size !== undefined && got.size !== size) {
    throw new Failure(
      'checksum-mismatch',
      `${url} has ${got.size > size ? 'more than ' : ''}${Math.min(got.size, size)} bytes instead of ${size}.`,
      advice,
      cause instanceof Failure ? cause : undefined,
    );
  }
  if (got.value !== checksum.value) {
    throw new Failure(
      'checksum-mismatch',
      `${url} has the ${checksum.algorithm} ${got.value} instead of ${checksum.value}.`,
      advice,
      cause instanceof Failure ? cause : undefined,
    );
  }
}
