import { basename, isAbsolute, relative } from 'node:path';
import type { CheckReport, MissingOnKernels, ObjectOnLine } from '../jobs/check.ts';
import { type Column, markdownTable, textTable } from '../report/table.ts';
import type { SourcePosition } from '../verifier/verdict.ts';
import type { Annotation } from './command.ts';

/** One missing thing of one object, with all lines of kernels that do not have it. */
interface Finding {
  readonly object: string;
  readonly missing: MissingOnKernels;
  readonly lines: readonly { readonly line: ObjectOnLine; readonly missing: MissingOnKernels }[];
}

const COLUMNS: readonly Column[] = [
  { title: 'OBJECT' },
  { title: 'KERNELS' },
  { title: 'GOOD', align: 'right' },
];

/** The report as lines of text. */
export function describeCheck(report: CheckReport): string {
  const findings = findingsOf(report);
  const blocks = findings.map((finding) => `\n${describeFinding(finding)}`);
  const notes = notChecked(report).map((one) => `Not checked: ${one}.\n`);
  const separator = notes.length > 0 ? '\n' : '';
  const unread = report.unread.map(({ kernel, error }) => `${kernel}: ${error.message}\n`);
  return [textTable(COLUMNS, rowsOf(report)), ...blocks, separator, ...notes, ...unread].join('');
}

/** The report as Markdown, for a step summary. */
export function summariseCheck(report: CheckReport): string {
  const findings = findingsOf(report).map((finding) => [
    finding.object,
    finding.missing.what,
    detailOf(finding.missing),
    finding.missing.sources.map((source) => placeOf(source)).join(', '),
    onKernels(finding).join('; '),
  ]);
  const columns = ['Object', 'Missing', 'Why', 'Source', 'On'].map((title) => ({ title }));
  const notes = notChecked(report).map((one) => [one]);
  return [
    '### btfhub check\n\n',
    markdownTable(
      COLUMNS.map((column) => ({ ...column, title: capitalised(column.title) })),
      rowsOf(report),
    ),
    findings.length > 0 ? `\n${markdownTable(columns, findings)}` : '',
    notes.length > 0 ? `\n${markdownTable([{ title: 'Not checked' }], notes)}` : '',
  ].join('');
}

/**
 * An error annotation for each thing for which an object does not load, on the source lines that
 * need it.
 *
 * @param workspace the folder of the checked out repository; files in it are named from there
 */
export function annotateCheck(
  report: CheckReport,
  workspace: string | undefined,
): readonly Annotation[] {
  const missing = findingsOf(report)
    .filter((finding) => finding.missing.when === 'always')
    .flatMap((finding): Annotation[] => {
      const { what, hint, sources } = finding.missing;
      const title = `${finding.object}: ${what}`;
      const kernels = onKernels(finding).join('; ');
      const message = `${detailOf(finding.missing)}. On ${kernels}. ${hint}`;
      if (sources.length === 0) return [{ title, message }];
      return sources.map((source) => {
        const { line, column } = source;
        return { title, message, source: { file: pathFrom(workspace, source.file), line, column } };
      });
    });
  const unread = report.unread.map(({ kernel, error }) => ({
    title: kernel,
    message: error.message,
  }));
  return [...missing, ...unread];
}

function capitalised(title: string): string {
  return `${title.charAt(0)}${title.slice(1).toLowerCase()}`;
}

/** One row for all lines on which an object loads, and one for each other line. */
function rowsOf({ results }: CheckReport): string[][] {
  return objectsOf(results).flatMap(({ name, lines }) => {
    const good = lines.filter((line) => line.good === line.kernels);
    const count = good.reduce((sum, { kernels }) => sum + kernels, 0);
    const title = good.length === 1 ? (good[0]?.line ?? '') : `${good.length} lines`;
    const first = good.length > 0 ? [[name, title, `${count} of ${count}`]] : [];
    const others = lines
      .filter((line) => line.good !== line.kernels)
      .map((line) => [name, line.line, `${line.good} of ${line.kernels}`]);
    return [...first, ...others];
  });
}

function objectsOf(results: CheckReport['results']) {
  const objects = [...new Set(results.map(({ object }) => object))];
  return objects.map((object) => ({
    name: basename(object),
    lines: results.filter((result) => result.object === object),
  }));
}

function findingsOf({ results }: CheckReport): readonly Finding[] {
  return objectsOf(results).flatMap(({ name, lines }) => {
    const findings = new Map<string, { missing: MissingOnKernels; lines: Finding['lines'][0][] }>();
    for (const line of lines) {
      for (const missing of line.missing) {
        const { what, why, when, wanted, found } = missing;
        const key = JSON.stringify([what, why, when, wanted, found]);
        const entry = findings.get(key) ?? { missing, lines: [] };
        entry.lines.push({ line, missing });
        findings.set(key, entry);
      }
    }
    return [...findings.values()].map((one) => ({ object: name, ...one }));
  });
}

function describeFinding(finding: Finding): string {
  const { object, missing } = finding;
  const { what, sources, wanted, found, functions, hint, when } = missing;
  const quotes = sources.map((source) => {
    const text = source.text.trim();
    return `  at ${placeOf(source)}${text === '' ? '' : `\n     ${text}`}\n`;
  });
  const types = [
    ...(wanted === undefined ? [] : [`  the program has ${wanted}\n`]),
    ...(found === undefined ? [] : [`  the kernel has  ${found}\n`]),
  ];
  const optional = when === 'optional' ? ' (optional)' : '';
  return [
    `${object}: ${what}: ${missing.detail}${optional}\n`,
    ...quotes,
    ...types,
    ...(functions.join('') === '' ? [] : [`  in ${functions.join(', ')}\n`]),
    ...onKernels(finding).map((line) => `  on ${line}\n`),
    `  hint: ${hint}\n`,
  ].join('');
}

/** Why it is missing, with the types in one sentence. */
function detailOf({ detail, wanted, found, when }: MissingOnKernels): string {
  const types =
    wanted === undefined || found === undefined
      ? ''
      : `; the program has ${wanted}, the kernel has ${found}`;
  return `${detail}${types}${when === 'optional' ? ' (optional)' : ''}`;
}

/** `22.03 x86_64 5.10.0-60: 5.10.0-60.3.0 to 5.10.0-60.9.0 (7 of 60)`, one for each line of kernels. */
function onKernels({ lines }: Finding): readonly string[] {
  return lines.map(({ line, missing }) => {
    const count = missing.kernels.length;
    if (line.kernels === 1) return line.line;
    if (count === line.kernels) return `${line.line}: all ${count}`;
    const ranges = missing.ranges.map(({ first, last }) =>
      first === last ? first : `${first} to ${last}`,
    );
    return `${line.line}: ${ranges.join(', ')} (${count} of ${line.kernels})`;
  });
}

function placeOf({ file, line, column }: SourcePosition): string {
  return `${file}:${line}:${column}`;
}

/** What BTF cannot answer: that an object is good says nothing about these. */
function notChecked({ programs, ksyms }: CheckReport): readonly string[] {
  return [
    ...programs
      .filter(({ attach }) => attach === 'not-checked')
      .map((one) => `${basename(one.object)}: ${one.function}: the target of ${one.section}`),
    ...ksyms
      .filter(({ lookup }) => lookup === 'not-checked')
      .map(({ object, name }) => `${basename(object)}: the kernel symbol '${name}' without a type`),
  ];
}

/** Hosts show an annotation on a file only when its path is from the repository's root. */
function pathFrom(workspace: string | undefined, file: string): string {
  if (workspace === undefined || !isAbsolute(file)) return file;
  const path = relative(workspace, file);
  return path.startsWith('..') ? file : path;
}
