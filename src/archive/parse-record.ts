import * as v from 'valibot';
import { describe, Failure } from '../failure.ts';
import { printable } from '../names.ts';
import { tarballPath } from './layout.ts';
import { type BuildRecord, RECORD_SCHEMA, recordPath, STAGES } from './record.ts';
import * as shape from './shapes.ts';

/** A megabyte is a hundred times what a record has. */
const MOST_BYTES = 1024 * 1024;

const measured = v.strictObject({
  seconds: v.pipe(v.number(), v.finite(), v.minValue(0)),
  bytes: shape.count,
});

const madeBtf = {
  schema: v.literal(RECORD_SCHEMA),
  ...shape.identity,
  verified: shape.verification,
  crossCheck: v.exactOptional(shape.crossCheck),
  btf: v.strictObject({ size: shape.size, sha256: shape.sha256, kinds: shape.kinds }),
  tarball: v.strictObject({ path: v.string(), size: shape.size, sha256: shape.sha256 }),
  modules: v.exactOptional(shape.modules),
  stages: v.strictObject(v.entriesFromList(STAGES, measured)),
  finishedAt: shape.time,
};

export const dwarfRecord = v.strictObject({ ...madeBtf, ...shape.dwarf });
export const embeddedRecord = v.strictObject({ ...madeBtf, ...shape.embedded });

export const failureRecord = v.strictObject({
  schema: v.literal(RECORD_SCHEMA),
  state: v.literal('failed'),
  ...shape.identity,
  reason: shape.reason,
  message: shape.line,
  tools: v.exactOptional(shape.dwarfTools),
  finishedAt: shape.time,
});

/** A record's file, for its JSON Schema. */
export const RecordShape = v.union([dwarfRecord, embeddedRecord, failureRecord]);

function recordShape(json: unknown) {
  if (typeof json !== 'object' || json === null) return dwarfRecord;
  if ('state' in json) return failureRecord;
  return 'method' in json && json.method === 'embedded' ? embeddedRecord : dwarfRecord;
}

/**
 * Reads a record that anyone may have written: every field must be there and of its kind, nothing
 * else is, and the parts agree with each other (the tarball's path is the one of its kernel).
 *
 * @param file the record's path below its folder, which must be the one of its kernel
 * @throws Failure `usage` that names the file and the field
 */
export function parseRecord(text: string, file: string): BuildRecord {
  const fail = (why: string, cause?: unknown) =>
    new Failure(
      'usage',
      `${printable(file)} is not a record: ${why}.`,
      'Only what `btfhub build` leaves can be published.',
      cause,
    );
  if (text.length > MOST_BYTES) throw fail('it is too long');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw fail(printable(describe(error)), error);
  }
  const result = v.safeParse(recordShape(json), json, { abortEarly: true });
  if (!result.success) throw fail(shape.complaint(result.issues));
  const record: BuildRecord = result.output;
  if (file !== recordPath(record.uname)) {
    throw fail(`it is of ${record.uname}, so its name should be ${recordPath(record.uname)}`);
  }
  const mismatch = packageMismatch(record);
  if (mismatch !== undefined) throw fail(mismatch);
  if (!('state' in record) && record.tarball.path !== tarballPath(record, record.uname)) {
    throw fail(`its tarball should be ${tarballPath(record, record.uname)}`);
  }
  return record;
}

/**
 * What in the package does not belong to the kernel. Its name is `<name>-<version>-<release>.<arch>`,
 * and `uname -r` holds version and release in this order, however the distribution joins them. SUSE leaves
 * the last number of the release out, which counts rebuilds: `150500.55.31.1` is of `5.14.21-150500.55.31-default`.
 */
function packageMismatch({ uname, nvra, arch, package: { url } }: BuildRecord): string | undefined {
  const [, version = '', release = '', built = ''] =
    /^.+-([^-]+)-([^-]+)\.([^.]+)$/.exec(nvra) ?? [];
  const rest = uname.startsWith(version)
    ? uname.slice(version.length).replace(/^[-._+~^]+/, '')
    : '';
  const withoutRebuilds = `${release.replace(/\.\d+$/, '')}-`;
  const isRelease = rest.startsWith(release) && !/^[0-9A-Za-z]/.test(rest.slice(release.length));
  const isOfKernel = version !== '' && (isRelease || rest.startsWith(withoutRebuilds));
  if (!isOfKernel) return `its package ${printable(nvra)} is not the one of ${uname}`;
  if (built !== arch) return `its package ${printable(nvra)} is not of ${arch}`;
  const file = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
  if (file !== `${nvra}.rpm`) return `the file at its URL is not ${printable(nvra)}.rpm`;
  return undefined;
}
