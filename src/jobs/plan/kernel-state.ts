import { tarballPath } from '../../archive/layout.ts';
import type { Reason } from '../../failure.ts';
import { carriesBtf, type KernelPackage, type Method } from '../../sources/kernels.ts';
import type { Source } from '../../sources/source.ts';
import type { DwarfTools } from '../../toolchain/dwarf-tools.ts';

/** The earlier failures of one kernel, as the archive's catalog lists them. */
export interface PastFailure {
  readonly reason: Reason;
  /** When this package was tried, oldest first: ISO 8601, UTC. */
  readonly attempts: readonly string[];
  readonly package: { readonly size: number; readonly sha256: string };
  /** Of `unreadable-dwarf`: what could not read the debug information. */
  readonly tools?: DwarfTools;
}

/** How a file of the archive was made, and of which package, as the catalog says. */
export interface PastBuild {
  readonly method: Method;
  readonly nvra: string;
}

/** What the archive has before a run. Keys are the paths of tarballs in the archive. */
export interface ArchiveState {
  readonly archived: ReadonlySet<string>;
  readonly pending: ReadonlySet<string>;
  /** Of the files that the catalog knows. */
  readonly built: ReadonlyMap<string, PastBuild>;
  readonly failed: ReadonlyMap<string, PastFailure>;
}

/** Both kinds of files that an archive has; `modules` is undefined where no files with modules are asked for. */
export interface ArchiveStates {
  readonly kernels: ArchiveState;
  readonly modules: ArchiveState | undefined;
}

export const NO_ARCHIVE: ArchiveState = {
  archived: new Set(),
  pending: new Set(),
  built: new Map(),
  failed: new Map(),
};

/**
 * - `archived`: on the archive's base branch
 * - `pending`: on the branch that waits for review
 * - `failed`: failed before, and not yet due for a retry
 * - `embedded`: the kernel carries BTF, and such kernels are left out
 * - `without-modules`: on one of these branches, and its file with modules is to be built
 * - `wanted`: to be built
 */
export type KernelState =
  | 'archived'
  | 'pending'
  | 'failed'
  | 'embedded'
  | 'without-modules'
  | 'wanted';

export interface StateRules {
  readonly source: Source;
  readonly archive: ArchiveStates;
  readonly skipEmbedded: boolean;
  /** Retry every kernel that failed before, for any reason and at any time. */
  readonly retryFailed: boolean;
  /** Build again what the archive has by the other method. */
  readonly replaceMethod: boolean;
  /** What a build on this machine would read DWARF with; undefined where that is not known. */
  readonly tools: DwarfTools | undefined;
  readonly now: Date;
}

/**
 * The state of a kernel. Where files with modules are asked for, it counts as archived or pending only if both of its
 * files are there, or the one with modules failed before and is not yet due.
 */
export function kernelState(kernel: KernelPackage, rules: StateRules): KernelState {
  const { kernels, modules } = rules.archive;
  const state = stateOfFile(kernel, rules, kernels);
  const isThere = state === 'archived' || state === 'pending';
  if (!isThere || modules === undefined) return state;
  return stateOfFile(kernel, rules, modules) === 'wanted' ? 'without-modules' : state;
}

function stateOfFile(
  kernel: KernelPackage,
  rules: StateRules,
  archive: ArchiveState,
): Exclude<KernelState, 'without-modules'> {
  const { source, skipEmbedded, retryFailed, tools, now } = rules;
  const path = tarballPath(kernel, kernel.uname);
  const isReplaced = rules.replaceMethod && isOfOtherMethod(kernel, archive.built.get(path));
  if (archive.archived.has(path)) return isReplaced ? 'wanted' : 'archived';
  if (archive.pending.has(path)) return isReplaced ? 'wanted' : 'pending';
  if (skipEmbedded && carriesBtf(source, kernel)) return 'embedded';
  const failure = archive.failed.get(path);
  const notDue = failure !== undefined && !retryFailed && !mayRetry(kernel, failure, tools, now);
  return notDue ? 'failed' : 'wanted';
}

/**
 * Whether a file was made by another method than this kernel's package is read by. Not of a file that the catalog does
 * not know, and not where the boot image already gave what this package, which may hold no vmlinux, did not.
 */
function isOfOtherMethod(kernel: KernelPackage, built: PastBuild | undefined): boolean {
  if (built === undefined || built.method === kernel.method) return false;
  return kernel.method === 'embedded' || kernel.bootPackage?.nvra !== built.nvra;
}

/** Reasons that only a different package changes: no retry while the package is the same. */
const PERMANENT: readonly Reason[] = [
  'no-vmlinux',
  'no-dwarf',
  'bad-elf',
  'no-btf',
  'bad-image',
  'ambiguous-btf',
];
const FIRST_WAIT_HOURS = 12;
const LONGEST_WAIT_HOURS = 30 * 24;

/**
 * Hours to wait before a retry after that many failures. The first wait is 12 hours, so that a nightly
 * run retries the next night; each further wait is twice as long, up to 30 days.
 */
export function hoursAfter(attempts: number): number {
  return Math.min(LONGEST_WAIT_HOURS, FIRST_WAIT_HOURS * 2 ** Math.max(0, attempts - 1));
}

/**
 * Whether a kernel that failed may be tried again now. A package whose bytes changed always may. Debug information
 * that pahole or elfutils could not read is tried again when their versions change, and not before.
 */
export function mayRetry(
  kernel: KernelPackage,
  failure: PastFailure,
  tools: DwarfTools | undefined,
  now: Date,
): boolean {
  if (!isSamePackage(kernel, failure)) return true;
  // It failed before anything looked at the boot image.
  const untried = kernel.method === 'dwarf' && kernel.bootPackage !== undefined;
  if (failure.reason === 'no-vmlinux' && untried) return true;
  if (PERMANENT.includes(failure.reason)) return false;
  if (failure.reason === 'unreadable-dwarf' && failure.tools && tools) {
    return !sameTools(failure.tools, tools);
  }
  const last = Date.parse(failure.attempts.at(-1) ?? '');
  if (Number.isNaN(last)) return true;
  return now.getTime() >= last + hoursAfter(failure.attempts.length) * 3_600_000;
}

/** A version of elfutils that is not known of one of them says nothing. */
function sameTools(one: DwarfTools, other: DwarfTools): boolean {
  const known = one.elfutils !== undefined && other.elfutils !== undefined;
  return one.pahole === other.pahole && (!known || one.elfutils === other.elfutils);
}

/** The catalog keeps SHA-256 only: with another algorithm the size is all there is to compare. */
function isSamePackage({ size, checksum }: KernelPackage, failure: PastFailure): boolean {
  if (checksum.algorithm === 'sha256') return checksum.value === failure.package.sha256;
  return size === failure.package.size;
}
