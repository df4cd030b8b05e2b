import { flavourOf } from '../../explorer/flavour.ts';
import { compareNames } from '../../names.ts';
import type { Kernel } from '../answers.ts';
import type { KernelLine } from './strip.tsx';

/**
 * The kernels by release and architecture: newest releases first, in each the newest kernels first. Where a line has
 * flavours of the kernel, each stands by itself.
 */
export function linesOf(kernels: readonly Kernel[]): readonly KernelLine[] {
  const isMixed = new Set(kernels.map(({ distribution }) => distribution)).size > 1;
  const lines = new Map<string, { release: string; arch: string; kernels: Kernel[] }>();
  for (const kernel of kernels) {
    const release = releaseOf(kernel, isMixed);
    const key = `${release}\n${kernel.arch}`;
    const line = lines.get(key) ?? { release, arch: kernel.arch, kernels: [] };
    line.kernels.push(kernel);
    lines.set(key, line);
  }
  return [...lines.values()]
    .map(({ release, arch, kernels: own }) => ({
      release,
      arch,
      kernels: own.toSorted(
        (one, two) =>
          // Kernels without BTF have no series.
          compareNames(flavourOf(one.uname), flavourOf(two.uname)) ||
          compareNames(two.uname, one.uname),
      ),
    }))
    .sort((one, two) => compareNames(two.release, one.release) || compareNames(one.arch, two.arch));
}

/** `22.03-LTS-SP1`; the VERSION_ID where no catalog names a release. */
function releaseOf({ distribution, versionId, releases }: Kernel, isMixed: boolean): string {
  const [release = versionId] = releases;
  return isMixed ? `${distribution} ${release}` : release;
}

/** Some of the kernels, as text: each line with its ranges of neighbours. */
export interface LineRanges {
  readonly release: string;
  readonly arch: string;
  /** All kernels of the line. */
  readonly isWhole: boolean;
  readonly count: number;
  /** Oldest and newest of each range; the same where it is one kernel. */
  readonly ranges: readonly (readonly [oldest: Kernel, newest: Kernel])[];
}

/** In which kernels something holds. Another flavour ends a range; kernels without BTF do not. */
export function rangesOf(
  lines: readonly KernelLine[],
  holds: (kernel: Kernel) => boolean,
): readonly LineRanges[] {
  return lines.flatMap(({ release, arch, kernels }) => {
    const known = kernels.filter(({ position }) => position !== undefined);
    const ranges: [Kernel, Kernel][] = [];
    let isOpen = false;
    for (const kernel of known) {
      const last = ranges.at(-1);
      const isIn = holds(kernel);
      const isNext = isOpen && last !== undefined && last[0].series === kernel.series;
      if (isIn && isNext) last[0] = kernel;
      else if (isIn) ranges.push([kernel, kernel]);
      isOpen = isIn;
    }
    const count = known.filter(holds).length;
    return count === 0 ? [] : [{ release, arch, isWhole: count === known.length, count, ranges }];
  });
}
