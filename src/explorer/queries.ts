import type { Arch, DistributionId, Release, Uname, VersionId } from '../names.ts';
import { unpackBody } from './body.ts';
import {
  DEFINITION_KINDS,
  type Definition,
  type DefinitionKind,
  parseDefinition,
} from './definition.ts';
import { type Part, partsOf, renamedTo } from './parts.ts';
import type { Row, Rows, SqlValue } from './port.ts';

/**
 * The questions that the explorer answers. The command line and the pages in a browser ask them alike; each reads
 * few pages of the database, because a browser fetches them one by one.
 */

/** A kernel that the archive or its catalog has. */
export interface ExplorerKernel {
  readonly id: number;
  /** Where it stands in the order of all kernels; undefined where its BTF is not in the database. */
  readonly position: number | undefined;
  /** Kernels of one series follow each other: one distribution, VERSION_ID, architecture and flavour. */
  readonly series: number | undefined;
  readonly uname: Uname;
  readonly distribution: DistributionId;
  readonly versionId: VersionId;
  readonly arch: Arch;
  /** By the catalog; empty without one. */
  readonly releases: readonly Release[];
  /** `pending`: waits for review. `failed`: its BTF could not be made. `unread`: its tarball could not be read. */
  readonly state: 'archived' | 'pending' | 'failed' | 'unread';
  /** How its BTF was made; undefined where the catalog does not say. */
  readonly method: 'dwarf' | 'embedded' | undefined;
  /** `1.31`; the functions of a kernel depend on it. */
  readonly pahole: string | undefined;
  /** Why it failed or could not be read. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
  /** Of the tarball, in bytes. */
  readonly size: number | undefined;
  readonly sha256: string | undefined;
  /** ISO 8601, UTC. */
  readonly builtAt: string | undefined;
}

/** A range of positions, both ends in it. */
export type Run = readonly [first: number, last: number];

/** A name with the definitions that it has. */
export interface NameEntry {
  readonly name: string;
  readonly kind: DefinitionKind;
  /** Number of different definitions. */
  readonly versions: number;
}

/** One of the definitions of a name, and the kernels that have it. */
export interface DefinitionVersion {
  readonly id: number;
  readonly kind: DefinitionKind;
  readonly name: string;
  readonly definition: Definition;
  readonly runs: readonly Run[];
}

/** One version of a field's history. */
export interface FieldVersion extends DefinitionVersion {
  /** The field here; undefined where this version does not have it. */
  readonly part: Part | undefined;
  /** Where it is missing: what it may be called here, the likeliest first. */
  readonly renamed: readonly Part[];
}

/** A name whose definitions differ between two kernels. */
export interface NameChange {
  readonly kind: DefinitionKind;
  readonly name: string;
  /** `added`: only the second has it. */
  readonly change: 'added' | 'removed' | 'changed';
  /** Ids of the definitions that the first kernel has; `definitionsById` reads them. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** All kernels: those with BTF in the database in the order of their positions, then the others. */
export function listKernels(rows: Rows): readonly ExplorerKernel[] {
  return rows('SELECT * FROM kernel ORDER BY id').map((row) => ({
    id: number(row.id),
    position: optional(row.position, number),
    series: optional(row.series, number),
    uname: string(row.uname) as Uname,
    distribution: string(row.distribution) as DistributionId,
    versionId: string(row.version_id) as VersionId,
    arch: string(row.arch) as Arch,
    releases: string(row.releases).split(' ').filter(Boolean) as Release[],
    state: string(row.state) as ExplorerKernel['state'],
    method: optional(row.method, string) as ExplorerKernel['method'],
    pahole: optional(row.pahole, string),
    reason: optional(row.reason, string),
    message: optional(row.message, string),
    size: optional(row.size, number),
    sha256: optional(row.sha256, string),
    builtAt: optional(row.built_at, string),
  }));
}

/** The names that begin with a text, in their order. */
export function completeName(rows: Rows, prefix: string, limit: number): readonly NameEntry[] {
  const found = rows(
    'SELECT name, kind, count FROM name WHERE name >= ? AND name < ? ORDER BY name, kind LIMIT ?',
    [prefix, `${prefix}\u{10ffff}`, limit],
  );
  return found.map((row) => ({
    name: string(row.name),
    kind: kindOf(row.kind),
    versions: number(row.count),
  }));
}

/** Every definition of a name, of one kind or of all, in the order of the first kernel that has it. */
export function versionsOf(
  rows: Rows,
  name: string,
  kind?: DefinitionKind,
): readonly DefinitionVersion[] {
  const entries = rows('SELECT kind, first, count FROM name WHERE name = ? ORDER BY kind', [name]);
  return entries
    .filter((entry) => kind === undefined || kindOf(entry.kind) === kind)
    .flatMap((entry) => {
      const [first, count] = [number(entry.first), number(entry.count)];
      const runs = runsOf(rows, first, first + count - 1);
      return bodies(rows, first, first + count - 1).map(({ id, body }) =>
        version(id, kindOf(entry.kind), name, body, runs.get(id) ?? []),
      );
    });
}

/** The definitions of these ids of one name and kind, as `diffKernels` gives them. */
export function definitionsById(
  rows: Rows,
  { kind, name }: Pick<NameChange, 'kind' | 'name'>,
  ids: readonly number[],
): readonly Definition[] {
  return ids.flatMap((id) =>
    bodies(rows, id, id).map(({ body }) => parseDefinition(kind, name, unpackBody(body))),
  );
}

/**
 * What became of a member, parameter or enumerator: each version of the definitions of that name, with the part or
 * without it. Empty when no kernel has a definition of that name that can have parts.
 *
 * @param path `sk_wmem_queued`, or through members whose type has no name `sk_backlog.len`
 */
export function historyOfField(
  rows: Rows,
  name: string,
  path: string,
  kind?: DefinitionKind,
): readonly FieldVersion[] {
  const versions = versionsOf(rows, name, kind).flatMap((one) => {
    const parts = partsOf(one.definition);
    return parts.length > 0 || one.kind === 'struct' ? [{ one, parts }] : [];
  });
  const having = versions.filter(({ parts }) => parts.some((part) => part.path === path));
  return versions.map(({ one, parts }) => {
    const part = parts.find((candidate) => candidate.path === path);
    const nearest = part === undefined ? nearestTo(one, having) : undefined;
    const renamed = nearest === undefined ? [] : renamedTo(path, nearest.parts, parts);
    const { id, kind, name, definition, runs } = one;
    return { id, kind, name, definition, runs, part, renamed };
  });
}

/**
 * The names whose definitions differ between two kernels, sorted by kind and name.
 * Within a series only what changed from kernel to kernel is read; otherwise all names and runs are.
 */
export function diffKernels(
  rows: Rows,
  first: ExplorerKernel,
  second: ExplorerKernel,
): readonly NameChange[] {
  const [a, b] = [positionOf(first), positionOf(second)];
  if (a === b) return [];
  if (a > b) return diffKernels(rows, second, first).map(reversed);
  return first.series === second.series ? diffInSeries(rows, a, b) : diffOfAll(rows, a, b);
}

function diffInSeries(rows: Rows, a: number, b: number): readonly NameChange[] {
  const found = rows(
    'SELECT kind, name, before, after FROM change WHERE position > ? AND position <= ? ORDER BY position',
    [a, b],
  );
  const changes = new Map<string, { kind: number; name: string; before: string; after: string }>();
  for (const row of found) {
    const [kind, name, after] = [number(row.kind), string(row.name), string(row.after)];
    const known = changes.get(`${kind} ${name}`);
    if (known === undefined) {
      changes.set(`${kind} ${name}`, { kind, name, before: string(row.before), after });
    } else known.after = after;
  }
  return [...changes.values()]
    .filter(({ before, after }) => before !== after)
    .sort((one, two) => one.kind - two.kind || (one.name < two.name ? -1 : 1))
    .map(({ kind, name, before, after }) => nameChange(kind, name, idsOf(before), idsOf(after)));
}

function diffOfAll(rows: Rows, a: number, b: number): readonly NameChange[] {
  const held = rows(
    `SELECT definition, first <= ?1 AND last >= ?1 AS before, first <= ?2 AND last >= ?2 AS after FROM run
     WHERE (first <= ?1 AND last >= ?1) OR (first <= ?2 AND last >= ?2) ORDER BY definition, first`,
    [a, b],
  );
  const names = rows('SELECT kind, name, first, count FROM name ORDER BY first');
  const changes: NameChange[] = [];
  let at = 0;
  for (const row of names) {
    const end = number(row.first) + number(row.count);
    const before = new Set<number>();
    const after = new Set<number>();
    for (; at < held.length; at++) {
      const one = held[at] as Row;
      const id = number(one.definition);
      if (id >= end) break;
      if (one.before === 1) before.add(id);
      if (one.after === 1) after.add(id);
    }
    if (before.size === after.size && [...before].every((id) => after.has(id))) continue;
    changes.push(nameChange(number(row.kind), string(row.name), [...before], [...after]));
  }
  const order = (kind: DefinitionKind) => DEFINITION_KINDS.indexOf(kind);
  return changes.sort(
    (one, two) => order(one.kind) - order(two.kind) || (one.name < two.name ? -1 : 1),
  );
}

/** The kernels of some runs, in their order. */
export function kernelsOfRuns(
  kernels: readonly ExplorerKernel[],
  runs: readonly Run[],
): readonly ExplorerKernel[] {
  return kernels.filter(({ position }) => position !== undefined && isInRuns(runs, position));
}

/** Kernels of one series that follow each other. */
export interface SeriesRange {
  readonly first: ExplorerKernel;
  readonly last: ExplorerKernel;
  readonly count: number;
}

/** The kernels of some runs as ranges, each within one series. `kernels` are in the order of their positions. */
export function rangesOfRuns(
  kernels: readonly ExplorerKernel[],
  runs: readonly Run[],
): readonly SeriesRange[] {
  const ranges: SeriesRange[] = [];
  let open: SeriesRange | undefined;
  for (const kernel of kernels) {
    if (kernel.position === undefined) continue;
    if (!isInRuns(runs, kernel.position)) {
      open = undefined;
      continue;
    }
    if (open === undefined || open.first.series !== kernel.series) {
      open = { first: kernel, last: kernel, count: 1 };
      ranges.push(open);
    } else {
      open = { first: open.first, last: kernel, count: open.count + 1 };
      ranges[ranges.length - 1] = open;
    }
  }
  return ranges;
}

export function isInRuns(runs: readonly Run[], position: number): boolean {
  return runs.some(([first, last]) => first <= position && position <= last);
}

function nameChange(
  kind: number,
  name: string,
  before: readonly number[],
  after: readonly number[],
) {
  const change = before.length === 0 ? 'added' : after.length === 0 ? 'removed' : 'changed';
  return { kind: kindOf(kind), name, change, before, after } satisfies NameChange;
}

function reversed({ kind, name, change, before, after }: NameChange): NameChange {
  const opposite = { added: 'removed', removed: 'added', changed: 'changed' } as const;
  return { kind, name, change: opposite[change], before: after, after: before };
}

function idsOf(text: string): readonly number[] {
  return text === '' ? [] : text.split(' ').map(Number);
}

function positionOf({ position, uname }: ExplorerKernel): number {
  if (position === undefined) throw new RangeError(`${uname} has no BTF in the database`);
  return position;
}

/** The version whose kernels stand nearest to those of another. */
function nearestTo<Candidate extends { readonly one: DefinitionVersion }>(
  version: DefinitionVersion,
  candidates: readonly Candidate[],
): Candidate | undefined {
  let nearest: Candidate | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = distanceOf(version.runs, candidate.one.runs);
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

function distanceOf(one: readonly Run[], two: readonly Run[]): number {
  const gaps = one.flatMap(([first, last]) =>
    two.map(([otherFirst, otherLast]) => Math.max(otherFirst - last, first - otherLast, 0)),
  );
  return Math.min(...gaps, Number.MAX_SAFE_INTEGER);
}

function runsOf(rows: Rows, first: number, last: number): ReadonlyMap<number, readonly Run[]> {
  const runs = new Map<number, Run[]>();
  const found = rows(
    'SELECT definition, first, last FROM run WHERE definition BETWEEN ? AND ? ORDER BY definition, first',
    [first, last],
  );
  for (const row of found) {
    const id = number(row.definition);
    const known = runs.get(id);
    const run: Run = [number(row.first), number(row.last)];
    if (known === undefined) runs.set(id, [run]);
    else known.push(run);
  }
  return runs;
}

function bodies(rows: Rows, first: number, last: number) {
  return rows('SELECT id, body FROM definition WHERE id BETWEEN ? AND ? ORDER BY id', [
    first,
    last,
  ]).map((row) => ({ id: number(row.id), body: row.body as SqlValue }));
}

function version(
  id: number,
  kind: DefinitionKind,
  name: string,
  body: SqlValue,
  runs: readonly Run[],
): DefinitionVersion {
  const definition = parseDefinition(kind, name, unpackBody(body));
  return { id, kind, name, definition, runs };
}

function kindOf(value: SqlValue | undefined): DefinitionKind {
  return DEFINITION_KINDS[number(value)] ?? 'struct';
}

function number(value: SqlValue | undefined): number {
  return Number(value);
}

function string(value: SqlValue | undefined): string {
  return String(value);
}

function optional<Value>(
  value: SqlValue | undefined,
  read: (value: SqlValue) => Value,
): Value | undefined {
  return value === null || value === undefined ? undefined : read(value);
}
