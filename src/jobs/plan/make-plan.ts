import { addressText } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import { findKernels, type KernelQuery } from '../../sources/discover.ts';
import {
  bytesToRead,
  type KernelPackage,
  type Method,
  type Problem,
} from '../../sources/kernels.ts';
import type { DwarfTools } from '../../toolchain/dwarf-tools.ts';
import { type ArchiveQuery, readArchiveState } from './archive-state.ts';
import { type KernelState, kernelState, NO_ARCHIVE } from './kernel-state.ts';
import { estimatedSeconds, type Limits, withinLimits } from './limit.ts';
import {
  type Counts,
  PLAN_SCHEMA,
  type Plan,
  type PlanProblem,
  type PlanRow,
  type Price,
} from './plan.ts';

export interface PlanRequest {
  readonly query: KernelQuery;
  /** The archive to compare with; without one every published kernel is to be built. */
  readonly archive?: ArchiveQuery;
  /** Only kernels whose package was built then or later. */
  readonly since?: Date;
  readonly limits: Limits;
  readonly skipEmbedded: boolean;
  readonly retryFailed: boolean;
  readonly replaceMethod: boolean;
  /** What a build on this machine would read DWARF with; undefined where that is not known. */
  readonly tools: DwarfTools | undefined;
  /** Whether files with modules are asked for. */
  readonly modules: boolean;
}

/** Compares what is published with what the archive has. Rejects as `findKernels` and `readArchiveState` do. */
export async function makePlan(
  platform: Platform,
  request: PlanRequest,
  progress: Progress,
): Promise<Plan> {
  const { query, archive, since, limits, skipEmbedded, retryFailed, replaceMethod } = request;
  const { tools, modules } = request;
  const nothing = { kernels: NO_ARCHIVE, modules: undefined };
  const state = archive ? await readArchiveState(platform, archive, progress) : nothing;
  const discovery = await findKernels(platform, query, progress);
  const now = platform.clock.date();
  const rules = {
    source: query.source,
    archive: state,
    skipEmbedded,
    retryFailed,
    replaceMethod,
    tools,
    now,
  };
  const earliest = since === undefined ? 0 : since.getTime() / 1000;
  const published = discovery.kernels.filter(({ builtAt }) => builtAt >= earliest);
  const states = new Map(
    published.map((kernel) => {
      const one = kernelState(kernel, rules);
      return [modules ? withModules(kernel, one) : kernel, one];
    }),
  );
  const wanted = [...states].flatMap(([kernel, one]) => (isToBuild(one) ? [kernel] : []));
  const kernels = withinLimits(wanted, limits);
  return {
    schema: PLAN_SCHEMA,
    distribution: query.source.id,
    madeAt: now.toISOString(),
    mirrors: discovery.mirrors,
    ...(archive ? { archive: addressText(archive.where) } : {}),
    ...countAll(states, new Set(kernels)),
    prices: { dwarf: priceOf(kernels, 'dwarf'), embedded: priceOf(kernels, 'embedded') },
    kernels,
    troubles: discovery.problems.map(toPlanProblem),
  };
}

const isToBuild = (state: KernelState) => state === 'wanted' || state === 'without-modules';

/** Says in the kernel, and in the package that may take its place, which of its two files to build. */
function withModules(kernel: KernelPackage, state: KernelState): KernelPackage {
  const modules = state === 'without-modules' ? 'alone' : 'beside';
  if (kernel.method === 'embedded' || kernel.bootPackage === undefined)
    return { ...kernel, modules };
  return { ...kernel, modules, bootPackage: { ...kernel.bootPackage, modules } };
}

function priceOf(kernels: readonly KernelPackage[], method: Method): Price {
  const packages = kernels.flatMap((kernel) => {
    if (kernel.method === method) return [kernel];
    return kernel.method === 'dwarf' ? (kernel.bootPackage ?? []) : [];
  });
  return {
    kernels: packages.length,
    bytes: packages.reduce((sum, one) => sum + bytesToRead(one), 0),
    seconds: Math.round(packages.reduce((sum, one) => sum + estimatedSeconds(one), 0)),
  };
}

const NONE: Counts = {
  published: 0,
  archived: 0,
  pending: 0,
  failed: 0,
  embedded: 0,
  later: 0,
  build: 0,
  modulesAlone: 0,
  bytes: 0,
};

function countAll(
  states: ReadonlyMap<KernelPackage, KernelState>,
  chosen: ReadonlySet<KernelPackage>,
): Pick<Plan, 'rows' | 'total'> {
  const rows = new Map<string, PlanRow>();
  let total = NONE;
  for (const [kernel, state] of states) {
    const [release] = kernel.releases;
    const { arch } = kernel;
    const key = `${release} ${arch}`;
    const column = !isToBuild(state) ? state : chosen.has(kernel) ? 'build' : 'later';
    const row = rows.get(key) ?? { release, arch, ...NONE };
    rows.set(key, { ...row, ...counted(row, column, kernel) });
    total = counted(total, column, kernel);
  }
  const sorted = [...rows].sort(([one], [two]) => (one < two ? -1 : 1));
  return { rows: sorted.map(([, row]) => row), total };
}

function counted(
  counts: Counts,
  column: Exclude<KernelState, 'wanted' | 'without-modules'> | 'build' | 'later',
  kernel: KernelPackage,
): Counts {
  const isChosen = column === 'build';
  return {
    ...counts,
    published: counts.published + 1,
    [column]: counts[column] + 1,
    modulesAlone: counts.modulesAlone + (isChosen && kernel.modules === 'alone' ? 1 : 0),
    bytes: counts.bytes + (isChosen ? bytesToRead(kernel) : 0),
  };
}

/** A problem as the plan's JSON has it. */
export function toPlanProblem({ where, failure }: Problem): PlanProblem {
  return { where, ...failure.toJSON() };
}
