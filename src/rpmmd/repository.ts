import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { MirrorPool } from '../download/mirrors.ts';
import { type Answer, fetchSmall } from '../download/small.ts';
import { Failure } from '../failure.ts';
import type { Programs } from '../world/programs.ts';
import { decompress } from './decompress.ts';
import { type Reading, readPage } from './page.ts';
import { type PrimaryResult, readPrimary } from './primary.ts';
import { CHECKSUM_ALGORITHMS, type PrimaryEntry, readRepomd } from './repomd.ts';

/** The largest primary known has 46 MB of XML; this is where a decompression bomb begins. */
const LARGEST_PRIMARY = 2 ** 30;

const MID_UPDATE =
  'The mirror may be in the middle of an update: try again later, or another --mirror.';

export interface RepositoryReading extends Reading {
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
 * The packages with one of the names in the repository in that folder of the tree; undefined where
 * there is no repository. Follows repomd.xml to primary, on the same mirror, and checks primary's
 * size and checksum; a mirror where the two do not fit is left for the next one. What a primary
 * said is kept under its checksum, so that an unchanged one is not fetched again. Rejects with
 * `network`, `bad-repository` or `checksum-mismatch`.
 */
export async function readRepository(
  reading: RepositoryReading,
  folder: string,
  names: ReadonlySet<string>,
): Promise<PrimaryResult | undefined> {
  return readPage(reading, `${folder}/repodata/repomd.xml`, async (page) => {
    const entry = await readRepomd([Buffer.from(page.text)], page.url);
    const { algorithm, value } = entry.checksum;
    const key = `primary ${algorithm}:${value} ${[...names].sort().join(' ')}`;
    const kept = await reading.cache.read(key, KeptPrimary);
    if (kept) return kept;
    const result = await fetchPrimary(reading, page.mirror, folder, entry, names);
    await reading.cache.write(key, result);
    return result;
  });
}

/** Primary from that very mirror: another one's would belong to another repomd. */
async function fetchPrimary(
  reading: RepositoryReading,
  mirror: string,
  folder: string,
  entry: PrimaryEntry,
  names: ReadonlySet<string>,
): Promise<PrimaryResult> {
  const pool = new MirrorPool([mirror], reading.pool.ports);
  const path = `${folder}/${entry.location}`;
  try {
    return await fetchSmall(pool, path, { signal: reading.signal }, (answer) => {
      if (answer.status === 200) return usePrimary(reading, answer, entry, names);
      throw new Failure(
        'bad-repository',
        `${mirror}${folder} has a repomd.xml, but not the ${entry.location} that it names.`,
        MID_UPDATE,
      );
    });
  } catch (error) {
    if (!(error instanceof Failure) || error.reason !== 'network') throw error;
    // The mirror cannot deliver what it announces, and another may: that is for the caller to try.
    throw new Failure('bad-repository', error.message, error.advice, error);
  }
}

async function usePrimary(
  { programs, onBytes }: RepositoryReading,
  { body, url }: Answer,
  entry: PrimaryEntry,
  names: ReadonlySet<string>,
): Promise<PrimaryResult> {
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
  const most = entry.openSize ?? LARGEST_PRIMARY;
  const xml = decompress(counted(body), programs, url, most);
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
  if (size !== undefined && got.size !== size) {
    throw new Failure(
      'checksum-mismatch',
      `${url} has ${got.size > size ? 'more than ' : ''}${Math.min(got.size, size)} bytes instead of ${size}.`,
      MID_UPDATE,
      cause instanceof Failure ? cause : undefined,
    );
  }
  if (got.value !== checksum.value) {
    throw new Failure(
      'checksum-mismatch',
      `${url} has the ${checksum.algorithm} ${got.value} instead of ${checksum.value}.`,
      MID_UPDATE,
      cause instanceof Failure ? cause : undefined,
    );
  }
}
