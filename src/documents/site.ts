import * as v from 'valibot';
import * as shape from '../archive/shapes.ts';
import { Failed } from './document.ts';

/** `btfhub site --json`: the manifest of the site, and what was read for it. */
export const SiteDocument = v.strictObject({
  output: v.string(),
  schema: v.literal(1),
  database: v.strictObject({
    file: v.string(),
    bytes: shape.size,
    sha256: shape.sha256,
    pageSize: shape.size,
  }),
  archive: v.string(),
  raw: v.string(),
  generatedAt: v.nullable(v.string()),
  kernels: shape.count,
  definitions: shape.count,
  read: shape.count,
  unread: v.array(v.strictObject({ uname: shape.uname, error: Failed })),
});
