import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import { findKernels, type KernelQuery } from '../../sources/discover.ts';
import type { KernelPackage, Trouble } from '../../sources/kernels.ts';
import { type ArchiveQuery, readKnown } from './known.ts';
import { type Limits, withinLimits } from './limit.ts';
import { type Counts, PLAN_SCHEMA, type Plan, type PlanRow, type PlanTrouble } from './plan.ts';
import { NOTHING_KNOWN, type Standing, standingOf } from './standing.ts';

export interface PlanRequest {
  readonly query: KernelQuery;
  /** Where to look for what is there already. */
  readonly archive?: ArchiveQuery;
  /** Only kernels whose package was built then or later. */
  readonly since?: Date;
  readonly limits: Limits;
  readonly skipEmbedded: boolean;
  readonly retryFailed: boolean;
}

/** Compares what is published with what is there. Rejects as `findKernels` and `readKnown` do. */
export async function makePlan(
  platform: Platform,
  request: PlanRequest,
  progress: Progress,
): Promise<Plan> {
  const { query, archive, since, limits, skipEmbedded, retryFailed } = request;
  const known = archive ? await readKnown(platform, archive, progress) : NOTHING_KNOWN;
  const discovery = await findKernels(platform, query, progress);
  const now = platform.clock.date();
  const rules = { source: query.source, known, skipEmbedded, retryFailed, now };
  const earliest = since === undefined ? 0 : since.getTime() / 1000;
  const published = discovery.kernels.filter(({ builtAt }) => builtAt >= earliest);
  const standings = new Map(published.map((kernel) => [kernel, standingOf(kernel, rules)]));
  const wanted = published.filter((kernel) => standings.get(kernel) === 'wanted');
  const kernels = withinLimits(wanted, limits);
  const { mirrors, source } = query;
  return {
    schema: PLAN_SCHEMA,
    distribution: source.id,
    madeAt: now.toISOString(),
    mirrors: mirrors.length > 0 ? mirrors : source.mirrors,
    ...(archive ? { archive: archive.where } : {}),
    ...countAll(standings, new Set(kernels)),
    kernels,
    troubles: discovery.troubles.map(toPlanTrouble),
  };
}

const NONE: Counts = {
  ...{
    published: 0,
    archived: 0,
    pending: 0,
    failed: 0,
    embedded: 0,
    later: 0,
    build: 0,
    bytes: 0,
  },
};

function countAll(
  standings: ReadonlyMap<KernelPackage, Standing>,
  chosen: ReadonlySet<KernelPackage>,
): Pick<Plan, 'rows' | 'total'> {
  const rows = new Map<string, PlanRow>();
  let total = NONE;
  for (const [kernel, standing] of standings) {
    const [release] = kernel.releases;
    const { arch } = kernel;
    const key = `${release} ${arch}`;
    const column = standing !== 'wanted' ? standing : chosen.has(kernel) ? 'build' : 'later';
    const row = rows.get(key) ?? { release, arch, ...NONE };
    rows.set(key, { ...row, ...counted(row, column, kernel.size) });
    total = counted(total, column, kernel.size);
  }
  const sorted = [...rows].sort(([one], [two]) => (one < two ? -1 : 1));
  return { rows: sorted.map(([, row]) => row), total };
}

function counted(
  counts: Counts,
  column: Exclude<Standing, 'wanted'> | 'build' | 'later',
  size: number,
): Counts {
  return {
    ...counts,
    published: counts.published + 1,
    [column]: counts[column] + 1,
    bytes: counts.bytes + (column === 'build' ? size : 0),
  };
}

/** A trouble as plain data. */
export function toPlanTrouble({ where, failure }: Trouble): PlanTrouble {
  return { where, ...failure.toJSON() };
}
