import type { DefinitionKind } from '../../explorer/definition.ts';
import { type Part, partsOf } from '../../explorer/parts.ts';
import {
  completeName,
  type DefinitionVersion,
  type ExplorerKernel,
  type FieldVersion,
  historyOfField,
  kernelsOfRuns,
  type Run,
  rangesOfRuns,
  type SeriesRange,
  versionsOf,
} from '../../explorer/queries.ts';
import { renderText } from '../../explorer/render.ts';
import { Failure } from '../../failure.ts';
import { noMatch } from '../../sources/nearest.ts';
import { changedLines } from './diff.ts';
import type { Explorer } from './explorer.ts';

/** What is asked for: `task_struct`, or with a member, parameter or enumerator `task_struct.state`. */
export interface HistoryRequest {
  readonly name: string;
  readonly field: string | undefined;
  readonly kind: DefinitionKind | undefined;
}

export interface History {
  readonly name: string;
  readonly field: string | undefined;
  /** By the first kernel that has each. */
  readonly versions: readonly HistoryVersion[];
  /** `uname -r` of selected kernels that have no definition of that name. */
  readonly without: readonly string[];
  /** Whether every selected kernel has what was asked for. */
  readonly everywhere: boolean;
}

export interface HistoryVersion {
  readonly kind: DefinitionKind;
  /** C, with offsets and sizes; of a field that is the same in several versions, the first of them. */
  readonly text: string;
  /** Lines that differ from the version before of the same kind; empty for the first. */
  readonly lines: readonly string[];
  readonly kernels: readonly string[];
  readonly ranges: readonly HistoryRange[];
  /** The field in this version; undefined where it is missing, or none was asked for. */
  readonly part: Part | undefined;
  /** Where the field is missing: what it may be called, the likeliest first. */
  readonly renamed: readonly Part[];
}

/** Kernels of one series that follow each other. */
export interface HistoryRange {
  readonly versionId: string;
  readonly arch: string;
  readonly first: string;
  readonly last: string;
  readonly count: number;
}

/** Splits `task_struct.state` at the first full stop that is followed by something. */
export function parseSubject(subject: string): { name: string; field: string | undefined } {
  const match = /^(\.?[^.]+)\.(.+)$/s.exec(subject);
  return match === null
    ? { name: subject, field: undefined }
    : { name: match[1] as string, field: match[2] };
}

/** Throws `not-found` where no selected kernel has a definition or a field of that name. */
export function historyOf(explorer: Explorer, request: HistoryRequest): History {
  const { rows, kernels } = explorer;
  const { name, field, kind } = request;
  const isSelected = ({ runs }: DefinitionVersion) => kernelsOfRuns(kernels, runs).length > 0;
  if (field === undefined) {
    const found = versionsOf(rows, name, kind).filter(isSelected);
    if (found.length === 0) throw unknownName(explorer, name, kind);
    const having = kernelsOfRuns(kernels, runsOfAll(found));
    const versions = found.map((one, index) => {
      const before = found.slice(0, index).findLast((other) => other.kind === one.kind);
      return describeVersion(kernels, one, before, undefined, []);
    });
    return historyWith(explorer, request, versions, having, having);
  }
  const found = historyOfField(rows, name, field, kind).filter(isSelected);
  if (found.length === 0) throw unknownName(explorer, name, kind);
  const present = found.filter(({ part }) => part !== undefined);
  if (present.length === 0) throw unknownField(name, field, found);
  const versions = equalFields(found).map((group) => {
    const [first] = group;
    const { id, kind, name, definition } = first;
    const one = { id, kind, name, definition, runs: runsOfAll(group) };
    return describeVersion(kernels, one, undefined, first.part, first.renamed);
  });
  const having = kernelsOfRuns(kernels, runsOfAll(found));
  return historyWith(
    explorer,
    request,
    versions,
    having,
    kernelsOfRuns(kernels, runsOfAll(present)),
  );
}

function historyWith(
  { kernels }: Explorer,
  { name, field }: HistoryRequest,
  versions: readonly HistoryVersion[],
  having: readonly ExplorerKernel[],
  complete: readonly ExplorerKernel[],
): History {
  return {
    name,
    field,
    versions,
    without: kernels.filter((kernel) => !having.includes(kernel)).map(({ uname }) => uname),
    everywhere: complete.length === kernels.length,
  };
}

function runsOfAll(versions: readonly DefinitionVersion[]): readonly Run[] {
  return versions.flatMap(({ runs }) => runs);
}

/** Versions in which the field is the same, although the type around it is not. */
function equalFields(
  versions: readonly FieldVersion[],
): readonly [FieldVersion, ...FieldVersion[]][] {
  const groups = new Map<string, [FieldVersion, ...FieldVersion[]]>();
  for (const version of versions) {
    const parts = [version.part ?? null, ...version.renamed].map(partDocument);
    const key = JSON.stringify([version.kind, parts]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [version]);
    else group.push(version);
  }
  return [...groups.values()];
}

function describeVersion(
  kernels: readonly ExplorerKernel[],
  { kind, definition, runs }: DefinitionVersion,
  before: DefinitionVersion | undefined,
  part: Part | undefined,
  renamed: readonly Part[],
): HistoryVersion {
  return {
    kind,
    text: renderText(definition),
    lines: before === undefined ? [] : changedLines(before.definition, definition),
    kernels: kernelsOfRuns(kernels, runs).map(({ uname }) => uname),
    ranges: rangesOfRuns(kernels, runs).map(toRange),
    part,
    renamed,
  };
}

/** A part as JSON: values of enumerators can be larger than a number of JSON, and are text. */
export function partDocument(part: Part | null) {
  if (part?.kind !== 'enumerator') return part;
  return { kind: part.kind, path: part.path, value: `${part.value}` };
}

function toRange({ first, last, count }: SeriesRange): HistoryRange {
  const { versionId, arch } = first;
  return { versionId, arch, first: first.uname, last: last.uname, count };
}

/** Names that begin alike are compared with the one that was asked for. */
const MOST_SIMILAR = 2000;

function unknownName(
  { rows, kernels }: Explorer,
  name: string,
  kind: DefinitionKind | undefined,
): Failure {
  const what = kind === undefined ? 'definition' : kind;
  const similar = completeName(rows, name.slice(0, 3), MOST_SIMILAR).map((one) => one.name);
  if (similar.length > 0)
    return noMatch(`Among ${kernels.length} kernels, the ${what}`, name, similar);
  return new Failure(
    'not-found',
    `None of ${kernels.length} kernels has a ${what} '${name}'.`,
    'Give the name without the word struct, union or enum in front.',
  );
}

function unknownField(
  name: string,
  field: string,
  versions: readonly DefinitionVersion[],
): Failure {
  const paths = versions.flatMap(({ definition }) => partsOf(definition).map(({ path }) => path));
  return noMatch(`In ${name}, the field`, field, paths);
}
