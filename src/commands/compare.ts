import { basename } from 'node:path';
import type { KindComparison } from '../btf/compare.ts';
import { CompareDocument } from '../documents/verify.ts';
import { Failure } from '../failure.ts';
import { type ComparedFile, compareFiles, type FileComparison } from '../jobs/compare.ts';
import { printable } from '../names.ts';
import { textTable } from '../report/table.ts';
import { bytes } from '../report/units.ts';
import { defineCommand } from './command.ts';

export const compare = defineCommand({
  name: 'compare',
  summary: 'compare two files of BTF definition by definition',
  description:
    'Each file is a tarball of the archive (*.tar.xz), raw BTF, an ELF file with a .BTF section, or a boot image. ' +
    'A definition is known by its kind and name; what it refers to is compared by name. ' +
    "'btfhub diff' compares two kernels of the archive, as C. " +
    'Exits with 0 when all definitions are equal, with 1 when any differs.',
  operands: { shape: '<path...>', description: 'the two files' },
  options: {},
  examples: [
    'btfhub compare /sys/kernel/btf/vmlinux btf/openEuler/24.03/x86_64/6.6.0-72.0.0.76.oe2403sp1.x86_64.btf.tar.xz',
    'btfhub compare /boot/vmlinuz-6.6.0-72.0.0.76.oe2403sp1.x86_64 /sys/kernel/btf/vmlinux --json',
  ],
  document: CompareDocument,
  run: async (platform, _options, paths) => {
    const [first, second, ...others] = paths;
    if (first === undefined || second === undefined || others.length > 0) {
      throw new Failure(
        'usage',
        `compare takes two files, and ${paths.length} were given.`,
        "See 'btfhub compare --help'.",
      );
    }
    const comparison = await compareFiles(platform, [first, second]);
    return { status: comparison.equal ? 0 : 1, document: comparison, text: describe(comparison) };
  },
});

/** How many names of one kind a person is shown; --json has all. */
const SHOWN = 10;

function describe(comparison: FileComparison): string {
  const { first, second, identical, equal, kinds } = comparison;
  const lines = [`first:  ${describeFile(first)}\n`, `second: ${describeFile(second)}\n`];
  if (identical) return `${lines.join('')}Both have the same bytes.\n`;
  const rows = kinds
    .filter(({ first, second }) => first + second > 0)
    .map((kind) => [
      kind.kind,
      ...[kind.first, kind.second, kind.equal, kind.onlyFirst.length, kind.onlySecond.length].map(
        String,
      ),
      `${kind.different.length}`,
    ]);
  const table = textTable(COLUMNS, rows);
  const details = kinds.map(describeKind).join('');
  const result = equal ? 'All definitions are equal.' : 'The two differ.';
  return `${lines.join('')}\n${table}\n${details}${result}\n`;
}

const COLUMNS = [
  { title: 'KIND' },
  { title: 'FIRST', align: 'right' },
  { title: 'SECOND', align: 'right' },
  { title: 'EQUAL', align: 'right' },
  { title: 'ONLY FIRST', align: 'right' },
  { title: 'ONLY SECOND', align: 'right' },
  { title: 'DIFFERENT', align: 'right' },
] as const;

function describeFile({ path, from, uname, btf }: ComparedFile): string {
  const kernel =
    uname === undefined || basename(path).includes(uname) ? '' : ` of ${printable(uname)}`;
  return `${path} (${from}${kernel}): ${btf.types} types, ${bytes(btf.size)}`;
}

function describeKind({ kind, onlyFirst, onlySecond, different }: KindComparison): string {
  const names = (title: string, all: readonly string[]) => {
    if (all.length === 0) return '';
    const shown = all.slice(0, SHOWN).map(printable).join(', ');
    return `${kind} ${title}: ${shown}${more(all.length)}\n`;
  };
  const differences = different
    .slice(0, SHOWN)
    .map(({ name, aspect, onlyFirst: minus, onlySecond: plus }) => {
      const lines = [
        ...minus.slice(0, SHOWN).map((line) => `  - ${printable(line)}\n`),
        ...plus.slice(0, SHOWN).map((line) => `  + ${printable(line)}\n`),
      ];
      return `${kind} ${printable(name)} has another ${aspect}:\n${lines.join('')}`;
    });
  const rest = different.length > SHOWN ? `${kind}: ${different.length - SHOWN} more differ\n` : '';
  return [
    names('only in the first', onlyFirst),
    names('only in the second', onlySecond),
    ...differences,
    rest,
  ].join('');
}

function more(count: number): string {
  return count > SHOWN ? ` and ${count - SHOWN} more` : '';
}
