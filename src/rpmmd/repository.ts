import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { type FileResponse, fetchFile } from '../download/fetch-file.ts';
import { Failure } from '../failure.ts';
import type { Programs } from '../platform/programs.ts';
import { makeTemporaryFolder } from '../platform/temporary-folder.ts';
import { decompress } from './decompress.ts';
import { type MetadataContext, type Page, readPage } from './page.ts';
import { type PrimaryResult, readPrimary } from './primary.ts';
import { CHECKSUM_ALGORITHMS, type PrimaryEntry, readRepomd } from './repomd.ts';

/** Bytes of a primary as it is served, and as XML: the largest known has 9 MB and 46 MB. */
const LARGEST = { served: 128 * 1024 * 1024, xml: 256 * 1024 * 1024 };

const MID_UPDATE =
  'The mirror may be in the middle of an update: try again later, or another --mirror.';

export interface RepositoryContext extends MetadataContext {
  readonly programs: Programs;
  /** Lets as many primaries be read at the same time as memory allows. */
  readonly limit: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Gets the number of bytes of every piece of primary metadata that arrives. */
  readonly onBytes: (count: number) => void;
}

const CachedPrimary = v.object({
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
  unusable: v.array(v.string()),
  warnings: v.array(v.string()),
});

/**
 * The packages with one of the names in the repository in that folder of the tree; undefined where there is no
 * repository. Follows repomd.xml to primary and checks primary's size and checksum; where the two do not fit on
 * any mirror, the repomd.xml of the next mirror is read. What a primary says is cached under its checksum, so
 * that an unchanged one is not fetched again. Rejects with `network`, `bad-repository` or `checksum-mismatch`.
 */
export async function readRepository(
  context: RepositoryContext,
  folder: string,
  names: ReadonlySet<string>,
): Promise<PrimaryResult | undefined> {
  return readPage(context, `${folder}/repodata/repomd.xml`, async (page) => {
    const entry = await readRepomd([Buffer.from(page.text)], page.url);
    const { algorithm, value } = entry.checksum;
    const key = `primary ${algorithm}:${value} ${[...names].sort().join(' ')}`;
    const cached = await context.cache.read(key, CachedPrimary);
    if (cached) return cached;
    const result = await fetchPrimary(context, page, folder, entry, names);
    await context.cache.write(key, result);
    return result;
  });
}

/**
 * Primary from the mirror that has the repomd.xml, or from another one with a file of that checksum. It goes
 * through a temporary file, so that a slow mirror does not delay the reading of others.
 */
async function fetchPrimary(
  { pool, signal, programs, limit, onBytes }: RepositoryContext,
  { mirror, url: repomd }: Page,
  folder: string,
  entry: PrimaryEntry,
  names: ReadonlySet<string>,
): Promise<PrimaryResult> {
  const { size = 0, openSize = LARGEST.xml } = entry;
  if (size > LARGEST.served || openSize > LARGEST.xml) {
    const bytes = Math.max(size, openSize);
    throw new Failure(
      'bad-repository',
      `${repomd} says that its primary metadata has ${bytes} bytes, which is more than any repository has.`,
    );
  }
  const temporary = await makeTemporaryFolder(tmpdir(), 'metadata');
  try {
    let transfers = 0;
    const options = { prefer: mirror, notFound: 'all', signal } as const;
    const path = `${folder}/${entry.location}`;
    const fetched = await fetchFile(pool, path, options, async (response) => {
      if (response.status !== 200) throw gone(mirror, folder, entry);
      transfers += 1;
      const file = join(temporary, `primary-${transfers}`);
      await keep(response, entry, file, onBytes);
      return { file, url: response.url };
    });
    return await limit(() => {
      const stream = createReadStream(fetched.file);
      const xml = decompress(stream, programs, fetched.url, openSize);
      return readPrimary(xml, (name) => names.has(name), fetched.url);
    });
  } catch (error) {
    if (!(error instanceof Failure) || error.reason !== 'network') throw error;
    // This mirror announces what no mirror delivers; the repomd.xml of another one may announce something else.
    throw new Failure('bad-repository', error.message, error.advice, error);
  } finally {
    // A transfer that lost its race may be about to close its file.
    await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
  }
}

function gone(mirror: string, folder: string, { location }: PrimaryEntry): Failure {
  return new Failure(
    'bad-repository',
    `${mirror}${folder} has a repomd.xml, but not the ${location} that it names.`,
    MID_UPDATE,
  );
}

/** Writes the body to a file; rejects with `checksum-mismatch` when it is not what repomd says. */
async function keep(
  { body, url }: FileResponse,
  { size: promised, checksum }: PrimaryEntry,
  file: string,
  onBytes: (count: number) => void,
): Promise<void> {
  const hash = createHash(checksum.algorithm);
  const most = promised ?? LARGEST.served;
  let size = 0;
  await pipeline(
    body,
    async function* counted(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
        onBytes(chunk.length);
        if (size > most) throw mismatch(`${url} has more than ${most} bytes.`);
        yield chunk;
      }
    },
    createWriteStream(file),
  );
  if (promised !== undefined && size !== promised) {
    throw mismatch(`${url} has ${size} bytes instead of ${promised}.`);
  }
  const value = hash.digest('hex');
  if (value !== checksum.value) {
    throw mismatch(`${url} has the ${checksum.algorithm} ${value} instead of ${checksum.value}.`);
  }
}

function mismatch(message: string): Failure {
  return new Failure('checksum-mismatch', message, MID_UPDATE);
}
