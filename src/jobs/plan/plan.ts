import * as v from 'valibot';
import * as shape from '../../archive/shapes.ts';
import { describe, Failure } from '../../failure.ts';
import { type Arch, type DistributionId, printable, type Release } from '../../names.ts';
import { asRepositoryPath } from '../../rpmmd/path.ts';
import { CHECKSUM_ALGORITHMS } from '../../rpmmd/repomd.ts';
import { selector } from '../../sources/glob.ts';
import {
  type KernelPackage,
  type Method,
  type Problem,
  selectKernels,
} from '../../sources/kernels.ts';
import { noMatch } from '../../sources/nearest.ts';

/** Version of the plan's format; raised when a reader of the old format would read it wrongly. */
export const PLAN_SCHEMA = 1;

/** Number of kernels in each state; `published` counts all, each kernel is in one of the others. */
export interface Counts {
  readonly published: number;
  /** On the archive's base branch. */
  readonly archived: number;
  /** On the branch that waits for review, and not on the base branch. */
  readonly pending: number;
  /** Failed before, and not yet due for a retry. */
  readonly failed: number;
  /** Carries BTF, and such kernels are left out. */
  readonly embedded: number;
  /** Left for a later run because of the limit. */
  readonly later: number;
  /** To be built now. */
  readonly build: number;
  /** Of `build`: the archive has their files, but none with modules, and these were asked for. */
  readonly modulesAlone: number;
  /** Bytes to download for `build`. */
  readonly bytes: number;
}

/** What one method costs for the kernels of `build` that it can make. */
export interface Price {
  readonly kernels: number;
  /** Bytes to download. */
  readonly bytes: number;
  /** Estimated seconds of work on one machine. */
  readonly seconds: number;
}

export interface PlanRow extends Counts {
  readonly release: Release;
  readonly arch: Arch;
}

/** What is published, what the archive has, and what is to be built. Plain data; `build --plan` reads it. */
export interface Plan {
  readonly schema: typeof PLAN_SCHEMA;
  readonly distribution: DistributionId;
  /** ISO 8601, UTC. */
  readonly madeAt: string;
  /** Root URLs of mirrors, in the order in which they are asked. */
  readonly mirrors: readonly string[];
  /** The archive that was compared; absent without one. */
  readonly archive?: string;
  /** By release and architecture; a kernel of several releases counts in the first. */
  readonly rows: readonly PlanRow[];
  readonly total: Counts;
  /** What the kernels to be built cost by each method, as far as their packages are published. */
  readonly prices: Readonly<Record<Method, Price>>;
  /** To be built, oldest version first. */
  readonly kernels: readonly KernelPackage[];
  /** What could not be read or found; the rest of the plan is complete. */
  readonly troubles: readonly PlanProblem[];
}

export interface PlanProblem {
  readonly where: string;
  readonly reason: string;
  readonly message: string;
  readonly advice?: string;
}

const path = shape.named((text) => asRepositoryPath(text, 'the plan'));

const memberPath = v.pipe(v.string(), v.startsWith('./'));

const checksum = v.object({
  algorithm: v.picklist(CHECKSUM_ALGORITHMS),
  value: v.pipe(v.string(), v.regex(/^[0-9a-f]{40,128}$/)),
});
const locations = v.tupleWithRest([path], path);

const published = {
  distribution: shape.distribution,
  versionId: shape.versionId,
  releases: v.tupleWithRest([shape.release], shape.release),
  arch: shape.arch,
  flavour: v.string(),
  nvra: shape.word,
  evr: v.object({ epoch: shape.count, version: v.string(), release: v.string() }),
  uname: shape.uname,
  size: shape.size,
  checksum,
  checksumOf: v.exactOptional(v.literal('header')),
  builtAt: shape.count,
  locations,
  keyPaths: v.array(path),
  alternatives: v.exactOptional(
    v.array(v.object({ size: shape.size, checksum, locations, keyPaths: v.array(path) })),
  ),
  trustedKeys: v.array(v.pipe(v.string(), v.regex(/^[0-9A-F]{40,64}$/))),
  modules: v.exactOptional(v.picklist(['beside', 'alone'])),
};

/** The fields of a kernel of a plan, by its method. */
export const bootPackage = {
  ...published,
  method: v.literal('embedded'),
  imagePath: memberPath,
};
const BootPackageShape = v.object(bootPackage);

export const debuginfoPackage = {
  ...published,
  method: v.optional(v.literal('dwarf'), 'dwarf'),
  vmlinuxPath: memberPath,
  otherVmlinuxPaths: v.exactOptional(v.array(memberPath)),
  bootPackage: v.exactOptional(BootPackageShape),
};
const DebuginfoPackageShape = v.object(debuginfoPackage);

/** By the method: a plan of before there was another one does not say it. */
const KernelShape = v.lazy((kernel) => {
  const { method } = { method: undefined, ...Object(kernel) };
  return method === 'embedded' ? BootPackageShape : DebuginfoPackageShape;
});

const PlanShape = v.object({
  schema: v.literal(PLAN_SCHEMA),
  distribution: shape.distribution,
  mirrors: v.pipe(v.array(v.string()), v.minLength(1)),
  kernels: v.array(KernelShape),
});

/** The part of a plan that a build needs. */
export type BuildPlan = Pick<Plan, 'distribution' | 'mirrors' | 'kernels'>;

/** Globs that select a part of a plan; an empty list selects all. */
export interface PlanSelection {
  readonly releases: readonly string[];
  readonly arches: readonly string[];
  readonly flavours: readonly string[];
  readonly kernels: readonly string[];
}

/**
 * The part of a plan that the globs select. A kernel glob that selects nothing is a problem beside the
 * others; throws `not-found` for any other glob that selects nothing, and when all of them together do.
 * A plan without kernels is returned as it is.
 */
export function selectFromPlan(
  plan: BuildPlan,
  wanted: PlanSelection,
): { readonly plan: BuildPlan; readonly problems: readonly Problem[] } {
  if (plan.kernels.length === 0) return { plan, problems: [] };
  const options: readonly PlanOption[] = [
    { name: '--release', globs: wanted.releases, valuesOf: ({ releases }) => releases },
    { name: '--arch', globs: wanted.arches, valuesOf: ({ arch }) => [arch] },
    { name: '--flavour', globs: wanted.flavours, valuesOf: ({ flavour }) => [flavour] },
  ];
  for (const { name, globs, valuesOf } of options) {
    const existing = plan.kernels.flatMap(valuesOf);
    const unknown = globs.find((glob) => !existing.some(selector([glob])));
    if (unknown !== undefined) throw noMatch(name, unknown, existing);
  }
  const some = plan.kernels.filter((kernel) =>
    options.every(({ globs, valuesOf }) => valuesOf(kernel).some(selector(globs))),
  );
  if (some.length === 0) {
    const given = options.flatMap(({ name, globs }) => globs.map((glob) => `${name} ${glob}`));
    throw new Failure(
      'not-found',
      `${given.join(' ')} matches no kernel of the plan.`,
      'Each of them matches some kernels, but no kernel matches all of them.',
    );
  }
  const { kernels, problems } = selectKernels(some, wanted.kernels);
  return { plan: { ...plan, kernels }, problems };
}

interface PlanOption {
  readonly name: string;
  readonly globs: readonly string[];
  valuesOf(kernel: KernelPackage): readonly string[];
}

/** Reads a plan as `btfhub plan --json` wrote it; `usage` with the place of the first mistake. */
export function parsePlan(text: string, origin: string): BuildPlan {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw noPlan(origin, describe(error));
  }
  const result = v.safeParse(PlanShape, data, { abortEarly: true });
  if (result.success) return result.output;
  throw noPlan(origin, shape.complaint(result.issues));
}

function noPlan(origin: string, why: string): Failure {
  return new Failure(
    'usage',
    `${printable(origin)} is no plan: ${printable(why)}.`,
    "Give what 'btfhub plan --json' printed.",
  );
}
