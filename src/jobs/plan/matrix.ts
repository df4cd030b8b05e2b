import { Failure } from '../../failure.ts';
import { bytesToRead, type KernelPackage } from '../../sources/kernels.ts';

/** GitHub's limit on the jobs of a matrix. */
export const MOST_JOBS = 256;
/** GitHub's limit on the outputs of a job is 1 MB; this leaves room for the others. */
const LARGEST_MATRIX = 900_000;

/** One job. Each field is the value of the `build` option with that name; several values are separated by spaces. */
export interface MatrixJob {
  /** Number of the job, from 1. */
  readonly shard: number;
  readonly release: string;
  readonly arch: string;
  readonly flavour: string;
  /** Exact `uname -r`. */
  readonly kernels: string;
  /** Bytes to download. */
  readonly bytes: number;
}

export interface Matrix {
  readonly include: readonly MatrixJob[];
  /** Kernels in all jobs. GitHub rejects an empty matrix: a workflow must skip it when this is 0. */
  readonly count: number;
}

/**
 * Divides kernels among at most `jobs` jobs with about equal bytes to download, because time grows
 * with bytes. Where the balance allows it, a job gets kernels of one release and architecture.
 * Throws `usage` when the matrix is larger than a job output may be.
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
  const include = inOrderOf(kernels, shares).map(toMatrixJob);
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

/** Longest processing time first (Graham 1969): the largest bundle goes to the job with the fewest bytes. */
function distribute(bundles: readonly Bundle[], shares: number): readonly Bundle[] {
  const jobs = Array.from({ length: shares }, () => ({ size: 0, kernels: [] as KernelPackage[] }));
  const weighed = bundles.map((bundle) => ({ bundle, size: sumOf(bundle) }));
  for (const { bundle, size } of weighed.sort((one, two) => two.size - one.size)) {
    const job = jobs.reduce((least, one) => (one.size < least.size ? one : least));
    job.size += size;
    for (const kernel of bundle) job.kernels.push(kernel);
  }
  return jobs.map(({ kernels }) => kernels);
}

/** Sorts the jobs, and the kernels in each job, in the order of the plan. */
function inOrderOf(kernels: Bundle, shares: readonly Bundle[]): readonly Bundle[] {
  const place = new Map(kernels.map((kernel, index) => [kernel, index]));
  const placeOf = (kernel: KernelPackage | undefined) => (kernel && place.get(kernel)) ?? 0;
  return shares
    .map((share) => [...share].sort((one, two) => placeOf(one) - placeOf(two)))
    .sort(([one], [two]) => placeOf(one) - placeOf(two));
}

function toMatrixJob(kernels: Bundle, index: number): MatrixJob {
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
  return kernels.reduce((sum, kernel) => sum + bytesToRead(kernel), 0);
}
