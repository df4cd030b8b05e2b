import { readFile } from 'node:fs/promises';
import { describe, Failure } from '../failure.ts';
import { parseLimit, tightest, withinLimits } from '../jobs/plan/limit.ts';
import { makePlan, type PlanRequest, toPlanProblem } from '../jobs/plan/make-plan.ts';
import {
  type BuildPlan,
  type Plan,
  type PlanProblem,
  parsePlan,
  selectFromPlan,
} from '../jobs/plan/plan.ts';
import { asBranch } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { flag, list, type OptionSpec, text, type Values } from './command.ts';
import { selectionOptions, toQuery } from './selection-options.ts';

/** What is to be built: the options that `plan` and `build` share. */
export const planOptions = {
  ...selectionOptions,
  archive: text('<URL|folder>', 'git archive to look at: kernels that it has are not built again'),
  base: text('<branch>', "branch with what was reviewed; the archive's default one by default"),
  branch: text('<branch>', 'branch with what waits for review', { default: 'next' }),
  since: parsed(
    text('<date|days>', "only packages built since '2026-01-31', or in the last '90d'"),
    (word) => word && parseSince(word),
  ),
  limit: parsed(
    list('<limit>', "at most so many kernels ('20'), bytes ('20GB') or time ('6h'), newest first"),
    (words) => tightest(words.map(parseLimit)),
  ),
  skipEmbedded: flag('leave out kernels that are known to carry BTF of their own'),
  retryFailed: flag('try again what failed before, whatever the reason and however lately'),
} as const;

/** The same option with a value made of what it was. */
function parsed<From, To>(spec: OptionSpec<From>, make: (value: From) => To): OptionSpec<To> {
  return { ...spec, parse: (given) => make(spec.parse(given)) };
}

/** Since when: a day, UTC, or so many days before today. */
export type Since = { readonly day: Date } | { readonly days: number };

function parseSince(word: string): Since {
  const days = /^([1-9]\d{0,4})d$/.exec(word)?.[1];
  if (days !== undefined) return { days: Number(days) };
  const day = /^\d{4}-\d\d-\d\d$/.test(word) ? new Date(`${word}T00:00:00Z`) : undefined;
  if (day && day.getTime() > 0 && day.toISOString().startsWith(word)) return { day };
  throw new Error(`'${word}' is neither a day (2026-01-31) nor a number of days (90d).`);
}

function toDate(since: Since, now: Date): Date {
  return 'day' in since ? since.day : new Date(now.getTime() - since.days * 86_400_000);
}

/** The plan that the options ask for. */
export async function toPlan(
  platform: Platform,
  options: Values<typeof planOptions>,
  progress: Progress,
): Promise<Plan> {
  const { archive: where, base, branch, since, limit, skipEmbedded, retryFailed } = options;
  const request: PlanRequest = {
    query: await toQuery(platform, options, progress),
    ...(where === undefined
      ? {}
      : {
          archive: {
            where,
            branch: asBranch(branch),
            ...(base === undefined ? {} : { base: asBranch(base) }),
          },
        }),
    ...(since ? { since: toDate(since, platform.clock.date()) } : {}),
    ...{ limits: limit, skipEmbedded, retryFailed },
  };
  return makePlan(platform, request, progress);
}

/** What `build` works on: a plan that was made before, or the options of one. */
export const buildPlanOptions = {
  plan: text(
    '<file>',
    "what 'btfhub plan --json' printed; release, arch, kernel and flavour narrow it",
  ),
  ...planOptions,
} as const;

/** The work that the options name, by a plan of their own or out of a file. */
export async function toBuildPlan(
  platform: Platform,
  options: Values<typeof buildPlanOptions>,
  progress: Progress,
): Promise<{ readonly plan: BuildPlan; readonly problems: readonly PlanProblem[] }> {
  if (options.plan === undefined) {
    const plan = await toPlan(platform, options, progress);
    return { plan, problems: plan.troubles };
  }
  const { release, arch, flavour, kernel, mirror, limit } = options;
  refuseBeside(options);
  const wanted = { releases: release, arches: arch, flavours: flavour, kernels: kernel };
  const { plan, problems } = selectFromPlan(await readPlan(options.plan), wanted);
  return {
    plan: {
      ...plan,
      kernels: withinLimits(plan.kernels, limit),
      mirrors: mirror.length > 0 ? mirror : plan.mirrors,
    },
    problems: problems.map(toPlanProblem),
  };
}

/** A plan has been compared with the archive already: what would do so again does nothing. */
function refuseBeside(options: Values<typeof buildPlanOptions>): void {
  const { archive, base, since, sources, skipEmbedded, retryFailed } = options;
  const pointless = Object.entries({
    ...{ archive, base, since, 'skip-embedded': skipEmbedded, 'retry-failed': retryFailed },
    sources: sources.length > 0,
  }).filter(([, value]) => value !== undefined && value !== false);
  if (pointless.length === 0) return;
  const names = pointless.map(([name]) => `--${name}`).join(', ');
  throw new Failure(
    'usage',
    `Beside --plan, ${names} would do nothing.`,
    "Give it to 'btfhub plan' instead.",
  );
}

async function readPlan(file: string): Promise<BuildPlan> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure('usage', `The plan ${file} cannot be read: ${describe(error)}.`);
  }
  return parsePlan(content, file);
}
