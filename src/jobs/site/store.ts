import { isPackedAsText, type PackedBody, packBody, unpackBody } from '../../explorer/body.ts';
import type { CollectedDefinition } from '../../explorer/collect.ts';
import { DEFINITION_KINDS } from '../../explorer/definition.ts';
import type { Rows, SqlValue } from '../../explorer/port.ts';
import { sha256 } from '../../sha256.ts';
import type { TableRows } from './sqlite.ts';

/**
 * All definitions of all kernels in memory, each once with the positions of the kernels that have it. Definitions
 * and kernels can come in any order: what is written depends only on what was added.
 */
export class DefinitionStore {
  /** By the number of the kind, and the name. */
  #names: readonly Map<string, StoredName>[] = DEFINITION_KINDS.map(() => new Map());

  /** Adds a definition of the kernel at a position; the same one again changes nothing. */
  add(position: number, { kind, name, body }: CollectedDefinition): void {
    const { versions } = this.#nameOf(DEFINITION_KINDS.indexOf(kind), name);
    const known = findVersion(versions, body);
    if (known !== undefined) addPosition(known.runs, position);
    else versions.push({ body: packBody(body), sum: undefined, runs: [position, position] });
  }

  /** Adds what a database has. */
  load(rows: Rows): void {
    const runs = new Map<number, number[]>();
    for (const row of rows('SELECT definition, first, last FROM run ORDER BY definition, first')) {
      const [id, first, last] = [Number(row.definition), Number(row.first), Number(row.last)];
      const known = runs.get(id);
      if (known === undefined) runs.set(id, [first, last]);
      else known.push(first, last);
    }
    const bodies = rows('SELECT id, body FROM definition ORDER BY id');
    for (const row of rows('SELECT name, kind, first, count FROM name ORDER BY first')) {
      const { versions } = this.#nameOf(Number(row.kind), String(row.name));
      const [first, count] = [Number(row.first), Number(row.count)];
      for (let id = first; id < first + count; id++) {
        const body = bodies[id - 1]?.body as PackedBody;
        versions.push({ body, sum: undefined, runs: runs.get(id) ?? [] });
      }
    }
  }

  /**
   * Gives every kernel another position, in the same order.
   * @param positions the new position by the old one; undefined takes the kernel away
   */
  move(positions: readonly (number | undefined)[]): void {
    if (positions.every((position, old) => position === old)) return;
    this.#names = this.#names.map((names) => {
      const moved = new Map<string, StoredName>();
      for (const { kind, name, versions } of names.values()) {
        const kept = versions
          .map(({ body, sum, runs }) => ({ body, sum, runs: moveRuns(runs, positions) }))
          .filter(({ runs }) => runs.length > 0);
        if (kept.length > 0) moved.set(name, { kind, name, versions: kept });
      }
      return moved;
    });
  }

  /** Number of different definitions. */
  get size(): number {
    let size = 0;
    for (const { versions } of this.#all()) size += versions.length;
    return size;
  }

  /**
   * The rows of the tables `name`, `definition`, `run` and `change`.
   * @param series the series of the kernel at each position
   */
  tables(series: readonly number[]): readonly TableRows[] {
    const names = [...this.#all()].sort(compareNames).map(({ kind, name, versions }) => ({
      kind,
      name,
      versions: versions.toSorted(compareStored),
    }));
    const definitions = names.flatMap(({ versions }) => versions);
    return [
      { table: 'name', columns: 4, rows: nameRows(names) },
      { table: 'definition', columns: 2, rows: definitionRows(definitions) },
      { table: 'run', columns: 3, rows: runRows(definitions) },
      { table: 'change', columns: 5, rows: changeRows(names, series) },
    ];
  }

  *#all(): Generator<StoredName> {
    for (const names of this.#names) yield* names.values();
  }

  #nameOf(kind: number, name: string): StoredName {
    const names = this.#names[kind];
    if (names === undefined) throw new RangeError(`there is no kind ${kind}`);
    const known = names.get(name);
    if (known !== undefined) return known;
    const stored: StoredName = { kind, name, versions: [] };
    names.set(name, stored);
    return stored;
  }
}

interface StoredName {
  /** The number of the kind. */
  readonly kind: number;
  readonly name: string;
  readonly versions: StoredVersion[];
}

interface StoredVersion {
  readonly body: PackedBody;
  /** SHA-256 of the text of a deflated body; made when it is first compared. */
  sum: string | undefined;
  /** Positions in ascending order: first and last of a run, first and last of the next. */
  readonly runs: number[];
}

function findVersion(versions: readonly StoredVersion[], body: string): StoredVersion | undefined {
  if (isPackedAsText(body)) return versions.find((one) => one.body === body);
  const candidates = versions.filter((one) => typeof one.body !== 'string');
  if (candidates.length === 0) return undefined;
  const sum = sha256(body);
  return candidates.find((one) => {
    one.sum ??= sha256(unpackBody(one.body));
    return one.sum === sum;
  });
}

/** Adds one position to runs, and joins those that meet. */
function addPosition(runs: number[], position: number): void {
  let at = 0;
  while (at < runs.length && (runs[at] as number) <= position) at += 2;
  // The run before `at` begins at the position or before it; the one at `at` begins behind it.
  const end = runs[at - 1];
  if (end !== undefined && end >= position) return;
  const touchesBefore = end === position - 1;
  const touchesAfter = runs[at] === position + 1;
  if (touchesBefore && touchesAfter) runs.splice(at - 1, 2);
  else if (touchesBefore) runs[at - 1] = position;
  else if (touchesAfter) runs[at] = position;
  else runs.splice(at, 0, position, position);
}

function moveRuns(runs: readonly number[], positions: readonly (number | undefined)[]): number[] {
  const moved: number[] = [];
  for (let at = 0; at < runs.length; at += 2) {
    for (let old = runs[at] as number; old <= (runs[at + 1] as number); old++) {
      const position = positions[old];
      if (position === undefined) continue;
      if (moved.at(-1) === position - 1) moved[moved.length - 1] = position;
      else moved.push(position, position);
    }
  }
  return moved;
}

/** SQLite compares texts by their bytes in UTF-8, which is the order of code points. */
function compareNames(one: StoredName, two: StoredName): number {
  if (one.name === two.name) return one.kind - two.kind;
  return compareText(one.name, two.name);
}

/** Code units and code points have the same order where there are no surrogates. */
const SURROGATE = /[\ud800-\udfff]/;

function compareText(one: string, two: string): number {
  if (SURROGATE.test(one) || SURROGATE.test(two)) {
    return Buffer.compare(Buffer.from(one), Buffer.from(two));
  }
  return one < two ? -1 : one > two ? 1 : 0;
}

/** By the first kernels; those that begin with the same kernel, by what they are. */
function compareStored(one: StoredVersion, two: StoredVersion): number {
  for (let at = 0; at < one.runs.length && at < two.runs.length; at++) {
    const difference = (one.runs[at] as number) - (two.runs[at] as number);
    if (difference !== 0) return difference;
  }
  if (one.runs.length !== two.runs.length) return one.runs.length - two.runs.length;
  return compareText(unpackBody(one.body), unpackBody(two.body));
}

function* nameRows(names: readonly StoredName[]): Generator<readonly SqlValue[]> {
  let first = 1;
  for (const { name, kind, versions } of names) {
    yield [name, kind, first, versions.length];
    first += versions.length;
  }
}

function* definitionRows(definitions: readonly StoredVersion[]): Generator<readonly SqlValue[]> {
  for (const [index, { body }] of definitions.entries()) yield [index + 1, body];
}

function* runRows(definitions: readonly StoredVersion[]): Generator<readonly SqlValue[]> {
  for (const [index, { runs }] of definitions.entries()) {
    for (let at = 0; at < runs.length; at += 2) {
      yield [index + 1, runs[at] as number, runs[at + 1] as number];
    }
  }
}

/** What each kernel changed against the one before it in its series, in the order of positions. */
function changeRows(
  names: readonly StoredName[],
  series: readonly number[],
): readonly (readonly SqlValue[])[] {
  const changes: (readonly [number, number, string, string, string])[] = [];
  let first = 1;
  for (const { kind, name, versions } of names) {
    for (const position of changedAt(versions, series)) {
      const before = idsAt(versions, first, position - 1);
      const after = idsAt(versions, first, position);
      changes.push([position, kind, name, before, after]);
    }
    first += versions.length;
  }
  // Names are in order already, and sorting keeps it.
  return changes.sort((one, two) => one[0] - two[0] || one[1] - two[1]);
}

/** Where a run begins or has just ended, except at the beginning of a series. */
function changedAt(
  versions: readonly StoredVersion[],
  series: readonly number[],
): ReadonlySet<number> {
  const positions = new Set<number>();
  for (const { runs } of versions) {
    for (const [index, edge] of runs.entries()) {
      const position = index % 2 === 0 ? edge : edge + 1;
      const own = series[position];
      if (own !== undefined && own === series[position - 1]) positions.add(position);
    }
  }
  return positions;
}

function idsAt(versions: readonly StoredVersion[], first: number, position: number): string {
  const ids: number[] = [];
  for (const [index, { runs }] of versions.entries()) {
    for (let at = 0; at < runs.length; at += 2) {
      if ((runs[at] as number) <= position && position <= (runs[at + 1] as number)) {
        ids.push(first + index);
      }
    }
  }
  return ids.join(' ');
}
