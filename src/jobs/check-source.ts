import type { Failure } from '../failure.ts';
import { asFailure } from '../failure.ts';
import type { DistributionId } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { findKernels, type KernelQuery } from '../sources/discover.ts';
import type { DebuginfoPackage } from '../sources/kernels.ts';
import type { Repository, Source } from '../sources/source.ts';
import { placeholdersOf } from '../sources/template.ts';

/** What a source file makes the program look for, without the network. */
export interface LooksFor {
  readonly repository: string;
  /** URLs; on every mirror the same. */
  readonly addresses: readonly string[];
  /** Where the search stops if a server does not list its folders, and what helps; none if it does not stop. */
  readonly stops: readonly string[];
}

/** What the mirrors have. */
export interface FoundKernels {
  readonly mirrors: readonly string[];
  readonly repositories: number;
  readonly kernels: number;
  readonly releases: readonly string[];
  readonly arches: readonly string[];
  /** The oldest and the newest kernel. */
  readonly examples: readonly Pick<
    DebuginfoPackage,
    'uname' | 'versionId' | 'arch' | 'nvra' | 'vmlinuxPath' | 'locations'
  >[];
  readonly problems: readonly { readonly where: string; readonly message: string }[];
}

export interface SourceCheck {
  readonly id: DistributionId;
  readonly key: string;
  readonly status: Source['status'];
  readonly looksFor: readonly LooksFor[];
  readonly found?: FoundKernels;
  /** Why nothing was found. */
  readonly failure?: Failure;
}

/** Says what a source looks for, and where a query is given also what the mirrors have. */
export async function checkSource(
  platform: Platform,
  source: Source,
  query: KernelQuery | undefined,
  progress: Progress,
): Promise<SourceCheck> {
  const check = {
    id: source.id,
    key: source.key ?? source.id,
    status: source.status,
    looksFor: source.repositories.map((one) => lookFor(source, one, query?.mirrors ?? [])),
  };
  if (query === undefined) return check;
  try {
    const discovery = await findKernels(platform, query, progress);
    return { ...check, found: summarise(discovery) };
  } catch (error) {
    platform.interrupted.throwIfAborted();
    return { ...check, failure: asFailure(error) };
  }
}

function lookFor(source: Source, repository: Repository, given: readonly string[]): LooksFor {
  const mirror = given[0] ?? source.mirrors[0] ?? '<mirror>/';
  const end = repository.packages === 'listing' ? '/' : '/repodata/repomd.xml';
  const byFolders = repository.folders.map((folder) => `${mirror}${folder}${end}`);
  const byList = given.length === 0 && repository.mirrorList !== undefined;
  return {
    repository: repository.name,
    addresses: byList ? [repository.mirrorList ?? ''] : byFolders,
    stops: stopsOf(source, repository),
  };
}

function stopsOf(source: Source, { folders, release, arch }: Repository): readonly string[] {
  const stops = new Set<string>();
  for (const folder of folders) {
    const segments = folder.split('/');
    for (const [index, segment] of segments.entries()) {
      const front = segments.slice(0, index).join('/');
      const bound = new Set(placeholdersOf(front));
      for (const kind of placeholdersOf(segment).filter((one) => !bound.has(one))) {
        const where = `'${front === '' ? '/' : front}'`;
        if (kind === 'release' && release === undefined && source.releases.length === 0) {
          stops.add(`${where} is not listed: name --release, or 'releases' in the file`);
        }
        if (kind === 'arch' && arch === undefined && source.arches.length === 0) {
          stops.add(`${where} is not listed: name --arch, or 'arches' in the file`);
        }
        if (kind === 'variant') stops.add(`${where} is not listed: nothing else tells <variant>`);
        if (kind === 'repoid') stops.add(`${where} has no repomd.xml with repository IDs`);
      }
    }
  }
  return [...stops];
}

function summarise({
  kernels,
  repositories,
  mirrors,
  problems,
}: Awaited<ReturnType<typeof findKernels>>): FoundKernels {
  const unique = (values: readonly string[]) => [...new Set(values)].sort();
  const withVmlinux = kernels.filter((one) => one.method === 'dwarf');
  const ends = [withVmlinux[0], withVmlinux.at(-1)];
  const examples = [...new Set(ends)].filter((one) => one !== undefined);
  return {
    mirrors,
    repositories,
    kernels: kernels.length,
    releases: unique(kernels.flatMap(({ releases }) => releases)),
    arches: unique(kernels.map(({ arch }) => arch)),
    examples: examples.map(({ uname, versionId, arch, nvra, vmlinuxPath, locations }) => ({
      uname,
      versionId,
      arch,
      nvra,
      vmlinuxPath,
      locations,
    })),
    problems: problems.map(({ where, failure }) => ({ where, message: failure.message })),
  };
}
