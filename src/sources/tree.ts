import pLimit from 'p-limit';
import pMap from 'p-map';
import * as v from 'valibot';
import { type Mirror, MirrorPool, type PoolDependencies } from '../download/mirrors.ts';
import { asFailure, Failure } from '../failure.ts';
import { printable } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Task } from '../report/progress.ts';
import { readPage } from '../rpmmd/page.ts';
import { asRepositoryPath } from '../rpmmd/path.ts';
import type { PrimaryPackage, PrimaryResult } from '../rpmmd/primary.ts';
import { type RepositoryContext, readRepository } from '../rpmmd/repository.ts';
import { readXml } from '../rpmmd/xml.ts';
import type { KernelQuery } from './discover.ts';
import { expressionOf } from './expression.ts';
import { selector } from './glob.ts';
import { type Problem, type RepositoryPackages, unameByName } from './kernels.ts';
import { type Listing, readListing } from './listing.ts';
import { readMirrorLists } from './mirror-list.ts';
import { parseRpmFileName, readPackageFiles, readPackageStart } from './package-start.ts';
import {
  AT_ONCE,
  type FolderTree,
  MOST_FOLDERS,
  nameOrUndefined,
  type RepositoryPlace,
} from './repositories.ts';
import type { Repository, Source } from './source.ts';

/** XML makes garbage faster than it is collected: large primaries one by one stay below 150 MB, six at once do not. */
const PRIMARIES_AT_ONCE = 1;
const MOST_IDS = 100;
/** Packages of one folder whose headers are read one by one. */
const MOST_HEADERS = 5000;

/** The mirrors to ask, and what mirror lists say. */
export interface MirrorInfo {
  readonly mirrors: readonly string[];
  /** Where mirror lists place repositories. */
  readonly places: readonly RepositoryPlace[];
  /** The repositories of these places: nothing more is to be looked for. */
  readonly listed: ReadonlySet<Repository>;
  /** Mirror lists that could not be used. */
  readonly problems: readonly Problem[];
}

/** The mirrors that the query names; else those of the source and of its mirror lists. */
export async function findMirrors(platform: Platform, query: KernelQuery): Promise<MirrorInfo> {
  const { source } = query;
  const withList = source.repositories.filter(({ mirrorList }) => mirrorList !== undefined);
  if (query.mirrors.length > 0 || withList.length === 0) {
    const mirrors = query.mirrors.length > 0 ? query.mirrors : source.mirrors;
    return { mirrors, places: [], listed: new Set(), problems: [] };
  }
  const { interrupted } = platform;
  const lists = await readMirrorLists(source, query, dependencies(platform), interrupted);
  const mirrors = [...new Set([...source.mirrors, ...lists.mirrors])];
  const [first] = lists.problems;
  if (mirrors.length === 0 && first) throw first.failure;
  return { mirrors, places: lists.places, listed: new Set(withList), problems: lists.problems };
}

function dependencies({ http, clock }: Platform): PoolDependencies {
  return { http, clock, random: Math.random };
}

/** The packages of one repository, how many it has of all kinds, and what is wrong with it. */
export type ReadPackages = Omit<RepositoryPackages, 'place'> &
  Pick<PrimaryResult, 'total' | 'unusable' | 'warnings'>;

/** The mirrors as one tree of repositories: what one mirror cannot give, the next one may. */
export interface RepositoryTree {
  readonly folders: FolderTree;
  /** Undefined where there is no repository. */
  read(folder: string, place: RepositoryPlace): Promise<ReadPackages | undefined>;
}

export function repositoryTree(
  platform: Platform,
  query: KernelQuery,
  roots: readonly string[],
  flavourOf: ReadonlyMap<string, string>,
  { advance }: Task,
  log: (line: string) => void,
  doubts: Doubts,
): RepositoryTree {
  const { cache, source } = query;
  const { programs, interrupted: signal } = platform;
  const names = new Set(flavourOf.keys());
  // With a connection for each that waits, none of them turns to a later mirror because the first is busy.
  const pool = new MirrorPool(roots, dependencies(platform), { connections: AT_ONCE, log });
  const limit = pLimit(PRIMARIES_AT_ONCE);
  const onDoubt = doubts.add;
  const reading = { pool, cache, signal, programs, limit, onBytes: advance, onDoubt };
  const folders = folderTree(reading, source);
  let reads = 0;
  return {
    folders,
    read: async (folder, place) => {
      reads += 1;
      if (reads > MOST_FOLDERS) throw tooManyFolders(source);
      const isFlat = place.repository.packages === 'listing';
      const result = isFlat
        ? await readFlatRepository(reading, query, flavourOf, folder, place, folders)
        : await readRepository(reading, folder, names);
      if (!result) return undefined;
      const unames = await readUnames(reading, source, flavourOf, folder, result.packages);
      return { folder, unames, headerOnly: isFlat, ...result };
    },
  };
}

/** Named in the warning; more are counted. */
const MOST_NAMED = 5;

/** Files that one mirror says it does not have, while others gave no answer. */
export class Doubts {
  readonly #folders = new Set<string>();
  readonly #mirrors = new Set<string>();

  readonly add = (path: string, withoutAnswer: readonly Mirror[]): void => {
    this.#folders.add(path.replace(/repodata\/repomd\.xml$/, '').replace(/\/$/, ''));
    for (const { base } of withoutAnswer) this.#mirrors.add(base);
  };

  /** One sentence for all of them; undefined without any. */
  get warning(): string | undefined {
    if (this.#folders.size === 0) return undefined;
    const folders = [...this.#folders].sort();
    const more = folders.length > MOST_NAMED ? ` and ${folders.length - MOST_NAMED} more` : '';
    const named = folders.slice(0, MOST_NAMED).map(printable).join(', ');
    return `No mirror that answers has ${named}${more}, and ${[...this.#mirrors].join(', ')} did not answer: kernels may be missing.`;
  }
}

function folderTree(reading: RepositoryContext, source: Source): FolderTree {
  const { pool } = reading;
  const listed = new Map<string, Promise<Listing | undefined>>();
  const read = (
    folder: string,
    looksRight: (names: readonly string[]) => boolean,
    believe: boolean,
  ) =>
    readPage(reading, folder === '' ? '' : `${folder}/`, async (page) => {
      const found = readListing(page.text, page.url);
      if (found && looksRight(found.folders)) return found;
      const failure = found ? noTree(source, page.url) : noListing(page.url);
      // A page without releases where the releases should be: the 404s of this mirror mean nothing either.
      const mirrors = believe && !looksRight([]) ? pool.mirrors : [];
      for (const mirror of mirrors) {
        if (mirror.base === page.mirror) pool.ban(mirror, failure.message);
      }
      throw failure;
    });
  return {
    list: (folder, looksRight, dispensable) => {
      const known = listed.get(folder);
      if (known) return known;
      const listing = read(folder, looksRight, !dispensable).catch((error: unknown) => {
        if (dispensable && isAboutMirror(error)) return undefined;
        throw error;
      });
      listed.set(folder, listing);
      return listing;
    },
    repositoryIds: async (folder) => {
      const ids = await readPage(reading, `${folder}/repodata/repomd.xml`, (page) =>
        readRepositoryIds(page.text, page.url),
      );
      return ids ?? [];
    },
  };
}

function tooManyFolders({ id }: Source): Failure {
  return new Failure(
    'bad-repository',
    `More than ${MOST_FOLDERS} folders may be repositories of ${id}.`,
    'Name releases and architectures with --release and --arch, or correct the source file.',
  );
}

/** A mirror refuses to list the folder, or shows another page in its place. */
function isAboutMirror(error: unknown): boolean {
  return error instanceof Failure && ['network', 'bad-repository'].includes(error.reason);
}

function noListing(url: string): Failure {
  return new Failure(
    'bad-repository',
    `${url} answers with a page that lists no folder.`,
    'The network may ask for a login. If the server does not list its folders, name --release and --arch.',
  );
}

function noTree(source: Source, url: string): Failure {
  const template = source.repositories[0]?.folders[0] ?? '';
  return new Failure(
    'bad-repository',
    `${url} is no ${source.id} tree: it has no folder for '${template}'.`,
    'Give the root of a mirror, the folder that holds the releases, with --mirror.',
  );
}

/** `<tags><repo>` of a repomd.xml, as `createrepo_c --repo` writes it. */
async function readRepositoryIds(text: string, origin: string): Promise<readonly string[]> {
  const ids: string[] = [];
  const path: string[] = [];
  await readXml(
    [Buffer.from(text)],
    {
      open: (name) => {
        path.push(name);
      },
      close: (name, content) => {
        path.pop();
        if (name === 'repo' && path.at(-1) === 'tags') ids.push(content.trim());
      },
    },
    origin,
  );
  const fine = ids.filter((id) => /^[0-9A-Za-z][0-9A-Za-z._+~^-]*$/.test(id));
  return [...new Set(fine)].slice(0, MOST_IDS);
}

/** The wanted packages of a folder without repodata: their names out of its page, the rest out of their headers. */
async function readFlatRepository(
  { pool, signal }: RepositoryContext,
  query: KernelQuery,
  flavourOf: ReadonlyMap<string, string>,
  folder: string,
  place: RepositoryPlace,
  folders: FolderTree,
): Promise<PrimaryResult | undefined> {
  const listing = await folders.list(folder, () => true, false);
  const rpms = (listing?.files ?? []).flatMap((file) => {
    const parts = parseRpmFileName(file);
    return parts && isSafe(file) ? [{ file, ...parts }] : [];
  });
  if (rpms.length === 0) return undefined;
  const wantsArch = selector(place.arch === undefined ? query.arches : [place.arch]);
  const wantsKernel = selector(query.kernels);
  const wanted = rpms.filter((rpm) => {
    const flavour = flavourOf.get(rpm.name);
    if (flavour === undefined || !wantsArch(rpm.arch)) return false;
    const uname = unameByName(query.source, flavour, rpm);
    const nvra = rpm.file.replace(/\.rpm$/, '');
    return uname === undefined || wantsKernel(uname) || wantsKernel(nvra);
  });
  if (wanted.length > MOST_HEADERS) throw tooManyHeaders(folder, wanted.length);
  const packages = await pMap(
    wanted,
    async ({ file, name, version, release, arch }): Promise<PrimaryPackage> => {
      const start = await readPackageStart(pool, `${folder}/${file}`, signal);
      const { size, headerChecksum: checksum, changedAt: builtAt } = start;
      return { name, arch, epoch: 0, version, release, checksum, size, builtAt, location: file };
    },
    { concurrency: AT_ONCE, signal },
  );
  return { packages, total: rpms.length, unusable: [], warnings: [] };
}

function tooManyHeaders(folder: string, count: number): Failure {
  return new Failure(
    'bad-repository',
    `The headers of ${count} packages of ${folder} would have to be read one by one; at most ${MOST_HEADERS} are.`,
    'Select fewer with --kernel, --arch or --flavour.',
  );
}

function isSafe(file: string): boolean {
  return nameOrUndefined(() => asRepositoryPath(file, 'the listing')) === file;
}

/** `uname -r` of packages that are to be read for it, by their location. */
async function readUnames(
  { pool, cache, signal }: RepositoryContext,
  source: Source,
  flavourOf: ReadonlyMap<string, string>,
  folder: string,
  packages: readonly PrimaryPackage[],
): Promise<ReadonlyMap<string, string | Failure>> {
  const unames = new Map<string, string | Failure>();
  const read = async ({ name, location, checksum }: PrimaryPackage) => {
    const rule = source.flavours[flavourOf.get(name) ?? '']?.uname;
    if (typeof rule !== 'object' || !('files' in rule)) return;
    const key = `uname ${checksum.algorithm}:${checksum.value} ${rule.files}`;
    try {
      const kept = await cache.read(key, v.string());
      const path = `${folder}/${location}`;
      const uname =
        kept ?? unameIn(await readPackageFiles(pool, path, signal), rule.files, location);
      unames.set(location, uname);
      if (kept === undefined) await cache.write(key, uname);
    } catch (error) {
      signal.throwIfAborted();
      unames.set(location, asFailure(error));
    }
  };
  const unnamed = packages.filter(({ name }) => {
    const rule = source.flavours[flavourOf.get(name) ?? '']?.uname;
    return typeof rule === 'object' && 'files' in rule;
  });
  if (unnamed.length > MOST_HEADERS) throw tooManyHeaders(folder, unnamed.length);
  await pMap(unnamed, read, { concurrency: AT_ONCE, signal });
  return unames;
}

function unameIn(paths: readonly string[], expression: string, location: string): string {
  const found = expressionOf(expression).search(paths);
  const unames = [...new Set(found.flatMap(({ named }) => named.uname ?? []))];
  const [uname] = unames;
  if (uname !== undefined && unames.length === 1) return uname;
  throw new Failure(
    'bad-repository',
    `${location} has ${unames.length === 0 ? 'no file' : `files of ${unames.length} kernels`} that '${expression}' matches.`,
    'Correct the expression in the source file.',
  );
}
