import {
  DEFINITION_KINDS,
  type Definition,
  type DefinitionKind,
} from '../../explorer/definition.ts';
import { compareLines, type LineDifference } from '../../explorer/difference.ts';
import {
  definitionsById,
  diffKernels,
  type ExplorerKernel,
  type NameChange,
} from '../../explorer/queries.ts';
import { renderText } from '../../explorer/render.ts';
import { Failure } from '../../failure.ts';
import { selector } from '../../sources/glob.ts';
import { noMatch } from '../../sources/nearest.ts';
import type { Explorer } from './explorer.ts';

export interface KernelDiff {
  readonly first: DiffedKernel;
  readonly second: DiffedKernel;
  /** Sorted by kind and name. */
  readonly changes: readonly DescribedChange[];
}

export type DiffedKernel = Pick<ExplorerKernel, 'distribution' | 'versionId' | 'arch' | 'uname'>;

export interface DescribedChange extends Pick<NameChange, 'kind' | 'name' | 'change'> {
  /** Only where texts were asked for. */
  readonly texts?: ChangedTexts;
}

export interface ChangedTexts {
  /** C text of the definitions that only the first kernel has, and of those that only the second has. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Lines that differ, with `-`, `+`, or `~` where only an offset or size does. */
  readonly lines: readonly string[];
}

export interface DiffRequest {
  /** `uname -r` of each, or a glob that selects one kernel. */
  readonly kernels: readonly [string, string];
  readonly kinds: readonly DefinitionKind[];
  /** Globs of names. */
  readonly names: readonly string[];
  /** Whether to read the definitions too. */
  readonly withTexts: boolean;
}

/** Compares two kernels. Throws `not-found` for a kernel that is not there, `usage` for an ambiguous name. */
export function diffOf({ rows, kernels }: Explorer, request: DiffRequest): KernelDiff {
  const first = findOne(kernels, request.kernels[0]);
  const second = findOne(kernels, request.kernels[1]);
  const isWantedName = selector(request.names);
  const kinds = new Set(request.kinds.length > 0 ? request.kinds : DEFINITION_KINDS);
  const changes = diffKernels(rows, first, second)
    .filter(({ kind, name }) => kinds.has(kind) && isWantedName(name))
    .map((one): DescribedChange => {
      const { kind, name, change } = one;
      if (!request.withTexts) return { kind, name, change };
      return { kind, name, change, texts: textsOf(rows, one) };
    });
  return { first: nameOf(first), second: nameOf(second), changes };
}

function nameOf({ distribution, versionId, arch, uname }: ExplorerKernel): DiffedKernel {
  return { distribution, versionId, arch, uname };
}

function findOne(kernels: readonly ExplorerKernel[], name: string): ExplorerKernel {
  const isWanted = selector([name]);
  const [found, ...others] = kernels.filter(({ uname }) => isWanted(uname));
  if (found === undefined) {
    throw noMatch(
      'The kernel',
      name,
      kernels.map(({ uname }) => uname),
    );
  }
  if (others.length === 0) return found;
  const names = [found, ...others]
    .slice(0, 5)
    .map(({ versionId, uname }) => `${versionId} ${uname}`);
  throw new Failure(
    'usage',
    `'${name}' is the name of ${others.length + 1} kernels: ${names.join(', ')}${others.length > 4 ? ', ...' : ''}.`,
    'Give the whole name, and --release or --arch where two have the same.',
  );
}

function textsOf(rows: Explorer['rows'], change: NameChange): ChangedTexts {
  const only = (ids: readonly number[], others: readonly number[]) => {
    const wanted = ids.filter((id) => !others.includes(id));
    return definitionsById(rows, change, wanted);
  };
  const before = only(change.before, change.after);
  const after = only(change.after, change.before);
  const [one, two] = [before[0], after[0]];
  const isPair = one !== undefined && two !== undefined && before.length + after.length === 2;
  const lines = isPair
    ? changedLines(one, two)
    : [
        ...before.flatMap((definition) => marked('-', renderText(definition))),
        ...after.flatMap((definition) => marked('+', renderText(definition))),
      ];
  return { before: before.map(renderText), after: after.map(renderText), lines };
}

/** The lines that differ between two definitions, each with its sign in front. */
export function changedLines(before: Definition, after: Definition): readonly string[] {
  return compareLines(before, after).flatMap(markedLine);
}

function markedLine(one: LineDifference): readonly string[] {
  switch (one.kind) {
    case 'same':
      return [];
    case 'moved':
      return [`~ ${lineText(one.after)}  was ${withoutGaps(one.before.note)}`];
    case 'removed':
      return [`- ${lineText(one.before)}`];
    case 'added':
      return [`+ ${lineText(one.after)}`];
  }
}

function lineText({ code, note }: { readonly code: string; readonly note: string }): string {
  const remark = note === '' ? '' : `/* ${withoutGaps(note)} */`;
  return [withoutGaps(code), remark].filter(Boolean).join(' ');
}

function withoutGaps(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

function marked(sign: string, text: string): readonly string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `${sign} ${line}`);
}
