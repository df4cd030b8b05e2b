import pMap from 'p-map';
import type { FailureRecord, KernelRecord } from '../../archive/record.ts';
import { RECORD_SCHEMA } from '../../archive/record.ts';
import { asFailure } from '../../failure.ts';
import type { Progress } from '../../report/progress.ts';
import { bytes } from '../../report/units.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import { dwarfToolsOf } from '../../toolchain/dwarf-tools.ts';
import { paholeArguments } from '../../toolchain/pahole-arguments.ts';
import { type BuildContext, buildKernel } from './build-kernel.ts';
import { finishedBefore, writeBuilt, writeFailed } from './output.ts';
import { paholeCores } from './pahole-cores.ts';

/** How one kernel ended. */
export type KernelResult =
  | {
      readonly state: 'built' | 'skipped';
      readonly record: KernelRecord;
      /** The record of the file with modules, where they were asked for. */
      readonly withModules: KernelRecord | undefined;
      readonly seconds: number;
    }
  | { readonly state: 'failed'; readonly record: FailureRecord; readonly seconds: number };

/** Kernels that fail for the network one after the other before the run gives up. */
const MOST_NETWORK_FAILURES = 5;

export interface BuildSettings {
  /** The folder for tarballs and records. */
  readonly output: string;
  /** How many kernels are built at the same time. */
  readonly concurrency: number;
  /** Cores of the machine, for pahole. */
  readonly cores: number;
  /** Whether files that the other method made are built again. */
  readonly replaceMethod: boolean;
}

/**
 * Builds the BTF of each kernel, several at a time, and writes tarball and record as soon as a kernel is finished.
 * Kernels that an earlier run finished are skipped; a kernel that fails does not stop the others.
 * When five in a row cannot be downloaded, those that are not begun are not tried, and have no result.
 * Results have the order of `kernels`. Rejects with the reason of an interruption, and when the output cannot be
 * written: then the other kernels are stopped first, and leave no record.
 */
export async function buildKernels(
  context: BuildContext,
  kernels: readonly KernelPackage[],
  { output, concurrency, cores, replaceMethod }: BuildSettings,
  progress: Progress,
): Promise<readonly KernelResult[]> {
  const { clock } = context.platform;
  const { interrupted, modules, stop } = context;
  const required = {
    version: context.pahole.version,
    flags: paholeArguments(context.pahole, { profile: context.profile, jobs: 1 }).flags,
    minimumTypes: context.expectation.kind === 'kernel' ? context.expectation.minimumTypes : 0,
    signature: context.signature,
    replaceMethod,
  };
  let working = 0;
  let waiting = kernels.length;
  let networkFailures = 0;

  const attempt = async (kernel: KernelPackage): Promise<KernelResult> => {
    const started = clock.now();
    const seconds = () => Math.round(clock.now() - started) / 1000;
    const withModules =
      modules && (await finishedBefore(modules.output, kernel, required, modules.names));
    // The archive has the kernel's own file, and may have it with other bytes: only the other one is written.
    const isModulesAlone = modules !== undefined && kernel.modules === 'alone';
    const finished = isModulesAlone
      ? withModules
      : await finishedBefore(output, kernel, required, undefined);
    if (finished && (modules === undefined || withModules !== undefined)) {
      return { state: 'skipped', record: finished, withModules, seconds: seconds() };
    }

    const task = progress.begin(kernel.uname);
    const spare = () => paholeCores({ working, waiting }, cores);
    try {
      const built = await buildKernel(context, kernel, spare, task).catch((error: unknown) => {
        interrupted.throwIfAborted();
        return failureRecord(context, kernel, error);
      });
      if ('state' in built) {
        if (modules) await writeFailed(modules.output, built);
        if (!isModulesAlone) await writeFailed(output, built);
        task.end(`failed (${built.reason})`, built.message);
        return { state: 'failed', record: built, seconds: seconds() };
      }
      // The kernel's own file last: where its record is, all is finished.
      if (modules && built.withModules) await writeBuilt(modules.output, built.withModules);
      if (!isModulesAlone) await writeBuilt(output, built);
      const { btf, tarball } = built.record;
      task.end('built', `${bytes(btf.size)} of BTF, ${bytes(tarball.size)} packed`);
      return {
        state: 'built',
        record: built.record,
        withModules: built.withModules?.record,
        seconds: seconds(),
      };
    } catch (error) {
      task.end('interrupted');
      throw error;
    }
  };

  /** Counts the failures in a row for the network; a kernel whose package came ends the row. */
  const count = (result: KernelResult) => {
    if (result.state === 'skipped') return;
    const failed = result.state === 'failed' && result.record.reason === 'network';
    networkFailures = failed ? networkFailures + 1 : 0;
    if (networkFailures !== MOST_NETWORK_FAILURES || waiting === 0) return;
    progress.warn(
      `${MOST_NETWORK_FAILURES} kernels in a row could not be downloaded: ${waiting} more are not tried.`,
    );
  };

  /** Never rejects, so that all kernels have ended when `pMap` resolves. */
  const work = async (kernel: KernelPackage): Promise<KernelResult | undefined> => {
    if (interrupted.aborted || networkFailures >= MOST_NETWORK_FAILURES) return undefined;
    waiting -= 1;
    working += 1;
    try {
      const result = await attempt(kernel);
      count(result);
      return result;
    } catch (error) {
      stop(error);
      return undefined;
    } finally {
      working -= 1;
    }
  };
  const results = await pMap(kernels, work, { concurrency });
  interrupted.throwIfAborted();
  return results.filter((result) => result !== undefined);
}

function failureRecord(
  context: BuildContext,
  kernel: KernelPackage,
  error: unknown,
): FailureRecord {
  const { reason, message, advice } = asFailure(error);
  const { size, checksum } = kernel;
  return {
    schema: RECORD_SCHEMA,
    state: 'failed',
    uname: kernel.uname,
    nvra: kernel.nvra,
    distribution: kernel.distribution,
    versionId: kernel.versionId,
    releases: kernel.releases,
    arch: kernel.arch,
    package: { url: context.downloader(kernel).url, size, sha256: checksum.value },
    reason,
    message: advice === undefined ? message : `${message} ${advice}`,
    ...(reason === 'unreadable-dwarf' ? { tools: dwarfToolsOf(context.pahole) } : undefined),
    finishedAt: context.platform.clock.date().toISOString(),
  };
}
