import * as v from 'valibot';
import * as shape from '../archive/shapes.ts';
import { bootPackage, debuginfoPackage, PLAN_SCHEMA } from '../jobs/plan/plan.ts';
import { Failed, kernelName, Trouble } from './document.ts';

const counts = {
  published: shape.count,
  archived: shape.count,
  pending: shape.count,
  failed: shape.count,
  embedded: shape.count,
  later: shape.count,
  build: shape.count,
  /** Plans of before there were files with modules do not have it. */
  modulesAlone: v.exactOptional(shape.count),
  bytes: shape.count,
};

const price = v.strictObject({
  kernels: shape.count,
  bytes: shape.count,
  seconds: v.pipe(v.number(), v.minValue(0)),
});

/** `btfhub plan --json`; `build --plan` reads it. */
const Plan = v.strictObject({
  schema: v.literal(PLAN_SCHEMA),
  distribution: shape.distribution,
  madeAt: shape.time,
  mirrors: v.array(v.string()),
  archive: v.optional(v.string()),
  rows: v.array(v.strictObject({ release: shape.release, arch: shape.arch, ...counts })),
  total: v.strictObject(counts),
  prices: v.strictObject({ dwarf: price, embedded: price }),
  kernels: v.array(v.union([v.strictObject(debuginfoPackage), v.strictObject(bootPackage)])),
  troubles: v.array(Trouble),
});

/** `btfhub plan --matrix --json` */
const Matrix = v.strictObject({
  include: v.array(
    v.strictObject({
      shard: shape.size,
      release: v.string(),
      arch: v.string(),
      flavour: v.string(),
      kernels: v.string(),
      bytes: shape.count,
    }),
  ),
  count: shape.count,
});

/** `btfhub plan --list-distributions --json` */
const Distributions = v.strictObject({
  distributions: v.array(
    v.strictObject({
      key: v.string(),
      id: shape.distribution,
      name: v.string(),
      status: v.picklist(['confirmed', 'unconfirmed']),
      mirrors: v.array(v.string()),
      flavours: v.array(v.string()),
    }),
  ),
});

export const PlanDocument = v.union([Plan, Matrix, Distributions]);

const exampleKernel = v.strictObject({
  uname: kernelName.uname,
  versionId: kernelName.versionId,
  arch: kernelName.arch,
  nvra: shape.word,
  vmlinuxPath: v.string(),
  locations: v.array(v.string()),
});

/** `btfhub sources check --json` */
export const SourcesDocument = v.strictObject({
  sources: v.array(
    v.strictObject({
      id: shape.distribution,
      key: v.string(),
      status: v.picklist(['confirmed', 'unconfirmed']),
      looksFor: v.array(
        v.strictObject({
          repository: v.string(),
          addresses: v.array(v.string()),
          stops: v.array(v.string()),
        }),
      ),
      found: v.optional(
        v.strictObject({
          mirrors: v.array(v.string()),
          repositories: shape.count,
          kernels: shape.count,
          releases: v.array(v.string()),
          arches: v.array(v.string()),
          examples: v.array(exampleKernel),
          problems: v.array(v.strictObject({ where: v.string(), message: v.string() })),
        }),
      ),
      failure: v.optional(Failed),
    }),
  ),
});
