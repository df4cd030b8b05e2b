import { readFile } from 'node:fs/promises';
import { plainHttpWarnings } from '../download/mirrors.ts';
import { describe, Failure } from '../failure.ts';
import { parseModuleNames } from '../jobs/make-btf/modules.ts';
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
import { METHOD_CHOICES } from '../sources/kernels.ts';
import { expectedDwarfTools, type RequestedPahole } from '../toolchain/dwarf-tools.ts';
import { choice, flag, list, type OptionSpec, text, type Values } from './command.ts';
import { selectionOptions, toQuery } from './selection-options.ts';

/** What is to be built: the options that `plan` and `build` share. */
export const planOptions = {
  ...selectionOptions,
  method: choice(
    METHOD_CHOICES,
    "how to make BTF: from vmlinux in kernel-debuginfo ('dwarf'), out of the boot image in the kernel package ('embedded'), or 'dwarf' if there is a vmlinux and else 'embedded' ('auto')",
    { default: 'auto' },
  ),
  archive: text(
    '<URL|folder>',
    'git archive to compare with: kernels that it has are not built again',
  ),
  allowEmpty: flag('accept an archive that has no BTF and no catalog yet'),
  base: text('<branch>', "branch with reviewed files; default: the archive's default branch"),
  branch: text('<branch>', 'branch with files that wait for review', { default: 'next' }),
  since: parsed(
    text('<date|days>', "only packages built since '2026-01-31', or in the last '90d'"),
    (word) => word && parseSince(word),
  ),
  limit: parsed(
    list(
      '<limit>',
      "limit for one run, newest kernels first: kernels ('20'), bytes ('20GB') or time ('6h')",
    ),
    (words) => tightest(words.map(parseLimit)),
  ),
  skipEmbedded: flag('leave out kernels that carry embedded BTF, as far as the source file says'),
  retryFailed: flag('retry every kernel that failed before, for any reason and at any time'),
  replaceMethod: flag(
    'build again what the archive, or an earlier run, has by the other method than --method names',
  ),
  modules: parsed(
    list(
      '<module>',
      "kernel modules whose BTF is merged with the kernel's in a second file: names, globs, 'default' (those that eBPF programs ask for most), or 'none'",
      { default: ['none'] },
    ),
    parseModuleNames,
  ),
} as const;

/** The same option, with its value converted by `make`. */
function parsed<From, To>(spec: OptionSpec<From>, make: (value: From) => To): OptionSpec<To> {
  return { ...spec, parse: (given) => make(spec.parse(given)) };
}

/** The start of `--since`: a day, UTC, or a number of days before today. */
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

/**
 * Makes the plan that the options describe.
 * @param requested which pahole the build uses
 */
export async function toPlan(
  platform: Platform,
  options: Values<typeof planOptions>,
  progress: Progress,
  requested: RequestedPahole = { pahole: 'auto', toolCache: undefined },
): Promise<Plan> {
  const {
    archive: where,
    allowEmpty,
    base,
    branch,
    since,
    limit,
    skipEmbedded,
    retryFailed,
    replaceMethod,
    modules: moduleNames,
  } = options;
  const modules = moduleNames !== undefined;
  const query = { ...(await toQuery(platform, options, progress)), method: options.method };
  const archive =
    where === undefined
      ? undefined
      : {
          where,
          branch: asBranch(branch),
          allowEmpty,
          modules,
          ...(base === undefined ? {} : { base: asBranch(base) }),
        };
  const request: PlanRequest = {
    query,
    ...(archive ? { archive } : {}),
    ...(since ? { since: toDate(since, platform.clock.date()) } : {}),
    limits: limit,
    skipEmbedded,
    retryFailed,
    replaceMethod,
    tools: await expectedDwarfTools(platform, requested),
    modules,
  };
  const plan = await makePlan(platform, request, progress);
  for (const line of plainHttpWarnings(plan.mirrors)) progress.warn(line);
  return plan;
}

/** What `build` builds: a plan file, or the options of a new plan. */
export const buildPlanOptions = {
  plan: text(
    '<file>',
    "plan file, as 'btfhub plan --json' printed it; --release, --arch, --kernel and --flavour select a part of it",
  ),
  ...planOptions,
} as const;

/** Reads the plan file that the options name, or makes a new plan. */
export async function toBuildPlan(
  platform: Platform,
  options: Values<typeof buildPlanOptions>,
  requested: RequestedPahole,
  progress: Progress,
): Promise<{ readonly plan: BuildPlan; readonly problems: readonly PlanProblem[] }> {
  if (options.plan === undefined) {
    const plan = await toPlan(platform, options, progress, requested);
    return { plan, problems: plan.troubles };
  }
  const { release, arch, flavour, kernel, mirror, limit } = options;
  refuseBeside(options);
  const wanted = { releases: release, arches: arch, flavours: flavour, kernels: kernel };
  const { plan, problems } = selectFromPlan(await readPlan(options.plan), wanted);
  const mirrors = mirror.length > 0 ? mirror : plan.mirrors;
  // Without --modules there is nothing to build for kernels whose own file the archive has.
  const kernels = plan.kernels.filter(
    ({ modules }) => options.modules !== undefined || modules !== 'alone',
  );
  for (const line of plainHttpWarnings(mirrors)) progress.warn(line);
  return {
    plan: {
      ...plan,
      kernels: withinLimits(kernels, limit),
      mirrors,
    },
    problems: problems.map(toPlanProblem),
  };
}

/** Throws `usage` for options that have no effect on a plan that exists already. */
function refuseBeside(options: Values<typeof buildPlanOptions>): void {
  const { archive, allowEmpty, base, since, sources, skipEmbedded, retryFailed, method } = options;
  const pointless = Object.entries({
    archive,
    'allow-empty': allowEmpty,
    base,
    since,
    'skip-embedded': skipEmbedded,
    'retry-failed': retryFailed,
    sources: sources.length > 0,
    method: method !== 'auto',
  }).filter(([, value]) => value !== undefined && value !== false);
  if (pointless.length === 0) return;
  const names = pointless.map(([name]) => `--${name}`).join(', ');
  throw new Failure(
    'usage',
    `With --plan, ${names} has no effect.`,
    "Use it with 'btfhub plan' instead.",
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
