import { availableParallelism } from 'node:os';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import { prepareToolchain, type Wishes } from '../../toolchain/prepare.ts';
import { buildKernels, type KernelResult } from './build.ts';
import { openWorkshop, type WorkshopSettings } from './workshop.ts';

export interface BuildRequest extends WorkshopSettings {
  readonly kernels: readonly KernelPackage[];
  /** The folder for tarballs and records. */
  readonly output: string;
  readonly tools: Wishes;
  /** Kernels at work at the same time; undefined for as many as there are cores. */
  readonly jobs: number | undefined;
}

/** Brings the tools, opens the workshop, builds the kernels, and leaves nothing behind but the output. */
export async function runBuild(
  platform: Platform,
  request: BuildRequest,
  progress: Progress,
): Promise<readonly KernelResult[]> {
  if (request.kernels.length === 0) return [];
  const tools = await prepareToolchain(platform, request.tools, progress);
  const workshop = await openWorkshop(platform, tools, request, progress);
  const cores = availableParallelism();
  // Even on one core a second kernel can download while pahole works on the first.
  const settings = { output: request.output, lanes: request.jobs ?? Math.max(2, cores), cores };
  try {
    return await buildKernels(workshop.shop, request.kernels, settings, progress);
  } finally {
    await workshop.close();
  }
}
