import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { type FileResponse, fetchFile } from '../download/fetch-file.ts';
import { MirrorPool } from '../download/mirrors.ts';
import { Failure } from '../failure.ts';
import type { Programs } from '../platform/programs.ts';
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
  /** Lets as many primaries be read at the same time as memory allows. */
  readonly gate: <Result>(work: () => Promise<Result>) => Promise<Result>;
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

/**
 * Primary from that very mirror: another one's would belong to another repomd. It goes through a
 * temporary file, so that a slow mirror keeps nobody from reading, and a slow reader no mirror waiting.
 */
async function fetchPrimary(
  reading: RepositoryReading,
  mirror: string,
  folder: string,
  entry: PrimaryEntry,
  names: ReadonlySet<string>,
): Promise<PrimaryResult> {
  const pool = new MirrorPool([mirror], reading.pool.dependencies);
  const path = `${folder}/${entry.location}`;
  const temporary = await mkdtemp(join(tmpdir(), 'btfhub-metadata-'));
  const file = join(temporary, 'primary');
  try {
    const url = await fetchFile(pool, path, { signal: reading.signal }, async (answer) => {
      if (answer.status === 200) await keep(answer, entry, file, reading.onBytes);
      else throw gone(mirror, folder, entry);
      return answer.url;
    });
    const most = entry.openSize ?? LARGEST_PRIMARY;
    return await reading.gate(() => {
      const xml = decompress(createReadStream(file), reading.programs, url, most);
      return readPrimary(xml, (name) => names.has(name), url);
    });
  } catch (error) {
    if (!(error instanceof Failure) || error.reason !== 'network') throw error;
    // The mirror cannot deliver what it announces, and another may: that is for the caller to try.
    throw new Failure('bad-repository', error.message, error.advice, error);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function gone(mirror: string, folder: string, { location }: PrimaryEntry): Failure {
  return new Failure(
    'bad-repository',
    `${mirror}${folder} has a repomd.xml, but not the ${location} that it names.`,
    MID_UPDATE,
  );
}

/** Writes the body to a file; rejects with `checksum-mismatch` when it is not what repomd promises. */
async function keep(
  { body, url }: FileResponse,
  { size: promised = LARGEST_PRIMARY, checksum }: PrimaryEntry,
  file: string,
  onBytes: (count: number) => void,
): Promise<void> {
  const hash = createHash(checksum.algorithm);
  let size = 0;
  await pipeline(
    body,
    async function* counted(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
        onBytes(chunk.length);
        if (size > promised) throw mismatch(`${url} has more than ${promised} bytes.`);
        yield chunk;
      }
    },
    createWriteStream(file),
  );
  if (promised !== LARGEST_PRIMARY && size !== promised) {
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
