import { Failure } from '../../failure.ts';
import type { KernelPackage } from '../../sources/kernels.ts';

/** GitHub's limit on the jobs of a matrix. */
export const MOST_JOBS = 256;
/** GitHub's limit on the outputs of a job is 1 MB; this leaves room for the others. */
const LARGEST_MATRIX = 900_000;

/** One job: its words are what `build` takes as options of these names, several parted by spaces. */
export interface Leg {
  /** From 1 on. */
  readonly shard: number;
  readonly release: string;
  readonly arch: string;
  readonly flavour: string;
  /** Exact `uname -r`. */
  readonly kernels: string;
  /** To download. */
  readonly bytes: number;
}

export interface Matrix {
  readonly include: readonly Leg[];
  /** Kernels in all legs; where it is 0 there is no leg, and a workflow must not start the matrix. */
  readonly count: number;
}

/**
 * Shares kernels out to at most `jobs` jobs, so that each has about as many bytes to download: time
 * goes with bytes. A job gets kernels of one release and architecture where the balance allows it.
 * Rejects with `usage` when the matrix would be larger than a workflow can pass on.
 */
export function makeMatrix(kernels: readonly KernelPackage[], jobs: number): Matrix {
  const total = sumOf(kernels);
  const share = total / Math.max(1, Math.min(jobs, kernels.length));
  const bundles = [...grouped(kernels).values()].flatMap((group) =>
    distribute(
      group.map((kernel) => [kernel]),
      Math.min(group.length, Math.ceil(sumOf(group) / share)),
    ),
  );
  const shares = distribute(bundles, Math.min(jobs, bundles.length));
  const include = inOrderOf(kernels, shares).map(toLeg);
  const matrix = { include, count: kernels.length };
  if (JSON.stringify(matrix).length > LARGEST_MATRIX) {
    throw new Failure(
      'usage',
      `A matrix of ${kernels.length} kernels is larger than a workflow can pass from job to job.`,
      'Take fewer at a time, with --limit for example.',
    );
  }
  return matrix;
}

type Bundle = readonly KernelPackage[];

function grouped(kernels: Bundle): ReadonlyMap<string, Bundle> {
  const groups = new Map<string, KernelPackage[]>();
  for (const kernel of kernels) {
    const key = `${kernel.releases[0]} ${kernel.arch} ${kernel.flavour}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(kernel);
  }
  return groups;
}

/** Longest processing time first (Graham 1969): the largest bundle goes to whoever has least so far. */
function distribute(bundles: readonly Bundle[], shares: number): readonly Bundle[] {
  const boxes = Array.from({ length: shares }, () => ({ size: 0, kernels: [] as KernelPackage[] }));
  const weighed = bundles.map((bundle) => ({ bundle, size: sumOf(bundle) }));
  for (const { bundle, size } of weighed.sort((one, two) => two.size - one.size)) {
    const box = boxes.reduce((least, one) => (one.size < least.size ? one : least));
    box.size += size;
    for (const kernel of bundle) box.kernels.push(kernel);
  }
  return boxes.map(({ kernels }) => kernels);
}

/** Jobs in the order of the plan, and in each job the kernels as well. */
function inOrderOf(kernels: Bundle, shares: readonly Bundle[]): readonly Bundle[] {
  const place = new Map(kernels.map((kernel, index) => [kernel, index]));
  const placeOf = (kernel: KernelPackage | undefined) => (kernel && place.get(kernel)) ?? 0;
  return shares
    .map((share) => [...share].sort((one, two) => placeOf(one) - placeOf(two)))
    .sort(([one], [two]) => placeOf(one) - placeOf(two));
}

function toLeg(kernels: Bundle, index: number): Leg {
  const words = (values: readonly string[]) => [...new Set(values)].join(' ');
  return {
    shard: index + 1,
    release: words(kernels.map(({ releases }) => releases[0])),
    arch: words(kernels.map(({ arch }) => arch)),
    flavour: words(kernels.map(({ flavour }) => flavour)),
    kernels: words(kernels.map(({ uname }) => uname)),
    bytes: sumOf(kernels),
  };
}

function sumOf(kernels: Bundle): number {
  return kernels.reduce((sum, { size }) => sum + size, 0);
}
