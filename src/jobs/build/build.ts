import type { FailureRecord, KernelRecord } from '../../archive/record.ts';
import { RECORD_SCHEMA } from '../../archive/record.ts';
import { asFailure } from '../../failure.ts';
import { collectAll } from '../../platform/heap.ts';
import type { Progress } from '../../report/progress.ts';
import { bytes } from '../../report/units.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import { encodeArgs } from '../../toolchain/encode.ts';
import { buildKernel, type Workshop } from './kernel.ts';
import { coresFor, inLanes, type Traffic } from './lanes.ts';
import { finishedBefore, writeBuilt, writeFailed } from './output.ts';

/** How one kernel ended. */
export type KernelResult =
  | { readonly state: 'built' | 'skipped'; readonly record: KernelRecord; readonly seconds: number }
  | { readonly state: 'failed'; readonly record: FailureRecord; readonly seconds: number };

export interface BuildSettings {
  /** The folder for tarballs and records. */
  readonly output: string;
  /** Kernels at work at the same time. */
  readonly lanes: number;
  /** Cores that there are for pahole. */
  readonly cores: number;
}

/**
 * Builds the BTF of each kernel, several at once, and writes tarball and record as soon as each is
 * done. Kernels that are there from an earlier run are skipped; one that fails does not stop the
 * others. Rejects only when it was interrupted.
 */
export async function buildKernels(
  shop: Workshop,
  kernels: readonly KernelPackage[],
  { output, lanes, cores }: BuildSettings,
  progress: Progress,
): Promise<readonly KernelResult[]> {
  const { clock, interrupted } = shop.platform;
  const recipe = {
    version: shop.pahole.version,
    flags: encodeArgs(shop.pahole, { profile: shop.profile, jobs: 1 }).flags,
  };
  const work = async (kernel: KernelPackage, traffic: () => Traffic): Promise<KernelResult> => {
    const begun = clock.now();
    const seconds = () => Math.round(clock.now() - begun) / 1000;
    const done = await finishedBefore(output, kernel, recipe);
    if (done) return { state: 'skipped', record: done, seconds: seconds() };

    const task = progress.begin(kernel.uname);
    const spare = () => coresFor(traffic(), cores);
    try {
      const built = await buildKernel(shop, kernel, spare, task);
      await writeBuilt(output, built);
      const { btf, tarball } = built.record;
      task.end('built', `${bytes(btf.size)} of BTF, ${bytes(tarball.size)} packed`);
      return { state: 'built', record: built.record, seconds: seconds() };
    } catch (error) {
      if (interrupted.aborted) {
        task.end('interrupted');
        throw interrupted.reason;
      }
      const record = failureRecord(shop, kernel, error);
      await writeFailed(output, record);
      task.end(`failed (${record.reason})`, record.message);
      return { state: 'failed', record, seconds: seconds() };
    } finally {
      collectAll(); // its BTF and its tarball, several times 4 MB
    }
  };
  const results = await inLanes(kernels, lanes, work, interrupted);
  interrupted.throwIfAborted();
  return results.filter((result) => result !== undefined);
}

function failureRecord(shop: Workshop, kernel: KernelPackage, error: unknown): FailureRecord {
  const { reason, message, advice } = asFailure(error);
  const { uname, nvra, distribution, versionId, releases, arch, size, checksum } = kernel;
  return {
    schema: RECORD_SCHEMA,
    state: 'failed',
    ...{ uname, nvra, distribution, versionId, releases, arch },
    package: { url: shop.courier(kernel).url, size, sha256: checksum.value },
    reason,
    message: advice === undefined ? message : `${message} ${advice}`,
    finishedAt: shop.platform.clock.date().toISOString(),
  };
}
