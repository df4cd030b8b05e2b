import pLimit from 'p-limit';
import pMap from 'p-map';
import { MirrorPool } from '../download/mirrors.ts';
import { asFailure, Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress, Task } from '../report/progress.ts';
import type { MetadataCache } from '../rpmmd/cache.ts';
import { readPage } from '../rpmmd/page.ts';
import { type RepositoryReading, readRepository } from '../rpmmd/repository.ts';
import {
  type KernelPackage,
  mergeKernels,
  type Problem,
  packageNames,
  type RepositoryPackages,
  selectKernels,
} from './kernels.ts';
import { readListing } from './listing.ts';
import {
  AT_ONCE,
  expandTemplate,
  findPlaces,
  type Lister,
  type RepositoryPlace,
} from './repositories.ts';
import type { Source } from './source.ts';

/** XML makes garbage faster than it is collected: large primaries one by one stay below 150 MB, six at once do not. */
const PRIMARIES_AT_ONCE = 1;

export interface KernelQuery {
  readonly source: Source;
  /** Roots of the mirrors to ask, best first; none for those of the source. */
  readonly mirrors: readonly string[];
  /** Globs; none for all. */
  readonly releases: readonly string[];
  readonly arches: readonly string[];
  /** Globs on `uname -r` or the NVRA; none for all. */
  readonly kernels: readonly string[];
  /** Globs; none for the source's first flavour. */
  readonly flavours: readonly string[];
  readonly cache: MetadataCache;
}

export interface Discovery {
  /** In rpm's order of their versions. */
  readonly kernels: readonly KernelPackage[];
  readonly problems: readonly Problem[];
  /** Repositories that were read, and the packages of all kinds in them. */
  readonly repositories: number;
  readonly packages: number;
}

/**
 * Every kernel that the mirrors publish and the query wants. A repository that is not there is
 * nothing; one that is broken on every mirror is a problem of its own. Rejects with `not-found` for
 * a release, architecture or flavour that does not exist, with `bad-repository` for a mirror that
 * is no tree of this distribution, and when nothing at all could be read.
 */
export async function findKernels(
  platform: Platform,
  query: KernelQuery,
  progress: Progress,
): Promise<Discovery> {
  const { source } = query;
  const flavourOf = packageNames(source, query.flavours);
  const roots = query.mirrors.length > 0 ? query.mirrors : source.mirrors;
  const task = progress.begin(`${source.id} repositories`);
  task.stage('metadata');
  try {
    const tree = treeOf(platform, query, roots, new Set(flavourOf.keys()), task);
    const places = await findPlaces(source, query, tree.list);
    const outcomes = await pMap(places, (place) => readPlace(place, tree), {
      concurrency: AT_ONCE,
      signal: platform.interrupted,
    });
    const discovery = summarise(query, flavourOf, outcomes, roots);
    const { kernels, repositories, packages } = discovery;
    task.end(
      'read',
      `${kernels.length} kernels among ${packages} packages in ${repositories} repositories`,
    );
    for (const { where, failure } of discovery.problems)
      progress.warn(`${where}: ${failure.message}`);
    return discovery;
  } catch (error) {
    task.end('failed');
    throw error;
  }
}

/** The mirrors as one tree: what one of them cannot give, the next one may. */
interface Tree {
  readonly list: Lister;
  readonly read: (
    folder: string,
  ) => Promise<(Omit<RepositoryPackages, 'place'> & { total: number }) | undefined>;
}

function treeOf(
  platform: Platform,
  { cache, source }: KernelQuery,
  roots: readonly string[],
  names: ReadonlySet<string>,
  { advance }: Task,
): Tree {
  const { http, clock, programs, interrupted: signal } = platform;
  const ports = { http, clock, random: Math.random };
  // With a connection for each that waits, nobody turns to a later mirror because the first is busy.
  const pool = new MirrorPool(roots, ports, { connections: AT_ONCE });
  const gate = pLimit(PRIMARIES_AT_ONCE);
  const reading: RepositoryReading = { pool, cache, signal, programs, gate, onBytes: advance };
  const listed = new Map<string, ReturnType<Lister>>();
  return {
    list: (folder, looksRight, dispensable) => {
      const known = listed.get(folder);
      if (known) return known;
      const names = readPage(reading, folder === '' ? '' : `${folder}/`, async (page) => {
        const found = readListing(page.text, page.url)?.folders;
        if (found && looksRight(found)) return found;
        const failure = found ? noTree(source, page.url) : noListing(page.url);
        // A page without releases where the releases should be: the 404s of this mirror mean nothing either.
        const { mirrors } = dispensable || looksRight([]) ? { mirrors: [] } : pool;
        for (const mirror of mirrors) {
          if (mirror.base === page.mirror) pool.ban(mirror, failure.message);
        }
        throw failure;
      }).catch((error: unknown) => {
        if (dispensable && isAboutMirror(error)) return undefined;
        throw error;
      });
      listed.set(folder, names);
      return names;
    },
    read: async (folder) => {
      const result = await readRepository(reading, folder, names);
      return result && { folder, ...result };
    },
  };
}

/** A mirror refuses to show the folder, or shows another page in its place. */
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
    'Give the root of a mirror, the folder in which the releases are, with --mirror.',
  );
}

type Outcome =
  | { readonly read: readonly (RepositoryPackages & { readonly total: number })[] }
  | { readonly problem: Problem };

/** The repository in the first of its forms that has one; a form with <variant> may have several. */
async function readPlace(place: RepositoryPlace, tree: Tree): Promise<Outcome> {
  let where = `${place.release} ${place.arch} ${place.name}`;
  try {
    for (const form of place.forms) {
      const read = [];
      for (const { folder } of await expandTemplate(form, tree.list)) {
        where = folder;
        const repository = await tree.read(folder);
        if (repository) read.push({ place, ...repository });
      }
      if (read.length > 0) return { read };
    }
    return { read: [] };
  } catch (error) {
    const failure = asFailure(error);
    if (!['network', 'bad-repository', 'checksum-mismatch'].includes(failure.reason)) throw error;
    return { problem: { where, failure } };
  }
}

function summarise(
  query: KernelQuery,
  flavourOf: ReadonlyMap<string, string>,
  outcomes: readonly Outcome[],
  roots: readonly string[],
): Discovery {
  const { source, kernels: globs } = query;
  const read = outcomes.flatMap((outcome) => ('read' in outcome ? outcome.read : []));
  const problems = outcomes.flatMap((outcome) => ('problem' in outcome ? [outcome.problem] : []));
  if (read.length === 0) {
    if (problems[0]) throw problems[0].failure;
    throw noRepository(query, roots);
  }
  const { kernels: all, problems: odd } = mergeKernels(source, flavourOf, read);
  const { kernels, problems: unmatched } = selectKernels(all, globs);
  return {
    kernels,
    problems: [...problems, ...odd, ...unmatched],
    repositories: read.length,
    packages: read.reduce((sum, { total }) => sum + total, 0),
  };
}

function noRepository(
  { source, releases, arches }: KernelQuery,
  roots: readonly string[],
): Failure {
  const given = [
    ...releases.filter((word) => word !== 'all').map((word) => `--release ${word}`),
    ...arches.filter((word) => word !== 'all').map((word) => `--arch ${word}`),
  ];
  const selected = given.length > 0 ? ` for ${given.join(' ')}` : '';
  return new Failure(
    'not-found',
    `No repository of ${source.id}${selected} exists below ${roots.join(', ')}.`,
    given.length > 0
      ? 'Check these options: the mirrors have no such combination.'
      : 'Give the root of a mirror, the folder that holds the releases, with --mirror.',
  );
}
