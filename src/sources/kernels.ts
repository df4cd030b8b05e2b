import { describe, Failure } from '../failure.ts';
import {
  type Arch,
  asUname,
  type DistributionId,
  type Release,
  type Uname,
  type VersionId,
} from '../names.ts';
import type { PrimaryPackage } from '../rpmmd/primary.ts';
import type { Checksum } from '../rpmmd/repomd.ts';
import { selector } from './glob.ts';
import { noMatch } from './nearest.ts';
import type { RepositoryPlace } from './repositories.ts';
import type { Source } from './source.ts';
import { compareEvr, type Evr } from './version.ts';

/** One kernel that a distribution publishes: everything that building its BTF takes, the mirror aside. */
export interface KernelPackage {
  readonly distribution: DistributionId;
  readonly versionId: VersionId;
  /** Every release that lists this package, oldest name first; the first is where it was found. */
  readonly releases: readonly [Release, ...Release[]];
  readonly arch: Arch;
  readonly flavour: string;
  /** `kernel-debuginfo-<version>-<release>.<arch>` */
  readonly nvra: string;
  readonly evr: Evr;
  readonly uname: Uname;
  /** The exact name of the payload's member that is vmlinux. */
  readonly vmlinuxPath: string;
  /** Of the .rpm file, bytes. */
  readonly size: number;
  readonly checksum: Checksum;
  /** When it was built, seconds since 1970. */
  readonly builtAt: number;
  /** Where these very bytes are, relative to the root of any mirror; the first is as good as the others. */
  readonly locations: readonly [string, ...string[]];
  /** Where the key files of its repositories are, relative to the root; none where nothing is signed. */
  readonly keyPaths: readonly string[];
  /** The fingerprints of the primary keys that may have signed it, upper-case hex; none where nothing is signed. */
  readonly trustedKeys: readonly string[];
}

/** A part of the tree that cannot be used, while the others can. */
export interface Problem {
  /** The repository's folder, or what was asked for, for a person. */
  readonly where: string;
  readonly failure: Failure;
}

/** The packages that one repository has under the source's names. */
export interface RepositoryPackages {
  readonly place: RepositoryPlace;
  /** Relative to the root. */
  readonly folder: string;
  readonly packages: readonly PrimaryPackage[];
}

/** The names of the packages that hold a vmlinux, of the wanted flavours; `not-found` for an unknown flavour. */
export function packageNames(
  source: Source,
  flavours: readonly string[],
): ReadonlyMap<string, string> {
  const known = Object.entries(source.flavours);
  const globs = flavours.length > 0 ? flavours : known.slice(0, 1).map(([flavour]) => flavour);
  const unknown = globs.find((glob) => !known.some(([flavour]) => selector([glob])(flavour)));
  if (unknown !== undefined) {
    throw noMatch(
      '--flavour',
      unknown,
      known.map(([flavour]) => flavour),
    );
  }
  const wanted = known.filter(([flavour]) => selector(globs)(flavour));
  return new Map(wanted.map(([flavour, shape]) => [shape.package, flavour]));
}

/**
 * The kernels of several repositories, in rpm's order of their versions. A package that several
 * repositories list, such as those of two service packs, is one kernel. Where they list it with
 * different bytes, the one of the folder whose name sorts first counts. A package whose version
 * cannot be a file name is a problem.
 */
export function mergeKernels(
  source: Source,
  flavourOf: ReadonlyMap<string, string>,
  repositories: readonly RepositoryPackages[],
): { readonly kernels: readonly KernelPackage[]; readonly problems: readonly Problem[] } {
  const kernels = new Map<string, KernelPackage>();
  const problems: Problem[] = [];
  const sorted = [...repositories].sort((one, two) => compareText(one.folder, two.folder));
  for (const { place, folder, packages } of sorted) {
    for (const item of packages) {
      const flavour = flavourOf.get(item.name);
      if (flavour === undefined || item.arch !== place.arch) continue;
      const kernel = toKernel(source, flavour, place, folder, item);
      if (kernel instanceof Failure) {
        problems.push({ where: folder, failure: kernel });
        continue;
      }
      const key = `${kernel.versionId} ${kernel.nvra}`;
      const known = kernels.get(key);
      kernels.set(key, known ? merge(known, kernel) : kernel);
    }
  }
  return { kernels: [...kernels.values()].sort(byVersion), problems };
}

/** Oldest version first; architecture and name decide where the version is the same. */
export function byVersion(one: KernelPackage, two: KernelPackage): number {
  return compareEvr(one.evr, two.evr) || compareText(one.nvra, two.nvra);
}

/** Whether the kernel carries BTF of its own, as far as the source knows. */
export function carriesBtf(source: Source, kernel: KernelPackage): boolean {
  const embedded = source.flavours[kernel.flavour]?.embeddedBtf;
  if (!embedded?.arches.includes(kernel.arch)) return false;
  const [version = '', release = ''] = embedded.from.split('-');
  return compareEvr(kernel.evr, { epoch: kernel.evr.epoch, version, release }) >= 0;
}

/**
 * The kernels whose `uname -r` or NVRA a glob selects. A glob that selects nothing is a problem beside
 * the others; throws `not-found` when all of them select nothing.
 */
export function selectKernels(
  kernels: readonly KernelPackage[],
  globs: readonly string[],
): { readonly kernels: readonly KernelPackage[]; readonly problems: readonly Problem[] } {
  const selected = (words: readonly string[]) => {
    const wants = selector(words);
    return kernels.filter(({ uname, nvra }) => wants(uname) || wants(nvra));
  };
  const unmatched = globs.filter((glob) => glob !== 'all' && selected([glob]).length === 0);
  const names = kernels.map(({ uname }) => uname);
  const problems = unmatched.map((glob) => ({
    where: `--kernel ${glob}`,
    failure: noMatch('--kernel', glob, names),
  }));
  const [first] = problems;
  if (first && problems.length === globs.length) throw first.failure;
  return { kernels: selected(globs), problems };
}

function toKernel(
  source: Source,
  flavour: string,
  place: RepositoryPlace,
  folder: string,
  item: PrimaryPackage,
): KernelPackage | Failure {
  const shape = source.flavours[flavour];
  if (shape === undefined) return new Failure('internal', `There is no flavour ${flavour}.`);
  const { version, release, arch, epoch } = item;
  const parts: Readonly<Record<string, string>> = { ver: version, rel: release, arch };
  let uname: Uname;
  try {
    uname = asUname(shape.uname.replace(/<(ver|rel|arch)>/g, (_, part) => parts[part] ?? ''));
  } catch (error) {
    return new Failure('bad-repository', `${item.name} is skipped: ${describe(error)}`);
  }
  return {
    distribution: source.id,
    versionId: place.versionId,
    releases: [place.release],
    arch: place.arch,
    flavour,
    nvra: `${item.name}-${version}-${release}.${arch}`,
    evr: { epoch, version, release },
    uname,
    vmlinuxPath: shape.vmlinux.replaceAll('<uname>', uname),
    size: item.size,
    checksum: item.checksum,
    builtAt: item.builtAt,
    locations: [`${folder}/${item.location}`],
    keyPaths: source.keys ? [`${folder}/${source.keys.file}`] : [],
    trustedKeys: source.keys?.fingerprints ?? [],
  };
}

function merge(known: KernelPackage, again: KernelPackage): KernelPackage {
  const [first, ...others] = known.releases;
  const releases = [first, ...new Set([...others, ...again.releases])] as const;
  const merged = { ...known, releases: unique(releases) };
  const same =
    known.checksum.value === again.checksum.value &&
    known.checksum.algorithm === again.checksum.algorithm;
  if (!same) return merged;
  return {
    ...merged,
    locations: unique([...known.locations, ...again.locations] as const),
    keyPaths: [...new Set([...known.keyPaths, ...again.keyPaths])],
  };
}

function unique<Value>([first, ...rest]: readonly [Value, ...Value[]]): [Value, ...Value[]] {
  return [first, ...new Set(rest.filter((value) => value !== first))];
}

function compareText(one: string, two: string): number {
  if (one === two) return 0;
  return one < two ? -1 : 1;
}
