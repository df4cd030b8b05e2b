import * as v from 'valibot';
import * as shape from '../../archive/shapes.ts';
import { describe, Failure } from '../../failure.ts';
import { type Arch, type DistributionId, printable, type Release } from '../../names.ts';
import { asRepositoryPath } from '../../rpmmd/path.ts';
import { CHECKSUM_ALGORITHMS } from '../../rpmmd/repomd.ts';
import { selector } from '../../sources/glob.ts';
import { type KernelPackage, selectKernels, type Trouble } from '../../sources/kernels.ts';

/** Version of the plan's shape; raised when a reader of the old shape would be misled. */
export const PLAN_SCHEMA = 1;

/** How many kernels stand how; of each kernel one of these is true, and `published` counts all. */
export interface Counts {
  readonly published: number;
  /** On the archive's base branch. */
  readonly archived: number;
  /** On the branch that waits for review, and not on the base. */
  readonly pending: number;
  /** Failed before, and not to be tried again in this run. */
  readonly failed: number;
  /** Carries BTF of its own, where such kernels are not wanted. */
  readonly embedded: number;
  /** Would be built, but for the limit. */
  readonly later: number;
  /** To be built now. */
  readonly build: number;
  /** To download for that. */
  readonly bytes: number;
}

export interface PlanRow extends Counts {
  readonly release: Release;
  readonly arch: Arch;
}

/** What is published, what is there, and what is to be built: plain data, which `build` takes again. */
export interface Plan {
  readonly schema: typeof PLAN_SCHEMA;
  readonly distribution: DistributionId;
  /** ISO 8601, UTC. */
  readonly madeAt: string;
  /** Roots of mirrors, the one to ask first in front. */
  readonly mirrors: readonly string[];
  /** What was looked at to know what is there; absent when nothing was. */
  readonly archive?: string;
  /** By release and architecture; a kernel of several releases counts in the first. */
  readonly rows: readonly PlanRow[];
  readonly total: Counts;
  /** To be built, oldest version first. */
  readonly kernels: readonly KernelPackage[];
  /** What could not be read or found, while the rest could. */
  readonly troubles: readonly PlanTrouble[];
}

export interface PlanTrouble {
  readonly where: string;
  readonly reason: string;
  readonly message: string;
  readonly advice?: string;
}

const path = shape.named((text) => asRepositoryPath(text, 'the plan'));

const KernelShape = v.object({
  distribution: shape.distribution,
  versionId: shape.versionId,
  releases: v.tupleWithRest([shape.release], shape.release),
  arch: shape.arch,
  flavour: v.string(),
  nvra: shape.word,
  evr: v.object({ epoch: shape.count, version: v.string(), release: v.string() }),
  uname: shape.uname,
  vmlinuxPath: v.pipe(v.string(), v.startsWith('./')),
  size: shape.size,
  checksum: v.object({
    algorithm: v.picklist(CHECKSUM_ALGORITHMS),
    value: v.pipe(v.string(), v.regex(/^[0-9a-f]{40,128}$/)),
  }),
  builtAt: shape.count,
  locations: v.tupleWithRest([path], path),
  keyPaths: v.array(path),
  trustedKeys: v.array(v.pipe(v.string(), v.regex(/^[0-9A-F]{40,64}$/))),
});

const PlanShape = v.object({
  schema: v.literal(PLAN_SCHEMA),
  distribution: shape.distribution,
  mirrors: v.pipe(v.array(v.string()), v.minLength(1)),
  kernels: v.array(KernelShape),
});

/** The part of a plan that a build needs. */
export type WorkOrder = Pick<Plan, 'distribution' | 'mirrors' | 'kernels'>;

/** Words that narrow a plan: globs, none for all. */
export interface Narrowing {
  readonly releases: readonly string[];
  readonly arches: readonly string[];
  readonly flavours: readonly string[];
  readonly kernels: readonly string[];
}

/** The part of an order that the globs select; one on kernels that selects none is a trouble. */
export function narrow(
  order: WorkOrder,
  wanted: Narrowing,
): { readonly order: WorkOrder; readonly troubles: readonly Trouble[] } {
  const [wantsRelease, wantsArch, wantsFlavour] = [
    selector(wanted.releases),
    selector(wanted.arches),
    selector(wanted.flavours),
  ];
  const some = order.kernels.filter(
    ({ releases, arch, flavour }) =>
      releases.some(wantsRelease) && wantsArch(arch) && wantsFlavour(flavour),
  );
  const { kernels, troubles } = selectKernels(some, wanted.kernels);
  return { order: { ...order, kernels }, troubles };
}

/** Reads a plan as `btfhub plan --json` wrote it; `usage` with the place of the first mistake. */
export function parsePlan(text: string, origin: string): WorkOrder {
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
