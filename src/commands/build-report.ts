import type { KernelRecord } from '../archive/record.ts';
import type { BuildDocument } from '../documents/build.ts';
import type { KernelResult } from '../jobs/make-btf/build-kernels.ts';
import type { PlanProblem } from '../jobs/plan/plan.ts';
import { markdownTable, textTable } from '../report/table.ts';
import { bytes, counted, seconds } from '../report/units.ts';
import type { Outcome } from './command.ts';

const COLUMNS = [
  { title: 'kernel' },
  { title: 'result' },
  { title: 'time', align: 'right' },
  { title: 'method' },
  { title: 'read', align: 'right' },
  { title: 'BTF', align: 'right' },
  { title: 'packed', align: 'right' },
] as const;

/**
 * The report of a build: a table row for each kernel, and the records as JSON. `notTried`: kernels that were left
 * out because the network failed for those before them.
 */
export function buildOutcome(
  results: readonly KernelResult[],
  notTried: number,
  problems: readonly PlanProblem[],
  output: string,
): Outcome<typeof BuildDocument> {
  const count = (state: KernelResult['state']) =>
    results.filter((result) => result.state === state).length;
  const counts = { built: count('built'), failed: count('failed'), skipped: count('skipped') };
  const document = {
    ...counts,
    output,
    notTried,
    kernels: results.map(rowOfDocument),
    troubles: problems,
  };
  const rows = results.map(row);
  const sentence = describe({ ...counts, notTried }, problems.length, output);
  const failed = results.flatMap((result) => (result.state === 'failed' ? [result.record] : []));
  const lines = [
    ...failed.map(({ uname, message }) => `${uname}: ${message}\n`),
    ...problems.map(({ where, message }) => `${where}: ${message}\n`),
    ...results.flatMap(excludedModules).map((line) => `${line}\n`),
  ];
  return {
    status: counts.failed > 0 || problems.length > 0 ? 1 : 0,
    document,
    text: `${rows.length > 0 ? `${textTable(COLUMNS, rows)}\n` : ''}${lines.join('')}${sentence}\n`,
    outputs: {
      built: `${counts.built}`,
      failed: `${counts.failed}`,
      skipped: `${counts.skipped}`,
      output,
      report: JSON.stringify(document),
    },
    summary: `### BTF\n\n${rows.length > 0 ? `${markdownTable(COLUMNS, rows)}\n` : ''}${sentence}\n`,
    failures: [
      ...failed.map(({ uname, message }) => ({ title: uname, message })),
      ...problems.map(({ where, message }) => ({ title: where, message })),
    ],
  };
}

function rowOfDocument(result: KernelResult) {
  const { state, record, seconds: time } = result;
  if (state === 'failed') return { state, seconds: time, record };
  const { withModules } = result;
  return { state, seconds: time, record, withModules };
}

/** The modules that are not in the file with modules, and why. */
function excludedModules(result: KernelResult): string[] {
  const excluded = result.state === 'failed' ? [] : (result.withModules?.modules?.excluded ?? []);
  return excluded.map(({ name, why }) => `${result.record.uname}: without ${name}: ${why}`);
}

function row(result: KernelResult): string[] {
  const { record } = result;
  const time = result.state === 'skipped' ? '' : seconds(result.seconds);
  if (result.state === 'failed') return [record.uname, `failed: ${result.record.reason}`, time];
  const { method, btf, tarball } = result.record;
  const state = result.state === 'skipped' ? 'there already' : 'built';
  const read = bytes(bytesReadFor(result.record));
  return [record.uname, state, time, method, read, bytes(btf.size), bytes(tarball.size)];
}

/** Bytes of the package that were downloaded. */
function bytesReadFor(record: KernelRecord): number {
  return record.method === 'embedded' ? record.bootImage.bytesRead : record.package.size;
}

function describe(
  counts: Readonly<Record<'built' | 'failed' | 'skipped' | 'notTried', number>>,
  problems: number,
  output: string,
): string {
  const { built, failed, skipped, notTried } = counts;
  if (built + failed + skipped + problems === 0) return 'There is nothing to build.';
  const parts = [
    `${built} built`,
    ...(skipped > 0 ? [`${skipped} there already`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(notTried > 0 ? [`${notTried} not tried because the network failed`] : []),
    ...(problems > 0 ? [counted(problems, 'problem')] : []),
  ];
  return `${parts.join(', ')}; in ${output}.`;
}
