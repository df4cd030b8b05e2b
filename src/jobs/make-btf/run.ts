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
  const kernels = withDistinctNames(request.kernels, progress.warn);
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
    return await buildKernels(opened.context, kernels, settings, progress);
  } finally {
    await opened.close();
  }
}

/** Records lie by `uname -r` alone, which SUSE's kernels of several architectures share: the first of a name is kept. */
function withDistinctNames(
  kernels: readonly KernelPackage[],
  warn: (line: string) => void,
): readonly KernelPackage[] {
  const byUname = new Map<string, KernelPackage>();
  for (const kernel of kernels) {
    const other = byUname.get(kernel.uname);
    if (other === undefined) byUname.set(kernel.uname, kernel);
    else {
      warn(
        `${kernel.nvra} is not built: ${other.nvra} is the kernel ${kernel.uname} too, and the output has one record for that name. Build it with --arch or --release and an --output of its own.`,
      );
    }
  }
  return [...byUname.values()];
}
