import * as v from 'valibot';
import * as shape from '../archive/shapes.ts';
import { LAYOUTS } from '../jobs/tailor/output.ts';
import { attested, btfSummary, CacheKey, Failed, kernelName } from './document.ts';

/** `btfhub list --json` */
export const ListDocument = v.strictObject({
  archive: v.string(),
  kernels: v.array(
    v.strictObject({
      ...kernelName,
      releases: v.array(shape.release),
      state: v.picklist(['archived', 'pending', 'failed']),
      reason: v.optional(shape.reason),
      message: v.optional(v.string()),
      size: v.optional(shape.size),
      sha256: v.optional(shape.sha256),
      builtAt: v.optional(shape.time),
    }),
  ),
  missing: v.array(
    v.strictObject({ uname: shape.uname, nearest: v.array(v.strictObject(kernelName)) }),
  ),
});

/** `btfhub fetch --json` */
export const FetchDocument = v.strictObject({
  ...kernelName,
  output: v.string(),
  promised: v.boolean(),
  attested: v.optional(attested),
  ownBtf: v.boolean(),
  btf: v.strictObject(btfSummary),
});

const installed = v.strictObject({
  uname: shape.uname,
  path: v.string(),
  form: v.picklist(['raw', 'elf']),
  sha256: shape.sha256,
  what: v.picklist(['installed', 'replaced', 'present']),
  /** The loader that finds the file by itself; `nobody`: no known loader finds it by itself. */
  audience: v.picklist(['gala-gopher', 'libbpf', 'nobody']),
  ownBtf: v.boolean(),
  attested: v.optional(attested),
});

const removed = v.strictObject({
  removed: v.array(
    v.strictObject({
      uname: shape.uname,
      path: v.string(),
      sums: v.array(shape.sha256),
      folders: v.array(v.string()),
      what: v.picklist(['removed', 'gone', 'changed']),
    }),
  ),
});

/** `btfhub install --json`, and with `--remove` */
export const InstallDocument = v.union([installed, removed]);

const Tailored = v.strictObject({
  output: v.string(),
  layout: v.picklist(LAYOUTS),
  kernels: v.array(
    v.strictObject({ ...kernelName, path: v.string(), size: shape.count, sha256: shape.sha256 }),
  ),
  failed: v.array(v.strictObject({ kernel: v.strictObject(kernelName), error: Failed })),
  different: shape.count,
  size: shape.count,
  packedSize: v.optional(shape.count),
});

/** `btfhub tailor --json`, and with `--show-cache` */
export const TailorDocument = v.union([Tailored, CacheKey]);

const cachePlan = v.strictObject({ key: v.string(), folders: v.array(v.string()) });
const tool = {
  version: v.string(),
  origin: v.picklist(['built', 'cached', 'system']),
  path: v.string(),
};

/** `btfhub setup --json`, and with `--show-cache` */
export const SetupDocument = v.union([
  v.strictObject({
    pahole: v.strictObject({
      ...tool,
      options: v.array(v.string()),
      features: v.array(v.string()),
    }),
    xz: v.strictObject({
      ...tool,
      cutter: v.strictObject({
        kind: v.picklist(['decoder', 'dd', 'none']),
        path: v.optional(v.string()),
      }),
    }),
    cache: cachePlan,
  }),
  cachePlan,
]);

/** `btfhub completion --json` */
export const CompletionDocument = v.strictObject({ shell: v.string(), script: v.string() });
