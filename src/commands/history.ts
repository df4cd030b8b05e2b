import { HistoryDocument } from '../documents/explorer.ts';
import type { DefinitionKind } from '../explorer/definition.ts';
import type { Part } from '../explorer/parts.ts';
import { Failure } from '../failure.ts';
import { openExplorer } from '../jobs/site/explorer.ts';
import {
  type History,
  type HistoryVersion,
  historyOf,
  parseSubject,
  partDocument,
} from '../jobs/site/history.ts';
import { withoutControls } from '../names.ts';
import { openProgress } from '../report/open.ts';
import { counted } from '../report/units.ts';
import { defineCommand, list, type Outcome } from './command.ts';
import { toKind } from './diff.ts';
import { explorerOptions, explorerSelection, toPlace } from './explorer-options.ts';

export const history = defineCommand({
  name: 'history',
  summary: 'show which kernels have a type, a function or a field, and how it changed',
  description:
    'Shows every version of a struct, union, enum, typedef, function or variable as C with offsets and sizes, and the kernels that have it. ' +
    'With a member, parameter or enumerator behind a full stop it shows where that is in each kernel, and what it may be called where it is missing. ' +
    'Without --site, every selected kernel of the archive is downloaded and read: select a few. ' +
    'Exits with 0 when every selected kernel has it, with 1 when some have not.',
  operands: {
    shape: '<name>',
    description: "'task_struct', 'tcp_connect', or with a field 'task_struct.state'",
  },
  options: {
    ...explorerOptions,
    ...explorerSelection,
    kind: list('<kind>', 'kind of definition, where several have the name: for example struct'),
  },
  examples: [
    'btfhub history sock.sk_wmem_queued --site site',
    'btfhub history tcp_connect --release 22.03 --arch x86_64',
    "btfhub history task_struct.state --kernel '5.10.0-136.*' --json",
  ],
  document: HistoryDocument,
  run: async (platform, options, [subject = '']): Promise<Outcome<typeof HistoryDocument>> => {
    const { name, field } = parseSubject(subject);
    const [kind, ...others] = options.kind.map(toKind);
    if (others.length > 0) {
      throw new Failure('usage', 'history takes one --kind.', 'Leave out --kind to see all kinds.');
    }
    const selection = {
      kernels: options.kernel,
      arches: options.arch,
      releases: options.release,
    };
    const progress = openProgress(platform);
    const isWanted = (one: string) => one === name;
    const place = toPlace(options);
    const explorer = await openExplorer(platform, progress, place, selection, isWanted);
    try {
      const result = historyOf(explorer, { name, field, kind });
      return {
        status: result.everywhere ? 0 : 1,
        document: toDocument(result),
        text: describeHistory(result),
      };
    } finally {
      explorer.close();
    }
  },
});

function toDocument({ name, field, versions, without, everywhere }: History) {
  return {
    name,
    field: field ?? null,
    everywhere,
    without,
    versions: versions.map(({ kind, text, lines, kernels, ranges, part, renamed }) => ({
      kind,
      text,
      lines,
      kernels,
      ranges,
      ...(field === undefined
        ? {}
        : {
            part: partDocument(part ?? null),
            renamed: renamed.map(partDocument),
          }),
    })),
  };
}

function describeHistory({ name, field, versions, without }: History): string {
  const several = new Set(versions.map(({ kind }) => kind)).size > 1;
  const seen = new Set<DefinitionKind>();
  const parts = versions.map((version) => {
    const { kind, text, lines } = version;
    const head = describeRanges(version);
    const isFirst = !seen.has(kind);
    seen.add(kind);
    if (field !== undefined) {
      const word = several ? `${kind}: ` : '';
      return `${head}    ${word}${withoutControls(describeField(version))}\n`;
    }
    const body = isFirst || lines.length === 0 ? text.trimEnd().split('\n') : lines;
    return `${head}${body.map((line) => `    ${line}\n`).join('')}\n`;
  });
  const subject = withoutControls(field === undefined ? name : `${name}.${field}`);
  const rest =
    without.length === 0
      ? ''
      : `${counted(without.length, 'kernel')} without ${withoutControls(name)}: ${listed(without)}\n`;
  return `${subject}\n${parts.join('')}${rest}`;
}

const MOST_LISTED = 5;

function listed(names: readonly string[]): string {
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : '';
  return `${names.slice(0, MOST_LISTED).join(', ')}${more}`;
}

function describeRanges({ ranges }: HistoryVersion): string {
  const lines = ranges.map(({ versionId, arch, first, last, count }) => {
    const kernels = first === last ? first : `${first} to ${last}, ${counted(count, 'kernel')}`;
    return `${versionId} ${arch}: ${kernels}\n`;
  });
  return lines.join('');
}

function describeField({ part, renamed }: HistoryVersion): string {
  if (part !== undefined) return describePart(part);
  if (renamed.length === 0) return 'not there';
  return `not there; perhaps ${renamed.map((one) => `${one.path}: ${describePart(one)}`).join('; or ')}`;
}

function describePart(part: Part): string {
  switch (part.kind) {
    case 'enumerator':
      return `value ${part.value}`;
    case 'parameter':
      return `parameter ${part.index + 1}, ${part.type}`;
    case 'member': {
      const { type, bitOffset, bits, size } = part;
      const offset = `offset ${Math.floor(bitOffset / 8)}`;
      return bits > 0
        ? `${offset}, ${counted(bits, 'bit')} from bit ${bitOffset % 8}, ${type}`
        : `${offset}, ${counted(size, 'byte')}, ${type}`;
    }
  }
}
