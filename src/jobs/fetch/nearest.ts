import type { KernelName } from '../../archive/layout.ts';
import type { Uname } from '../../names.ts';
import { compareEvr } from '../../sources/version.ts';

/** The number of kernels to name on each side. */
const NEIGHBOURS = 2;

/**
 * The kernels next to a given one in rpm's version order, oldest first. They have the same architecture and
 * the same kernel version (`5.10.0`), and the same VERSION_ID if there are any with it.
 */
export function nearestKernels(
  kernels: readonly KernelName[],
  wanted: Pick<KernelName, 'uname' | 'arch'> & Partial<Pick<KernelName, 'versionId'>>,
): readonly KernelName[] {
  const line = kernels.filter(
    ({ arch, uname }) => arch === wanted.arch && baseOf(uname) === baseOf(wanted.uname),
  );
  const own = line.filter(({ versionId }) => versionId === wanted.versionId);
  const sorted = (own.length > 0 ? own : line).toSorted((one, two) =>
    compareUnames(one.uname, two.uname),
  );
  const at = sorted.findIndex(({ uname }) => compareUnames(uname, wanted.uname) > 0);
  const middle = at < 0 ? sorted.length : at;
  return sorted.slice(Math.max(0, middle - NEIGHBOURS), middle + NEIGHBOURS);
}

/** rpm's order of `<version>-<release>`. */
export function compareUnames(one: Uname, two: Uname): number {
  return compareEvr(toEvr(one), toEvr(two));
}

function toEvr(uname: Uname) {
  const [version = '', ...release] = uname.split('-');
  return { epoch: 0, version, release: release.join('-') };
}

function baseOf(uname: Uname): string {
  return uname.split('-', 1)[0] ?? uname;
}
