import { PlanDocument } from '../documents/plan.ts';
import { type Matrix, MOST_JOBS, makeMatrix } from '../jobs/plan/matrix.ts';
import type { Counts, Plan, PlanRow, Price } from '../jobs/plan/plan.ts';
import { openProgress } from '../report/open.ts';
import { type Column, markdownTable, textTable } from '../report/table.ts';
import { bytes, counted } from '../report/units.ts';
import { builtInDistributions, type Distribution } from '../sources/choose.ts';
import { METHODS, type Method } from '../sources/kernels.ts';
import { defineCommand, flag, number, type Outcome } from './command.ts';
import { planOptions, toPlan } from './plan-options.ts';

export const plan = defineCommand({
  name: 'plan',
  summary: 'compare what is published with what the archive has',
  description:
    'Reads the repositories of every release, compares them with the archive, and lists the kernels to build. ' +
    'Kernels on the base branch or under review are not built again. Kernels that failed are retried after a wait ' +
    'that doubles each time; kernels without vmlinux only after their package changes. ' +
    "With --json it prints the plan, which 'btfhub build --plan' reads; with --matrix the jobs that divide the work.",
  options: {
    ...planOptions,
    matrix: flag("print the jobs of a workflow's matrix as JSON instead of the table"),
    listDistributions: flag('only print the distributions that --distribution knows'),
    maxJobs: number('<number>', 'largest number of jobs in the matrix', {
      default: 20,
      least: 1,
      most: MOST_JOBS,
    }),
  },
  examples: [
    'btfhub plan',
    'btfhub plan --release 24.03-LTS-SP1 --arch x86_64 --archive https://atomgit.com/openeuler/btfhub-archive.git',
    'btfhub plan --archive ../btfhub-archive --limit 6h --matrix --max-jobs 10',
  ],
  document: PlanDocument,
  run: async (platform, options): Promise<Outcome<typeof PlanDocument>> => {
    if (options.listDistributions) return listDistributions();
    const made = await toPlan(platform, options, openProgress(platform));
    const matrix = makeMatrix(made.kernels, options.maxJobs ?? MOST_JOBS);
    const { include, count } = matrix;
    return {
      status: made.troubles.length > 0 ? 1 : 0,
      document: options.matrix ? matrix : made,
      text: options.matrix ? `${JSON.stringify(matrix)}\n` : asText(made),
      outputs: {
        matrix: JSON.stringify({ include }),
        count: `${count}`,
        kernels: `${count - made.total.modulesAlone}`,
        modules: `${made.kernels.filter(({ modules }) => modules !== undefined).length}`,
      },
      summary: asMarkdown(made, matrix),
      failures: made.troubles.map(({ where, message }) => ({ title: where, message })),
    };
  },
});

/** The source files that come with the program; those that are not confirmed are marked. */
function listDistributions(): Outcome<typeof PlanDocument> {
  // openEuler first, then those that are offered by name.
  const rank = ({ key, source }: Distribution) =>
    key === 'openEuler' ? 0 : source.status === 'confirmed' ? 1 : 2;
  const sorted = builtInDistributions().toSorted((one, two) => rank(one) - rank(two));
  const distributions = sorted.map(({ key, source }) => ({
    key,
    id: source.id,
    name: source.name ?? source.id,
    status: source.status,
    mirrors: source.mirrors,
    flavours: Object.keys(source.flavours),
  }));
  const columns = ['distribution', 'ID', 'name', 'status', 'flavours'].map((title) => ({ title }));
  const lines = distributions.map(({ key, id, name, status, flavours }) => [
    status === 'confirmed' ? key : '',
    id,
    name,
    status,
    flavours.join(' '),
  ]);
  return {
    status: 0,
    document: { distributions },
    text: `${textTable(columns, lines)}\nWhat is unconfirmed is not offered by name: review sources/<ID>.yaml and give it with --sources.\n`,
  };
}

type Cell = readonly [title: string, value: (counts: Counts) => string | number];

const CELLS: readonly Cell[] = [
  ['published', ({ published }) => published],
  ['archived', ({ archived }) => archived],
  ['pending', ({ pending }) => pending],
  ['failed', ({ failed }) => failed],
  ['embedded', ({ embedded }) => embedded],
  ['later', ({ later }) => later],
  ['to build', ({ build }) => build],
  ['download', (counts) => bytes(counts.bytes)],
];

/** Columns that are left out while their count is 0. */
const OCCASIONAL: Readonly<Record<string, keyof Counts>> = { embedded: 'embedded', later: 'later' };

function tableOf({ rows, total }: Plan): { columns: Column[]; lines: string[][] } {
  const cells = CELLS.filter(([title]) => {
    const occasional = OCCASIONAL[title];
    return occasional === undefined || total[occasional] > 0;
  });
  const line = (name: string, arch: string, counts: Counts) => [
    ...[name, arch],
    ...cells.map(([, value]) => `${value(counts)}`),
  ];
  return {
    columns: [
      ...[{ title: 'release' }, { title: 'arch' }],
      ...cells.map(([title]) => ({ title, align: 'right' as const })),
    ],
    lines: [
      ...rows.map((row: PlanRow) => line(row.release, row.arch, row)),
      line('all', '', total),
    ],
  };
}

function asText(made: Plan): string {
  const { columns, lines } = tableOf(made);
  const troubles = made.troubles.map(({ where, message }) => `${where}: ${message}\n`);
  const heading = troubles.length > 0 ? '\nCould not be read or found:\n' : '';
  return [textTable(columns, lines), heading, ...troubles, `\n${conclusion(made)}\n`].join('');
}

function asMarkdown(made: Plan, { include }: Matrix): string {
  const { columns, lines } = tableOf(made);
  const jobs = include.length > 0 ? ` The matrix has ${counted(include.length, 'job')}.` : '';
  const troubles = made.troubles.map(({ where, message }) => [where, message]);
  const broken =
    troubles.length > 0
      ? `\n${markdownTable([{ title: 'could not be read or found' }, { title: 'why' }], troubles)}`
      : '';
  return `### Plan: ${conclusion(made)}${jobs}\n\n${markdownTable(columns, lines)}${broken}`;
}

function conclusion({ total, kernels, prices }: Plan): string {
  if (kernels.length === 0) return 'Nothing is to be built.';
  const rest = total.later > 0 ? `, and ${total.later} more are left for later` : '';
  const verb = kernels.length === 1 ? 'is' : 'are';
  const alone = total.modulesAlone > 0 ? ` (${total.modulesAlone} for their modules alone)` : '';
  const sentence = `${counted(kernels.length, 'kernel')} ${verb} to be built${alone}, from ${bytes(total.bytes)} of packages${rest}.`;
  const both = METHODS.map((method) => priceOf(method, prices[method])).join('; ');
  return `${sentence} ${both}.`;
}

/** What a method costs for the kernels whose package it needs is published. */
function priceOf(method: Method, { kernels, bytes: size, seconds }: Price): string {
  const minutes = Math.max(1, Math.round(seconds / 60));
  return `--method ${method}: ${kernels} kernels, ${bytes(size)}, about ${minutes} min`;
}
