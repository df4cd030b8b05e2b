import * as v from 'valibot';
import * as shape from '../archive/shapes.ts';
import { DEFINITION_KINDS } from '../explorer/definition.ts';
import { kernelName } from './document.ts';

const kind = v.picklist(DEFINITION_KINDS);
const lines = v.array(v.string());

/** `btfhub diff --json` */
export const DiffDocument = v.strictObject({
  first: v.strictObject(kernelName),
  second: v.strictObject(kernelName),
  changes: v.array(
    v.strictObject({
      kind,
      name: v.string(),
      change: v.picklist(['added', 'removed', 'changed']),
      texts: v.optional(v.strictObject({ before: lines, after: lines, lines })),
    }),
  ),
});

const part = v.variant('kind', [
  v.strictObject({
    kind: v.literal('member'),
    path: v.string(),
    type: v.string(),
    bitOffset: shape.count,
    bits: shape.count,
    size: shape.count,
  }),
  v.strictObject({
    kind: v.literal('parameter'),
    path: v.string(),
    type: v.string(),
    index: shape.count,
  }),
  v.strictObject({ kind: v.literal('enumerator'), path: v.string(), value: v.string() }),
]);

/** `btfhub history --json` */
export const HistoryDocument = v.strictObject({
  name: v.string(),
  field: v.nullable(v.string()),
  everywhere: v.boolean(),
  without: v.array(v.string()),
  versions: v.array(
    v.strictObject({
      kind,
      text: v.string(),
      lines,
      kernels: v.array(v.string()),
      ranges: v.array(
        v.strictObject({
          versionId: v.string(),
          arch: v.string(),
          first: v.string(),
          last: v.string(),
          count: shape.count,
        }),
      ),
      part: v.optional(v.nullable(part)),
      renamed: v.optional(v.array(v.nullable(part))),
    }),
  ),
});
