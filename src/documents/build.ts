import * as v from 'valibot';
import { dwarfRecord, embeddedRecord, failureRecord } from '../archive/parse-record.ts';
import * as shape from '../archive/shapes.ts';
import { Trouble } from './document.ts';

const seconds = v.pipe(v.number(), v.minValue(0));
const record = v.union([dwarfRecord, embeddedRecord]);

/** `btfhub build --json` */
export const BuildDocument = v.strictObject({
  built: shape.count,
  failed: shape.count,
  skipped: shape.count,
  output: v.string(),
  notTried: shape.count,
  kernels: v.array(
    v.union([
      v.strictObject({
        state: v.picklist(['built', 'skipped']),
        seconds,
        record,
        withModules: v.optional(record),
      }),
      v.strictObject({ state: v.literal('failed'), seconds, record: failureRecord }),
    ]),
  ),
  troubles: v.array(Trouble),
});

const oid = v.string();
const tarball = v.strictObject({
  uname: shape.uname,
  path: v.string(),
  size: shape.size,
  sha256: shape.sha256,
});

/** `btfhub publish --json` */
export const PublishDocument = v.strictObject({
  operation: v.picklist(['pushed', 'nothing-new', 'dry-run']),
  archive: v.string(),
  branch: v.string(),
  base: v.string(),
  moved: v.picklist(['no', 'rebased', 'afresh']),
  commit: v.nullable(oid),
  catalogCommit: v.nullable(oid),
  pullRequest: v.strictObject({
    action: v.picklist(['created', 'updated', 'unchanged', 'none']),
    forge: v.optional(v.string()),
    why: v.optional(v.picklist(['nothing-waits', 'not-asked-for', 'dry-run', 'no-base'])),
    number: v.optional(shape.count),
    url: v.optional(v.string()),
  }),
  added: v.array(tarball),
  left: v.array(tarball),
  refused: v.array(tarball),
  failed: v.array(
    v.strictObject({ uname: shape.uname, reason: shape.reason, message: v.string() }),
  ),
  twins: v.array(v.string()),
  waiting: v.strictObject({
    kernels: v.array(shape.uname),
    others: v.array(v.string()),
    removed: v.array(v.string()),
  }),
});
