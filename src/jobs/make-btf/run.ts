import { availableParallelism } from 'node:os';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import { prepareToolchain, type ToolRequest } from '../../toolchain/prepare.ts';
import { type BuildContextSettings, openBuildContext } from './build-context.ts';
import { buildKernels, type KernelResult } from './build-kernels.ts';
import { openOutput } from './output.ts';

export interface BuildRequest extends BuildContextSettings {
  readonly kernels: readonly KernelPackage[];
  /** The folder for tarballs and records. */
  readonly output: string;
  readonly tools: ToolRequest;
  /** How many kernels are built at the same time; undefined for as many as there are cores. */
  readonly jobs: number | undefined;
  /** Whether files in the output that the other method made are built again. */
  readonly replaceMethod: boolean;
}

/** Prepares the tools, builds the kernels, and removes all temporary files. */
export async function runBuild(
  platform: Platform,
  request: BuildRequest,
  progress: Progress,
): Promise<readonly KernelResult[]> {
  if (request.kernels.length === 0) return [];
  await openOutput(request.output);
  const tools = await prepareToolchain(platform, request.tools, progress);
  const opened = await openBuildContext(platform, tools, request, progress);
  const cores = availableParallelism();
  // Even on one core a second kernel can download while pahole works on the first.
  const settings = {
    output: request.output,
    concurrency: request.jobs ?? Math.max(2, cores),
    cores,
    replaceMethod: request.replaceMethod,
  };
  try {
    return await buildKernels(opened.context, request.kernels, settings, progress);
  } finally {
    await opened.close();
  }
}
