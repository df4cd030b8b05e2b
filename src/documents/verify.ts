import * as v from 'valibot';
import * as shape from '../archive/shapes.ts';
import { attested, btfSummary, CacheKey, Failed, kinds } from './document.ts';

/** `btfhub verify --json` */
export const VerifyDocument = v.strictObject({
  sound: shape.count,
  unsound: shape.count,
  files: v.array(
    v.union([
      v.strictObject({
        path: v.string(),
        size: shape.count,
        uname: v.optional(shape.uname),
        btf: v.strictObject({ ...btfSummary, sha256: shape.sha256 }),
        base: v.optional(v.picklist(['kernel', 'distilled'])),
        record: v.picklist(['agrees', 'none']),
        method: v.optional(v.picklist(['dwarf', 'embedded'])),
        attested: v.optional(attested),
      }),
      v.strictObject({ path: v.string(), error: Failed }),
    ]),
  ),
});

const comparedFile = v.strictObject({
  path: v.string(),
  from: v.picklist(['raw', 'ELF', 'tarball', 'boot image']),
  uname: v.optional(v.string()),
  btf: v.strictObject({ size: shape.size, types: shape.count, kinds, sha256: shape.sha256 }),
});

/** `btfhub compare --json` */
export const CompareDocument = v.strictObject({
  first: comparedFile,
  second: comparedFile,
  identical: v.boolean(),
  equal: v.boolean(),
  kinds: v.array(
    v.strictObject({
      kind: v.string(),
      first: shape.count,
      second: shape.count,
      equal: shape.count,
      onlyFirst: v.array(v.string()),
      onlySecond: v.array(v.string()),
      different: v.array(
        v.strictObject({
          name: v.string(),
          aspect: v.picklist(['layout', 'enumerators', 'signature', 'type']),
          onlyFirst: v.array(v.string()),
          onlySecond: v.array(v.string()),
        }),
      ),
    }),
  ),
});

const sourcePosition = v.strictObject({
  file: v.string(),
  line: shape.count,
  column: shape.count,
  text: v.string(),
});

const missing = v.strictObject({
  why: v.picklist([
    'no-type',
    'no-field',
    'other-type',
    'no-element',
    'no-enumerator',
    'other-size',
    'ambiguous',
    'no-attach-target',
    'no-ksym',
    'no-struct-ops',
    'refused',
  ]),
  what: v.string(),
  detail: v.string(),
  wanted: v.optional(v.string()),
  found: v.optional(v.string()),
  when: v.picklist(['always', 'optional']),
  sources: v.array(sourcePosition),
  functions: v.array(v.string()),
  hint: v.string(),
  kernels: v.array(v.string()),
  ranges: v.array(v.strictObject({ first: v.string(), last: v.string(), count: shape.count })),
});

const CheckReport = v.strictObject({
  schema: v.literal(1),
  results: v.array(
    v.strictObject({
      object: v.string(),
      line: v.string(),
      kernels: shape.count,
      good: shape.count,
      missing: v.array(missing),
    }),
  ),
  programs: v.array(
    v.strictObject({
      object: v.string(),
      function: v.string(),
      section: v.string(),
      attach: v.picklist(['checked', 'not-checked', 'none']),
    }),
  ),
  ksyms: v.array(
    v.strictObject({
      object: v.string(),
      name: v.string(),
      kind: v.picklist(['function', 'variable']),
      weak: v.boolean(),
      lookup: v.picklist(['checked', 'not-checked']),
    }),
  ),
  unread: v.array(v.strictObject({ kernel: v.string(), error: Failed })),
});

/** `btfhub check --json`, and with `--show-cache` */
export const CheckDocument = v.union([CheckReport, CacheKey]);
