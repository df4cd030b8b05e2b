import type { CatalogEntry } from '../../archive/catalog.ts';
import type { KernelName } from '../../archive/layout.ts';
import { flavourOf } from '../../explorer/flavour.ts';
import type { SqlValue } from '../../explorer/port.ts';
import type { Failure } from '../../failure.ts';
import { rpmvercmp } from '../../sources/version.ts';
import type { ListedKernel } from '../fetch/list.ts';
import { compareUnames } from '../fetch/nearest.ts';

/**
 * The order in which kernels stand next to each other: by distribution, VERSION_ID, architecture and flavour, which
 * make a series, and in a series by rpm's order of versions. Neighbours share nearly all of their definitions.
 */
export function compareKernels(one: KernelName, two: KernelName): number {
  return (
    compareWords(one.distribution, two.distribution) ||
    rpmvercmp(one.versionId, two.versionId) ||
    compareWords(seriesOf(one), seriesOf(two)) ||
    compareUnames(one.uname, two.uname) ||
    compareWords(one.uname, two.uname)
  );
}

/** What kernels of one series have in common. */
function seriesOf({ distribution, versionId, arch, uname }: KernelName): string {
  return [distribution, versionId, arch, flavourOf(uname)].join('/');
}

function compareWords(one: string, two: string): number {
  return one < two ? -1 : one > two ? 1 : 0;
}

/** The number of the series of each kernel, which are in order. */
export function numberSeries(kernels: readonly KernelName[]): readonly number[] {
  let number = -1;
  let last: string | undefined;
  return kernels.map((kernel) => {
    const series = seriesOf(kernel);
    if (series !== last) number++;
    last = series;
    return number;
  });
}

/** A kernel of the archive with what the database knows it by. */
export interface SiteKernel {
  readonly kernel: ListedKernel;
  /** The name of the tarball's bytes; undefined for a kernel without a tarball. */
  readonly identity: string | undefined;
  /** Why its tarball could not be read. */
  readonly error: Failure | undefined;
}

/**
 * The rows of the table `kernel`: first the kernels whose definitions the database has, in the order of their
 * positions.
 */
export function* kernelRows(
  stored: readonly SiteKernel[],
  others: readonly SiteKernel[],
): Generator<readonly SqlValue[]> {
  const series = numberSeries(stored.map(({ kernel }) => kernel));
  let id = 1;
  for (const [position, one] of stored.entries()) {
    yield kernelRow(one, id++, position, series[position] ?? null);
  }
  for (const one of others) yield kernelRow(one, id++, null, null);
}

function kernelRow(
  { kernel, identity, error }: SiteKernel,
  id: number,
  position: number | null,
  series: number | null,
): readonly SqlValue[] {
  const { uname, distribution, versionId, arch, releases, state, entry } = kernel;
  const built = entry === undefined || entry.state === 'failed' ? undefined : entry;
  const failed = entry?.state === 'failed' ? entry : undefined;
  return [
    id,
    position,
    series,
    uname,
    distribution,
    versionId,
    arch,
    releases.join(' '),
    error === undefined ? state : 'unread',
    built?.method ?? null,
    paholeOf(built),
    error?.reason ?? failed?.reason ?? null,
    error?.message ?? failed?.message ?? null,
    built?.tarball.size ?? null,
    built?.tarball.sha256 ?? null,
    built?.builtAt ?? failed?.attempts.at(-1) ?? null,
    identity ?? null,
  ];
}

function paholeOf(entry: CatalogEntry | undefined): string | null {
  if (entry === undefined || entry.state === 'failed' || entry.method === 'embedded') return null;
  return entry.pahole.version;
}
