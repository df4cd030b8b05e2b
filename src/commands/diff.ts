import { DiffDocument } from '../documents/explorer.ts';
import { DEFINITION_KINDS, type DefinitionKind } from '../explorer/definition.ts';
import { Failure } from '../failure.ts';
import { type DiffedKernel, diffOf, type KernelDiff } from '../jobs/site/diff.ts';
import { openExplorer } from '../jobs/site/explorer.ts';
import { withoutControls } from '../names.ts';
import { openProgress } from '../report/open.ts';
import { counted } from '../report/units.ts';
import { defineCommand, flag, list, type Outcome } from './command.ts';
import { explorerOptions, explorerSelection, toPlace } from './explorer-options.ts';

export const diff = defineCommand({
  name: 'diff',
  summary: 'show what changed between two kernels of the archive',
  description:
    'Lists the structs, unions, enums, typedefs, functions and variables that only one of two kernels has, or that differ, as C with offsets and sizes. ' +
    'The kernels are those of the archive, or of a site; to compare two files, and all that is in their BTF, use compare. ' +
    'Exits with 0 when no definition differs, with 1 when any does.',
  operands: {
    shape: '<kernel...>',
    description: "the two kernels: 'uname -r', or a glob that selects one kernel",
  },
  options: {
    ...explorerOptions,
    arch: explorerSelection.arch,
    release: explorerSelection.release,
    kind: list('<kind>', `kind of definition: ${DEFINITION_KINDS.join(', ')}`),
    name: list('<name>', 'name of a definition; a glob'),
    lines: flag('read the definitions too, and show the lines that differ'),
  },
  examples: [
    'btfhub diff 5.10.0-60.18.0.50.oe2203.x86_64 5.10.0-136.12.0.86.oe2203sp1.x86_64',
    "btfhub diff 5.10.0-136.12.0.86.oe2203sp1.x86_64 6.6.0-28.0.0.34.oe2403.x86_64 --name 'tcp_*' --kind function --lines",
    "btfhub diff --site site '4.19.90-2112.8.*.x86_64' '4.19.90-2112.8.*.aarch64' --json",
  ],
  document: DiffDocument,
  run: async (platform, options, names): Promise<Outcome<typeof DiffDocument>> => {
    const [first, second, ...others] = names;
    if (first === undefined || second === undefined || others.length > 0) {
      throw new Failure(
        'usage',
        `diff takes two kernels, and ${names.length} were given.`,
        "See 'btfhub diff --help'.",
      );
    }
    const kinds = options.kind.map(toKind);
    const selection = {
      kernels: [first, second],
      arches: options.arch,
      releases: options.release,
    };
    const progress = openProgress(platform);
    const explorer = await openExplorer(platform, progress, toPlace(options), selection);
    try {
      const result = diffOf(explorer, {
        kernels: [first, second],
        kinds,
        names: options.name,
        withTexts: options.lines,
      });
      return {
        status: result.changes.length === 0 ? 0 : 1,
        document: result,
        text: describeDiff(result),
      };
    } finally {
      explorer.close();
    }
  },
});

export function toKind(word: string): DefinitionKind {
  const kind = DEFINITION_KINDS.find((one) => one === word);
  if (kind !== undefined) return kind;
  throw new Failure(
    'usage',
    `--kind ${word} is no kind of definition.`,
    `There are: ${DEFINITION_KINDS.join(', ')}.`,
  );
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

function describeDiff({ first, second, changes }: KernelDiff): string {
  const head = `- ${describeKernel(first)}\n+ ${describeKernel(second)}\n\n`;
  const rows = changes.map(({ kind, name, change, texts }) => {
    const details = (texts?.lines ?? []).map((line) => `    ${line}\n`).join('');
    return `${SIGNS[change]} ${kind} ${withoutControls(name)}\n${details}`;
  });
  const count = (wanted: string) => changes.filter(({ change }) => change === wanted).length;
  const totals = `${count('added')} added, ${count('removed')} removed, ${count('changed')} changed`;
  const end =
    changes.length === 0
      ? 'No definition differs.\n'
      : `${counted(changes.length, 'name')}: ${totals}.\n`;
  return `${head}${rows.join('')}${rows.length > 0 ? '\n' : ''}${end}`;
}

function describeKernel({ versionId, arch, uname }: DiffedKernel): string {
  return `${uname} (${versionId}, ${arch})`;
}
