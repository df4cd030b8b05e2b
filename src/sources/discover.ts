import pMap from 'p-map';
import { asFailure, Failure, type Reason } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import type { MetadataCache } from '../rpmmd/cache.ts';
import {
  choosePackages,
  type KernelPackage,
  type MethodChoice,
  mergeKernels,
  type PackageRole,
  type Problem,
  packageNames,
  type RepositoryPackages,
  selectKernels,
} from './kernels.ts';
import { AT_ONCE, expandTemplate, findPlaces, type RepositoryPlace } from './repositories.ts';
import type { Source } from './source.ts';
import {
  Doubts,
  findMirrors,
  type MirrorInfo,
  type ReadPackages,
  type RepositoryTree,
  repositoryTree,
} from './tree.ts';

export interface KernelQuery {
  readonly source: Source;
  /** Root URLs of mirrors, in the order in which they are asked; empty for the mirrors of the source. */
  readonly mirrors: readonly string[];
  /** Globs; an empty list selects all. */
  readonly releases: readonly string[];
  readonly arches: readonly string[];
  /** Globs on `uname -r` or the NVRA; an empty list selects all. */
  readonly kernels: readonly string[];
  /** Globs; an empty list selects the source's first flavour. */
  readonly flavours: readonly string[];
  /** Which packages to look for. */
  readonly method: MethodChoice;
  readonly cache: MetadataCache;
}

export interface Discovery {
  /** Sorted by version, as rpm compares them. */
  readonly kernels: readonly KernelPackage[];
  readonly problems: readonly Problem[];
  /** Number of repositories that were read, and of all packages in them. */
  readonly repositories: number;
  readonly packages: number;
  /** Root URLs of the mirrors that were asked, in their order. */
  readonly mirrors: readonly string[];
}

/**
 * Finds every kernel that the mirrors publish and the query selects. A repository that does not exist is
 * skipped; one that is broken on every mirror is a problem, and the others are read. Rejects with `not-found`
 * for a release, architecture, flavour or kernel that does not exist, with `bad-repository` for a mirror that
 * has another tree, and with the first problem when no repository could be read.
 */
export async function findKernels(
  platform: Platform,
  query: KernelQuery,
  progress: Progress,
): Promise<Discovery> {
  const { source } = query;
  const roles = packageNames(source, query.flavours, query.method);
  const flavourOf = new Map([...roles].map(([name, { flavour }]) => [name, flavour]));
  const task = progress.begin(`${source.id} repositories`);
  task.stage('metadata');
  try {
    const mirrorInfo = await findMirrors(platform, query);
    const doubts = new Doubts();
    const tree = repositoryTree(
      platform,
      query,
      mirrorInfo.mirrors,
      flavourOf,
      task,
      progress.note,
      doubts,
    );
    const templates = source.repositories.filter(
      (one) => !mirrorInfo.listed.has(one) && (query.method !== 'dwarf' || !one.bootImagesOnly),
    );
    const places = [
      ...mirrorInfo.places,
      ...(await findPlaces(source, templates, query, tree.folders)),
    ];
    const outcomes = await pMap(places, (place) => readPlace(place, tree), {
      concurrency: AT_ONCE,
      signal: platform.interrupted,
    });
    for (const outcome of outcomes) {
      if (!('read' in outcome)) continue;
      for (const line of outcome.read.flatMap(({ warnings }) => warnings)) progress.warn(line);
    }
    if (doubts.warning !== undefined) progress.warn(doubts.warning);
    const discovery = summarise(query, roles, outcomes, mirrorInfo);
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

type ReadRepository = ReadPackages & Pick<RepositoryPackages, 'place'>;

/** Failures that are not about one repository: they end the search. */
const ABOUT_THE_RUN: readonly Reason[] = ['interrupted', 'no-space', 'out-of-memory', 'usage'];

type RepositoryOutcome =
  | { readonly read: readonly ReadRepository[] }
  | { readonly place: RepositoryPlace; readonly problem: Problem };

/** Reads the repository in the first of its forms that exists; a form with <variant> may have several. */
async function readPlace(place: RepositoryPlace, tree: RepositoryTree): Promise<RepositoryOutcome> {
  let where = [place.release, place.arch, place.repository.name].join(' ');
  try {
    for (const form of place.forms) {
      const read = [];
      for (const { folder } of await expandTemplate(form, tree.folders)) {
        where = folder;
        const repository = await tree.read(folder, place);
        if (repository) read.push({ place, ...repository });
      }
      if (read.length > 0) return { read };
    }
    return { read: [] };
  } catch (error) {
    const failure = asFailure(error);
    if (ABOUT_THE_RUN.includes(failure.reason)) throw error;
    return { place, problem: { where, failure } };
  }
}

function summarise(
  query: KernelQuery,
  roles: ReadonlyMap<string, PackageRole>,
  outcomes: readonly RepositoryOutcome[],
  mirrorInfo: MirrorInfo,
): Discovery {
  const { source, kernels: globs } = query;
  const read = outcomes.flatMap((outcome) => ('read' in outcome ? outcome.read : []));
  const broken = outcomes.flatMap((outcome) => ('problem' in outcome ? [outcome.problem] : []));
  const problems = [...mirrorInfo.problems, ...broken];
  if (read.length === 0) {
    if (problems[0]) throw problems[0].failure;
    throw noRepository(query, mirrorInfo.mirrors);
  }
  const unusable = read.flatMap(({ folder, unusable: sentences }) =>
    sentences.map((text) => ({ where: folder, failure: new Failure('bad-repository', text) })),
  );
  const { kernels: published, problems: odd } = mergeKernels(source, roles, read, query.arches);
  const unreadPlaces = outcomes.flatMap((outcome) =>
    'problem' in outcome && !outcome.place.repository.bootImagesOnly ? [outcome.place] : [],
  );
  const unread = ({ releases, arch }: KernelPackage) =>
    query.method === 'auto' &&
    unreadPlaces.some((place) => (place.arch ?? arch) === arch && releases.includes(place.release));
  const all = choosePackages(source, published, unread);
  const { kernels, problems: unmatched } = selectKernels(all, globs);
  return {
    kernels,
    problems: [...problems, ...unusable, ...odd, ...unmatched],
    repositories: read.length,
    packages: read.reduce((sum, { total }) => sum + total, 0),
    mirrors: mirrorInfo.mirrors,
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
