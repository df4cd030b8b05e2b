import * as v from 'valibot';
import * as shape from '../archive/shapes.ts';

/** The shapes that several documents of the commands share. */

/** A value that a shape accepts, which nothing changes. Commands return their documents as this type. */
export type DocumentOf<Shape extends v.GenericSchema> = Unchanged<v.InferInput<Shape>>;

type Unchanged<Value> = Value extends object
  ? { readonly [Name in keyof Value]: Unchanged<Value[Name]> }
  : Value;

/** One of the columns of a catalog, a plan and a listing: which kernel it is. */
export const kernelName = {
  distribution: shape.distribution,
  versionId: shape.versionId,
  arch: shape.arch,
  uname: shape.uname,
};

/** Number of types by kind: `{ INT: 20, PTR: 33000 }`. */
export const kinds = v.record(v.string(), v.optional(shape.count));

export const btfSummary = {
  size: shape.size,
  byteOrder: v.picklist(['little', 'big']),
  types: shape.count,
  kinds,
  stringBytes: shape.count,
  taskStruct: v.optional(
    v.strictObject({ copies: shape.count, size: shape.count, members: shape.count }),
  ),
};

const failure = {
  reason: shape.reason,
  message: v.string(),
  advice: v.optional(v.string()),
};

/** Why something failed: what was attempted, on what, and what to do. */
export const Failed = v.strictObject(failure);

/** What every command prints with `--json` when it could not do its work: exit status 2. */
export const ErrorDocument = v.strictObject({
  error: v.strictObject({
    ...failure,
    // Of a kernel that the archive does not have.
    nearest: v.optional(v.array(v.strictObject(kernelName))),
    hasBtf: v.optional(v.boolean()),
  }),
});

/** Who made a tarball, as its attestation proves. */
export const attested = v.strictObject({ repository: v.string(), signer: v.string() });

/** A part of the repositories or of the options that could not be used; the rest could. */
export const Trouble = v.strictObject({
  where: v.string(),
  reason: v.string(),
  message: v.string(),
  advice: v.optional(v.string()),
});

/** `--show-cache` of check and tailor. */
export const CacheKey = v.strictObject({ key: v.string() });
