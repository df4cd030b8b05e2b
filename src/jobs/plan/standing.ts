import { tarballPath } from '../../archive/layout.ts';
import type { Reason } from '../../failure.ts';
import { carriesBtf, type KernelPackage } from '../../sources/kernels.ts';
import type { Source } from '../../sources/source.ts';

/** One kernel's failures so far, as the archive's catalog tells them. */
export interface PastFailure {
  readonly reason: Reason;
  /** When this very package was tried, the last time last: ISO 8601, UTC. */
  readonly attempts: readonly string[];
  readonly package: { readonly size: number; readonly sha256: string };
}

/** What is known about kernels before a run, by the path of their tarball in the archive. */
export interface Known {
  readonly archived: ReadonlySet<string>;
  readonly pending: ReadonlySet<string>;
  readonly failed: ReadonlyMap<string, PastFailure>;
}

export const NOTHING_KNOWN: Known = { archived: new Set(), pending: new Set(), failed: new Map() };

/** How a kernel stands: there, waiting for review, not due again after a failure, left out, or wanted. */
export type Standing = 'archived' | 'pending' | 'failed' | 'embedded' | 'wanted';

export interface StandingRules {
  readonly source: Source;
  readonly known: Known;
  readonly skipEmbedded: boolean;
  /** Try what failed before, whatever and whenever it was. */
  readonly retryFailed: boolean;
  readonly now: Date;
}

export function standingOf(kernel: KernelPackage, rules: StandingRules): Standing {
  const { source, known, skipEmbedded, retryFailed, now } = rules;
  const path = tarballPath(kernel, kernel.uname);
  if (known.archived.has(path)) return 'archived';
  if (known.pending.has(path)) return 'pending';
  if (skipEmbedded && carriesBtf(source, kernel)) return 'embedded';
  const failure = known.failed.get(path);
  const given = failure !== undefined && !retryFailed && !mayRetry(kernel, failure, now);
  return given ? 'failed' : 'wanted';
}

/** What no second try would change: its package came as promised, and that is what is in it. */
const PERMANENT: readonly Reason[] = ['no-vmlinux', 'no-dwarf', 'bad-elf'];
const FIRST_WAIT_HOURS = 12;
const LONGEST_WAIT_HOURS = 30 * 24;

/**
 * Hours to leave a kernel alone after so many failures: half a day, so that the next night tries it
 * again, then twice as long each time, up to 30 days.
 */
export function hoursAfter(attempts: number): number {
  return Math.min(LONGEST_WAIT_HOURS, FIRST_WAIT_HOURS * 2 ** Math.max(0, attempts - 1));
}

/** Whether a kernel that failed is due again. Another package under the same name always is. */
export function mayRetry(kernel: KernelPackage, failure: PastFailure, now: Date): boolean {
  if (!isSamePackage(kernel, failure)) return true;
  if (PERMANENT.includes(failure.reason)) return false;
  const last = Date.parse(failure.attempts.at(-1) ?? '');
  if (Number.isNaN(last)) return true;
  return now.getTime() >= last + hoursAfter(failure.attempts.length) * 3_600_000;
}

/** Repositories that give another sum than SHA-256 can be compared by size alone. */
function isSamePackage({ size, checksum }: KernelPackage, failure: PastFailure): boolean {
  if (checksum.algorithm === 'sha256') return checksum.value === failure.package.sha256;
  return size === failure.package.size;
}
