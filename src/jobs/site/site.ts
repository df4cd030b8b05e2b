import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Catalog, entryPath } from '../../archive/catalog.ts';
import type { ArchiveReader } from '../../archive/reader.ts';
import { checkBtf } from '../../btf/check.ts';
import { Btf } from '../../btf/reader.ts';
import { collectDefinitions } from '../../explorer/collect.ts';
import { MANIFEST_SCHEMA, type SiteManifest } from '../../explorer/manifest.ts';
import { PAGE_SIZE } from '../../explorer/schema.ts';
import { asFailure, Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import { replaceFile } from '../../platform/replace-file.ts';
import type { Progress } from '../../report/progress.ts';
import { counted } from '../../report/units.ts';
import { sha256 } from '../../sha256.ts';
import { unpackOf } from '../fetch/fetch.ts';
import { type ListedKernel, listKernels } from '../fetch/list.ts';
import type { Selection } from '../fetch/select.ts';
import { compareKernels, kernelRows, numberSeries, type SiteKernel } from './kernels.ts';
import { DATABASE_FILE, MANIFEST_FILE, type PreviousSite } from './previous.ts';
import { writeDatabase } from './sqlite.ts';
import { DefinitionStore } from './store.ts';

type SitePlatform = Pick<Platform, 'programs' | 'interrupted'>;

/** Kernels of an archive with their definitions, as the database has them. */
export interface SiteContent {
  readonly store: DefinitionStore;
  /** Those whose definitions are in the store, by their positions there. */
  readonly stored: readonly SiteKernel[];
  /** Those that wait for review, failed, or could not be read. */
  readonly others: readonly SiteKernel[];
  /** Kernels whose BTF was read; the definitions of the rest came from the site before. */
  readonly read: number;
  /** The newest time in the catalog. */
  readonly generatedAt: string | undefined;
}

/** All kernels of an archive. */
export const EVERY_KERNEL: Selection = { kernels: [], arches: [], releases: [] };

/** What is gathered. */
export interface GatherRequest {
  readonly selection: Selection;
  /** A site whose definitions are not read again; its store is used, and changed. */
  readonly previous?: PreviousSite | undefined;
  /** Which names are gathered; all without it. */
  readonly isWanted?: (name: string) => boolean;
}

/**
 * Gathers the definitions of kernels of an archive. What the site before has of the same tarball is not read
 * again: the result is the same as without it. A tarball that cannot be read is in the result.
 *
 * @throws Failure `not-found` when nothing is selected
 */
export async function gatherSite(
  platform: SitePlatform,
  progress: Progress,
  reader: ArchiveReader,
  { selection, previous, isWanted }: GatherRequest,
): Promise<SiteContent> {
  const { kernels } = await listKernels(reader, selection);
  const archived = kernels.filter(({ state }) => state === 'archived').toSorted(compareKernels);
  const positions = new Map(archived.map((kernel, position) => [entryPath(kernel), position]));
  const identities = await identify(reader, archived);
  const store = previous?.store ?? new DefinitionStore();
  const moves: (number | undefined)[] = [];
  const kept = new Set<string>();
  for (const [path, { position, identity }] of previous?.kernels ?? []) {
    moves[position] = identities.get(path) === identity ? positions.get(path) : undefined;
    if (moves[position] !== undefined) kept.add(path);
  }
  store.move(moves);

  const toRead = archived.filter((kernel) => !kept.has(entryPath(kernel)));
  const task = progress.begin(counted(toRead.length, 'kernel'));
  task.stage('read');
  const unread = new Map<string, Failure>(
    toRead.map((kernel) => [entryPath(kernel), gone(kernel, reader.name)]),
  );
  for await (const { kernel, tarball } of reader.read(toRead)) {
    platform.interrupted.throwIfAborted();
    const path = entryPath(kernel);
    const position = positions.get(path);
    if (position === undefined) continue;
    try {
      const btf = await unpackOf(platform, kernel, tarball, reader.name);
      checkBtf(btf, { kind: 'any' });
      for (const one of collectDefinitions(new Btf(btf), isWanted)) store.add(position, one);
      unread.delete(path);
      task.advance(btf.length);
    } catch (error) {
      platform.interrupted.throwIfAborted();
      unread.set(path, asFailure(error));
    }
  }
  task.end(unread.size === 0 ? 'done' : `${unread.size} not read`);

  const isStored = (kernel: ListedKernel) => !unread.has(entryPath(kernel));
  const stored = archived.filter(isStored);
  const places = new Map(stored.map((kernel, place) => [kernel, place]));
  store.move(archived.map((kernel) => places.get(kernel)));
  const toSite = (kernel: ListedKernel): SiteKernel => {
    const path = entryPath(kernel);
    return { kernel, identity: identities.get(path), error: unread.get(path) };
  };
  const others = kernels.filter((kernel) => !places.has(kernel)).toSorted(compareKernels);
  return {
    store,
    stored: stored.map(toSite),
    others: others.map(toSite),
    read: toRead.length - unread.size,
    generatedAt: newestTime(await reader.catalog()),
  };
}

/** What names the bytes of each tarball, by its path: their sum, where the archive has no name for them. */
async function identify(
  reader: ArchiveReader,
  kernels: readonly ListedKernel[],
): Promise<ReadonlyMap<string, string>> {
  const identities = new Map<string, string>();
  const unnamed: ListedKernel[] = [];
  for (const kernel of kernels) {
    const identity = await reader.identify(kernel);
    if (identity === undefined) unnamed.push(kernel);
    else identities.set(entryPath(kernel), identity);
  }
  for await (const { kernel, tarball } of reader.read(unnamed)) {
    identities.set(entryPath(kernel), `sha256-${sha256(tarball)}`);
  }
  return identities;
}

function gone({ uname }: ListedKernel, archive: string): Failure {
  return new Failure('bad-archive', `The tarball of ${uname} in ${archive} cannot be had.`);
}

function newestTime(catalog: Catalog | undefined): string | undefined {
  const times = [...(catalog?.values() ?? [])].map((entry) =>
    entry.state === 'failed' ? entry.attempts.at(-1) : entry.builtAt,
  );
  return times
    .filter((time) => time !== undefined)
    .toSorted()
    .at(-1);
}

/** Public addresses, which the pages show in commands and links; empty for none. */
export interface PublicAddresses {
  /** Of the archive. */
  readonly archive: string;
  /** Of the folder in which the paths of tarballs begin. */
  readonly raw: string;
}

/** The bytes of the explorer's database. The same content gives the same bytes. */
export function makeDatabase(
  { store, stored, others, generatedAt }: SiteContent,
  { archive, raw }: PublicAddresses,
): Promise<Uint8Array> {
  const meta = Object.entries({ archive, raw, generatedAt: generatedAt ?? '' });
  return writeDatabase([
    { table: 'meta', columns: 2, rows: meta.toSorted() },
    { table: 'kernel', columns: 17, rows: kernelRows(stored, others) },
    ...store.tables(numberSeries(stored.map(({ kernel }) => kernel))),
  ]);
}

/** Writes the database and what names it into a folder, and takes the databases of earlier builds away. */
export async function writeSite(
  folder: string,
  database: Uint8Array,
  { store, stored, generatedAt }: SiteContent,
  { archive, raw }: PublicAddresses,
): Promise<SiteManifest> {
  const sum = sha256(database);
  const file = `explorer-${sum.slice(0, 12)}.sqlite`;
  const manifest: SiteManifest = {
    schema: MANIFEST_SCHEMA,
    database: { file, bytes: database.length, sha256: sum, pageSize: PAGE_SIZE },
    archive,
    raw,
    generatedAt: generatedAt ?? null,
    kernels: stored.length,
    definitions: store.size,
  };
  await mkdir(folder, { recursive: true });
  await replaceFile(join(folder, file), database);
  await replaceFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  const names = await readdir(folder);
  const old = names.filter((name) => DATABASE_FILE.test(name) && name !== file);
  await Promise.all(old.map((name) => rm(join(folder, name))));
  return manifest;
}
