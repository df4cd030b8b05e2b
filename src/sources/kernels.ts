import { describe, Failure } from '../failure.ts';
import {
  type Arch,
  asArch,
  asUname,
  asVersionId,
  type DistributionId,
  printable,
  type Release,
  type Uname,
  type VersionId,
} from '../names.ts';
import type { PrimaryPackage } from '../rpmmd/primary.ts';
import type { Checksum } from '../rpmmd/repomd.ts';
import { expressionOf, fillIn } from './expression.ts';
import { selector } from './glob.ts';
import { noMatch } from './nearest.ts';
import type { RepositoryPlace } from './repositories.ts';
import type { Source } from './source.ts';
import { keyPathBelow } from './template.ts';
import { compareEvr, type Evr } from './version.ts';

/** How the BTF of a kernel is made: by pahole from the DWARF of vmlinux, or taken out of the boot image, which carries it. */
export const METHODS = ['dwarf', 'embedded'] as const;
export type Method = (typeof METHODS)[number];
/** `auto`: `dwarf` where there is a package with vmlinux, else `embedded`. */
export const METHOD_CHOICES = ['auto', ...METHODS] as const;
export type MethodChoice = (typeof METHOD_CHOICES)[number];

/** One kernel that a distribution publishes: everything that building its BTF takes, the mirror aside. */
export type KernelPackage = DebuginfoPackage | BootPackage;

/** A kernel with the package that holds its vmlinux. */
export interface DebuginfoPackage extends PublishedPackage {
  readonly method: 'dwarf';
  /** The exact name of the payload's member that is vmlinux. */
  readonly vmlinuxPath: string;
  /** Where vmlinux is if it is not at `vmlinuxPath`, in the order to look; absent where there is one path only. */
  readonly otherVmlinuxPaths?: readonly string[];
  /** The same kernel's package with the boot image: read where this one turns out to hold no vmlinux. */
  readonly bootPackage?: BootPackage;
}

/** A kernel with the package that holds its boot image. */
export interface BootPackage extends PublishedPackage {
  readonly method: 'embedded';
  /** The exact name of the payload's member that is the boot image. */
  readonly imagePath: string;
}

/** What both kinds of package have. */
interface PublishedPackage {
  readonly distribution: DistributionId;
  readonly versionId: VersionId;
  /** Every release that lists this package, sorted by folder; the first is where it was found. */
  readonly releases: readonly [Release, ...Release[]];
  readonly arch: Arch;
  readonly flavour: string;
  /** `kernel-debuginfo-<version>-<release>.<arch>`, or `kernel-<version>-<release>.<arch>` */
  readonly nvra: string;
  readonly evr: Evr;
  readonly uname: Uname;
  /** Size of the .rpm file, bytes. */
  readonly size: number;
  readonly checksum: Checksum;
  /** `header`: the checksum is that of the package's header; no repository metadata promises the whole file. */
  readonly checksumOf?: 'header';
  /** When it was built, seconds since 1970. */
  readonly builtAt: number;
  /** Paths of this package, with the same bytes, below the root of any mirror. */
  readonly locations: readonly [string, ...string[]];
  /** Paths of the key files of its repositories, below the root of a mirror; empty where packages are not signed. */
  readonly keyPaths: readonly string[];
  /** What to try if the mirrors do not have the bytes of this package; absent where all repositories list the same. */
  readonly alternatives?: readonly PackageAlternative[];
  /** Fingerprints of the primary keys that may sign it, upper-case hex; empty where packages are not signed. */
  readonly trustedKeys: readonly string[];
  /** Where a plan asks for files with modules: build one `beside` the kernel's own, or `alone` because the archive has that. */
  readonly modules?: 'beside' | 'alone';
}

/** Other bytes under the same name, which another repository lists. */
export type PackageAlternative = Pick<
  KernelPackage,
  'size' | 'checksum' | 'locations' | 'keyPaths'
>;

/** A part of the tree that cannot be used; the rest can. */
export interface Problem {
  /** The folder of the repository, or the option, for messages. */
  readonly where: string;
  readonly failure: Failure;
}

/** The packages of one repository that have a name the source gives. */
export interface RepositoryPackages {
  readonly place: RepositoryPlace;
  /** Relative to the root. */
  readonly folder: string;
  readonly packages: readonly PrimaryPackage[];
  /** `uname -r` of packages whose file list was read for it, by their location. */
  readonly unames: ReadonlyMap<string, string | Failure>;
  /** The checksums are those of the packages' headers. */
  readonly headerOnly: boolean;
}

/** What a package is good for. */
export interface PackageRole {
  readonly flavour: string;
  readonly method: Method;
}

/**
 * The names of the packages that hold a vmlinux or a boot image, of the wanted flavours. Throws
 * `not-found` for an unknown flavour, and where `embedded` is wanted of a source that does not say
 * where its boot images are.
 */
export function packageNames(
  source: Source,
  flavours: readonly string[],
  method: MethodChoice,
): ReadonlyMap<string, PackageRole> {
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
  const roles = new Map<string, PackageRole>();
  for (const [flavour, shape] of wanted) {
    if (method !== 'dwarf' && shape.bootImage) {
      roles.set(shape.bootImage.package, { flavour, method: 'embedded' });
    }
    if (method !== 'embedded') roles.set(shape.package, { flavour, method: 'dwarf' });
  }
  if (roles.size > 0) return roles;
  throw new Failure(
    'not-found',
    `The source ${source.id} does not say where the boot images of its kernels are.`,
    "Add 'bootImage' to its flavours, or use --method dwarf.",
  );
}

/**
 * The kernels of several repositories, in rpm's order of their versions. A package that several
 * repositories list, such as those of two service packs, is one kernel. Where they list it with
 * different bytes, the one of the folder whose name sorts first counts, and the others are alternatives.
 * A package whose version cannot be a file name is a problem.
 */
export function mergeKernels(
  source: Source,
  roles: ReadonlyMap<string, PackageRole>,
  repositories: readonly RepositoryPackages[],
  arches: readonly string[],
): { readonly kernels: readonly KernelPackage[]; readonly problems: readonly Problem[] } {
  const kernels = new Map<string, KernelPackage>();
  const problems: Problem[] = [];
  const sorted = [...repositories].sort((one, two) => compareText(one.folder, two.folder));
  const wantsArch = selector(arches);
  for (const repository of sorted) {
    const { place, folder, packages } = repository;
    for (const item of packages) {
      const role = roles.get(item.name);
      if (role === undefined || item.arch !== (place.arch ?? item.arch)) continue;
      if (!wantsArch(item.arch)) continue;
      const kernel = toKernel(source, role, repository, item);
      if (kernel === undefined) continue;
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

/** What tells a kernel from all others, whichever package it is in. */
function identityOf({ versionId, arch, uname }: KernelPackage): string {
  return `${versionId} ${arch} ${uname}`;
}

/**
 * Chooses one package for each kernel. `auto` prefers the one with vmlinux, and keeps the one with the
 * boot image beside it; a kernel that has no other than the latter is kept unless the source knows that
 * its version carries no BTF.
 * @param unread whether the packages with vmlinux of this kernel's release could not all be read: then
 *   it is not known that it has none
 */
export function choosePackages(
  source: Source,
  kernels: readonly KernelPackage[],
  unread: (kernel: KernelPackage) => boolean,
): readonly KernelPackage[] {
  const boot = new Map<string, BootPackage>();
  const debuginfo = new Set<string>();
  for (const kernel of kernels) {
    if (kernel.method === 'embedded') boot.set(identityOf(kernel), kernel);
    else debuginfo.add(identityOf(kernel));
  }
  return kernels.flatMap((kernel): KernelPackage[] => {
    const identity = identityOf(kernel);
    if (kernel.method === 'dwarf') {
      const bootPackage = boot.get(identity);
      return [bootPackage ? { ...kernel, bootPackage } : kernel];
    }
    const wanted = !debuginfo.has(identity) && !unread(kernel) && mayCarryBtf(source, kernel);
    return wanted ? [kernel] : [];
  });
}

/** Whether a kernel is new enough to carry BTF; on architectures that the source does not know it may. */
function mayCarryBtf(source: Source, kernel: KernelPackage): boolean {
  const embedded = source.flavours[kernel.flavour]?.embeddedBtf;
  return embedded === undefined || isSince(kernel.evr, embedded.from);
}

function isSince(evr: Evr, from: string): boolean {
  const [version = '', release = ''] = from.split('-');
  return compareEvr(evr, { epoch: evr.epoch, version, release }) >= 0;
}

/**
 * Bytes of the package that are read. A boot image lies in the first fifth of its package, and reading
 * stops there where a signature can prove the image; elsewhere the whole package is read. Modules lie behind the
 * image, so that with them it may have to be read to its end.
 */
export function bytesToRead(kernel: KernelPackage): number {
  const { method, keyPaths, modules } = kernel;
  const stops = method === 'embedded' && keyPaths.length > 0 && modules === undefined;
  return stops ? Math.ceil(kernel.size * BOOT_IMAGE_SHARE) : kernel.size;
}

/** Of a kernel package, System.map, config and symvers included, which lie in front of it. */
const BOOT_IMAGE_SHARE = 0.2;

/** Oldest version first; then by NVRA. */
export function byVersion(one: KernelPackage, two: KernelPackage): number {
  return compareEvr(one.evr, two.evr) || compareText(one.nvra, two.nvra);
}

/** Whether the kernel carries embedded BTF, as the source file says. */
export function carriesBtf(source: Source, kernel: KernelPackage): boolean {
  const embedded = source.flavours[kernel.flavour]?.embeddedBtf;
  if (!embedded?.arches.includes(kernel.arch)) return false;
  return isSince(kernel.evr, embedded.from);
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

/** `<version>-<release>.<arch>` of a package, which expressions of the source read. */
function versionText({ version, release, arch }: PackageVersion): string {
  return `${version}-${release}.${arch}`;
}

interface PackageVersion {
  readonly version: string;
  readonly release: string;
  readonly arch: string;
}

/**
 * `uname -r` by the name of the package; undefined where the source reads it from the package's files, or where the
 * source's expression does not match.
 */
export function unameByName(
  source: Source,
  flavour: string,
  item: PackageVersion,
): string | undefined {
  const rule = source.flavours[flavour]?.uname;
  if (rule === undefined || (typeof rule === 'object' && 'files' in rule)) return undefined;
  const parts = { ver: item.version, rel: item.release, arch: item.arch };
  if (typeof rule === 'string') return fillIn(rule, parts);
  const groups = expressionOf(rule.match).matchOne(versionText(item));
  return groups && fillIn(rule.text, { ...parts, ...groups.named });
}

/** VERSION_ID by the name of the package; undefined where the source's expression does not match. */
function versionIdOfPackage({ versionId: rule }: Source, item: PackageVersion): string | undefined {
  if (typeof rule === 'string') return undefined;
  const groups = expressionOf(rule.match).matchOne(versionText(item));
  return groups && fillIn(rule.text, groups.named);
}

/** Undefined for a package of another version of the distribution; a Failure for one whose names cannot be used. */
function toKernel(
  source: Source,
  { flavour, method }: PackageRole,
  { place, folder, unames, headerOnly }: RepositoryPackages,
  item: PrimaryPackage,
): KernelPackage | Failure | undefined {
  const shape = source.flavours[flavour];
  if (shape === undefined) return new Failure('internal', `There is no flavour ${flavour}.`);
  const { version, release, arch, epoch } = item;
  const nvra = `${item.name}-${versionText(item)}`;
  const file = item.location.split('/').at(-1);
  if (file !== `${nvra}.rpm`) {
    // A record names the package by the file at its URL.
    return new Failure(
      'bad-repository',
      `${nvra} is skipped: its file is called ${printable(file ?? '')}.`,
    );
  }
  const foundUname = unames.get(item.location) ?? unameByName(source, flavour, item);
  if (foundUname instanceof Failure) return foundUname;
  if (foundUname === undefined) {
    return new Failure(
      'bad-repository',
      `${nvra} is skipped: the expression of the source file for its 'uname -r' does not match.`,
      'Correct the expression in the source file.',
    );
  }
  const foundVersion = place.versionId ?? versionIdOfPackage(source, item);
  if (foundVersion === undefined) return undefined;
  let names: Pick<KernelPackage, 'uname' | 'versionId' | 'arch'>;
  try {
    names = {
      uname: asUname(foundUname),
      versionId: asVersionId(foundVersion),
      arch: asArch(arch),
    };
  } catch (error) {
    return new Failure('bad-repository', `${item.name} is skipped: ${describe(error)}`);
  }
  const { uname, versionId } = names;
  const bindings = { release: place.release, arch };
  const keyPaths = [source.keys?.file ?? []]
    .flat()
    .flatMap((path) => keyPathBelow(folder, path, bindings) ?? []);
  const published: PublishedPackage = {
    distribution: source.id,
    versionId,
    releases: [place.release],
    arch: names.arch,
    flavour,
    nvra,
    evr: { epoch, version, release },
    uname,
    size: item.size,
    checksum: item.checksum,
    ...(headerOnly ? { checksumOf: 'header' as const } : {}),
    builtAt: item.builtAt,
    locations: [`${folder}/${item.location}`],
    keyPaths,
    trustedKeys: source.keys?.fingerprints ?? [],
  };
  if (method === 'embedded') {
    const path = shape.bootImage?.path ?? '';
    return { ...published, method, imagePath: path.replaceAll('<uname>', uname) };
  }
  const paths = [shape.vmlinux].flat().map((path) => path.replaceAll('<uname>', uname));
  const [vmlinuxPath = '', ...others] = paths;
  const otherVmlinuxPaths = others.length > 0 ? { otherVmlinuxPaths: others } : {};
  return { ...published, method, vmlinuxPath, ...otherVmlinuxPaths };
}

function merge(known: KernelPackage, again: KernelPackage): KernelPackage {
  const [first, ...others] = known.releases;
  const releases = [first, ...new Set([...others, ...again.releases])] as const;
  const merged = { ...known, releases: unique(releases) };
  const same =
    known.checksum.value === again.checksum.value &&
    known.checksum.algorithm === again.checksum.algorithm;
  if (!same) {
    const { size, checksum, locations, keyPaths } = again;
    const alternatives = known.alternatives ?? [];
    const isKnown = alternatives.some((one) => one.checksum.value === checksum.value);
    if (isKnown || again.checksumOf !== known.checksumOf) return merged;
    return { ...merged, alternatives: [...alternatives, { size, checksum, locations, keyPaths }] };
  }
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
