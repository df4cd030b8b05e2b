import * as v from 'valibot';
import { describe, Failure } from '../failure.ts';
import type { Oid } from '../git/repository.ts';
import { asBranch, printable, type Uname } from '../names.ts';
import type { DwarfTools } from '../toolchain/dwarf-tools.ts';
import { type ArchiveFolder, tarballPath } from './layout.ts';
import type {
  DwarfRecord,
  EmbeddedRecord,
  FailureRecord,
  KernelRecord,
  ModuleUse,
} from './record.ts';
import * as shape from './shapes.ts';

/** Version of the catalog's shape; raised when a reader of the old shape would be misled. */
export const CATALOG_SCHEMA = 1;
export const CATALOG_BRANCH = asBranch('catalog');
export const CATALOG_FILE = 'catalog.json';

/** What a branch of the archive holds: the BTF of kernels alone, or of kernels with modules of theirs. */
export type ArchiveContent = 'kernels' | 'modules';

/** The reviewed branch of files with modules. Their layout and names are those of the base branch. */
export const MODULES_BRANCH = asBranch('modules');
/** The branch of files with modules that wait for review. */
export const MODULES_NEXT_BRANCH = asBranch('modules-next');

/** The catalog's file, on the catalog's branch: each content has its own. */
export function catalogFileOf(content: ArchiveContent): string {
  return content === 'kernels' ? CATALOG_FILE : 'modules.json';
}

type KernelIdentity = Pick<
  KernelRecord,
  'uname' | 'nvra' | 'distribution' | 'versionId' | 'releases' | 'arch' | 'package'
>;

/** A kernel whose BTF is in the archive, or waits on `next` for a person's review. */
export type BuiltEntry = ArchivedBtf & Provenance;

/** How the BTF was made. */
type Provenance =
  | Pick<DwarfRecord, 'method' | 'vmlinux' | 'pahole'>
  | Pick<EmbeddedRecord, 'method' | 'bootImage'>;

interface ArchivedBtf extends KernelIdentity {
  readonly state: 'archived' | 'pending';
  readonly tarball: {
    readonly size: number;
    readonly sha256: string;
    /** The git blob, by which the catalog and the branches can be compared without the bytes. */
    readonly blob: Oid;
  };
  readonly btf: KernelRecord['btf'];
  /** Only in the catalog of files with modules. */
  readonly modules?: ModuleUse;
  readonly verified: KernelRecord['verified'];
  /** ISO 8601, UTC. */
  readonly builtAt: string;
  /** The workflow run that published it. */
  readonly run?: string;
}

/** A kernel whose BTF could not be made. A newer package of the same name starts counting afresh. */
export interface FailedEntry extends KernelIdentity {
  readonly state: 'failed';
  readonly reason: FailureRecord['reason'];
  readonly message: string;
  /** With which the last attempt could not read the debug information. */
  readonly tools?: DwarfTools;
  /** When this very package was tried, the last time last: ISO 8601, UTC. */
  readonly attempts: readonly [string, ...string[]];
  readonly run?: string;
}

export type CatalogEntry = BuiltEntry | FailedEntry;

/** What is known about every kernel, by the path of its tarball in the archive. */
export type Catalog = ReadonlyMap<string, CatalogEntry>;

export const EMPTY_CATALOG: Catalog = new Map();

const run = v.exactOptional(shape.url);

const built = {
  ...shape.identity,
  state: v.picklist(['archived', 'pending']),
  tarball: v.strictObject({
    size: shape.size,
    sha256: shape.sha256,
    blob: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'is no git object')),
  }),
  btf: v.strictObject({ size: shape.size, sha256: shape.sha256, kinds: shape.kinds }),
  modules: v.exactOptional(shape.modules),
  verified: shape.verification,
  builtAt: shape.time,
  run,
};
const builtFromDwarf = v.strictObject({ ...built, ...shape.dwarf });
const builtFromBootImage = v.strictObject({ ...built, ...shape.embedded });

const failed = v.strictObject({
  ...shape.identity,
  state: v.literal('failed'),
  reason: shape.reason,
  message: shape.line,
  tools: v.exactOptional(shape.dwarfTools),
  attempts: v.tupleWithRest([shape.time], shape.time),
  run,
});

/** The shape that an entry should have, by its state and method. */
function entryShape(entry: unknown) {
  const { state, method } = { state: undefined, method: undefined, ...Object(entry) };
  if (state === 'failed') return failed;
  return method === 'embedded' ? builtFromBootImage : builtFromDwarf;
}

function documentOf<Entry extends v.GenericSchema>(entry: Entry) {
  return v.strictObject({
    schema: v.literal(CATALOG_SCHEMA),
    kernels: v.record(v.string(), entry),
  });
}

const document = documentOf(v.unknown());
const anyEntry = v.lazy(entryShape);

/** The catalog's file, for its JSON Schema. */
export const CatalogShape = documentOf(v.union([builtFromDwarf, builtFromBootImage, failed]));

/** Named one by one when they are left out; the rest is counted. */
const MOST_NAMED = 5;

/**
 * Reads `catalog.json`.
 * @param from what to call it in messages: the archive it came from
 * @param warn for readers: a bad entry is left out and named, and the others count. Without it, as where the catalog
 *   is written again, one bad entry makes the whole file unusable, so that none is lost
 * @throws Failure `bad-archive` that names the kernel and the field
 */
export function parseCatalog(text: string, from: string, warn?: (line: string) => void): Catalog {
  const fail = (why: string, advice: string) =>
    new Failure('bad-archive', `${CATALOG_FILE} of ${from} cannot be used: ${why}.`, advice);
  const mend = `Mend the file on the branch '${CATALOG_BRANCH}', or delete that branch: it is made anew.`;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw fail(describe(error), mend);
  }
  const version = v.safeParse(v.object({ schema: v.number() }), json);
  if (version.success && version.output.schema > CATALOG_SCHEMA) {
    throw fail(`its schema is ${version.output.schema}`, 'Use a newer btfhub.');
  }
  const result = v.safeParse(document, json, { abortEarly: true });
  if (!result.success) throw fail(shape.complaint(result.issues), mend);
  const kernels = new Map<string, CatalogEntry>();
  const bad: string[] = [];
  for (const [path, data] of Object.entries(result.output.kernels)) {
    const entry = parseEntry(path, data);
    if (typeof entry !== 'string') kernels.set(path, entry);
    else if (warn === undefined) throw fail(entry, mend);
    else bad.push(entry);
  }
  if (bad.length > 0) {
    const more = bad.length > MOST_NAMED ? `; and ${bad.length - MOST_NAMED} more` : '';
    const named = bad.slice(0, MOST_NAMED).join('; ');
    warn?.(`${CATALOG_FILE} of ${from} has entries that cannot be used: ${named}${more}. ${mend}`);
  }
  return kernels;
}

/** An entry of the catalog; or what is wrong with it. */
function parseEntry(path: string, data: unknown): CatalogEntry | string {
  const result = v.safeParse(anyEntry, data, { abortEarly: true });
  const where = printable(path);
  if (!result.success) return `${where}: ${shape.complaint(result.issues)}`;
  const entry: CatalogEntry = result.output;
  return path === entryPath(entry) ? entry : `${where} should be ${entryPath(entry)}`;
}

/** Where the tarball of this kernel is in the archive, and what the catalog knows it by. */
export function entryPath(entry: ArchiveFolder & { readonly uname: Uname }): string {
  return tarballPath(entry, entry.uname);
}

/** The catalog as text: sorted by path, a field a line, so that a diff reads as the news. */
export function serialiseCatalog(catalog: Catalog): string {
  const kernels = Object.fromEntries(sorted(catalog));
  return `${JSON.stringify({ schema: CATALOG_SCHEMA, kernels }, null, 2)}\n`;
}

function sorted(catalog: Catalog): [string, CatalogEntry][] {
  return [...catalog].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The entry of a kernel that was built; `blob` is its tarball's name in git. */
export function builtEntry(record: KernelRecord, blob: Oid, runUrl?: string): BuiltEntry {
  const { sha256, size } = record.tarball;
  const { btf, verified, finishedAt } = record;
  return {
    ...identityOf(record),
    state: 'pending',
    tarball: { size, sha256, blob },
    btf,
    ...provenanceOf(record),
    verified,
    builtAt: finishedAt,
    ...(record.modules === undefined ? undefined : { modules: record.modules }),
    ...(runUrl === undefined ? {} : { run: runUrl }),
  };
}

function provenanceOf(record: KernelRecord): Provenance {
  return record.method === 'embedded'
    ? { method: record.method, bootImage: record.bootImage }
    : { method: record.method, vmlinux: record.vmlinux, pahole: record.pahole };
}

/** The entry of a kernel that failed for the first time. */
export function failedEntry(record: FailureRecord, runUrl?: string): FailedEntry {
  const { reason, message, tools, finishedAt } = record;
  return {
    ...identityOf(record),
    state: 'failed',
    reason,
    message,
    ...(tools === undefined ? undefined : { tools }),
    attempts: [finishedAt],
    ...(runUrl === undefined ? {} : { run: runUrl }),
  };
}

function identityOf(record: KernelRecord | FailureRecord): KernelIdentity {
  const { uname, nvra, distribution, versionId, releases, arch } = record;
  return { uname, nvra, distribution, versionId, releases, arch, package: record.package };
}

/**
 * The catalog with the news of one run in it. In any order, and however often, the same news give
 * the same catalog: so two runs that meet can both merge into what they find.
 *
 * A failure takes nothing away that was built; what was built takes the place of a failure; of two
 * builds the later stands; failures of one package are counted, each once.
 */
export function mergeCatalog(catalog: Catalog, news: Iterable<CatalogEntry>): Catalog {
  const merged = new Map(catalog);
  for (const entry of news) {
    const path = entryPath(entry);
    const known = merged.get(path);
    merged.set(path, known === undefined ? entry : mergeEntries(known, entry));
  }
  return merged;
}

function mergeEntries(known: CatalogEntry, news: CatalogEntry): CatalogEntry {
  if (known.state === 'failed') {
    return news.state === 'failed' ? mergeFailures(known, news) : news;
  }
  if (news.state === 'failed') return known;
  const [earlier, later] = known.builtAt <= news.builtAt ? [known, news] : [news, known];
  // The same bytes again are no news: their first record stays, and the diff stays empty.
  return earlier.tarball.sha256 === later.tarball.sha256 ? earlier : later;
}

function mergeFailures(known: FailedEntry, news: FailedEntry): FailedEntry {
  const last = (entry: FailedEntry) => entry.attempts.at(-1) as string;
  const later = last(news) > last(known) ? news : known;
  if (news.package.sha256 !== known.package.sha256) return later;
  const [first, ...rest] = [...new Set([...known.attempts, ...news.attempts])].sort();
  return { ...later, attempts: [first as string, ...rest] };
}

type BlobsByPath = ReadonlyMap<string, { readonly oid: Oid | undefined }>;

/**
 * The catalog with its states as the branches have them: what the base branch holds is archived, what
 * only `next` holds is pending, and what neither holds any more is forgotten, so that it is built again.
 */
export function updateStates(catalog: Catalog, base: BlobsByPath, next: BlobsByPath): Catalog {
  const updated = new Map<string, CatalogEntry>();
  for (const [path, entry] of catalog) {
    if (entry.state === 'failed') {
      if (!base.has(path) && !next.has(path)) updated.set(path, entry);
    } else if (base.get(path)?.oid === entry.tarball.blob) {
      updated.set(path, { ...entry, state: 'archived' });
    } else if (next.get(path)?.oid === entry.tarball.blob) {
      updated.set(path, { ...entry, state: 'pending' });
    }
  }
  return updated;
}
