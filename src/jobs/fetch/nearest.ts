import type { KernelName } from '../../archive/layout.ts';
import type { Uname } from '../../names.ts';
import { compareEvr } from '../../sources/version.ts';

/** Neighbours on either side: enough to see where the archive has its gap. */
const NEIGHBOURS = 2;

/**
 * The kernels that are next to one in rpm's order of versions, oldest first: of the same line, which
 * is the architecture and the version that the kernel was made from (`5.10.0`), and of the same
 * VERSION_ID where there are any.
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
