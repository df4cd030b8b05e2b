import type { BuiltEntry, Catalog } from '../../archive/catalog.ts';
import { aliasPath, TARBALL_SUFFIX } from '../../archive/layout.ts';
import type { PullRequestText } from '../../forge/forge.ts';
import type { TreeListing } from '../../git/repository.ts';
import { compareNames, printable } from '../../names.ts';
import { escapeMarkdown, markdownTable } from '../../report/table.ts';
import { bytes } from '../../report/units.ts';
import type { Additions } from './additions.ts';

/** The message of a run's one commit: what it adds, by folder, and where it comes from. */
export function commitMessage(additions: Additions, runUrl: string | undefined): string {
  const { added, aliases } = additions;
  const folders = new Map<string, string[]>();
  for (const { record } of added) {
    const folder = record.tarball.path.split('/').slice(0, -1).join('/');
    folders.set(folder, [...(folders.get(folder) ?? []), record.uname]);
  }
  const paragraphs = [
    added.length > 0
      ? `Add BTF of ${kernels(added.map(({ record }) => record.uname))}`
      : `Give ${counted(aliases.length, 'tarball')} of arm64 a second name`,
    ...[...folders].map(([folder, unames]) =>
      [folder, ...unames.map((one) => `  ${one}`)].join('\n'),
    ),
    ...(aliases.length > 0
      ? [
          `aarch64 holds ${counted(aliases.length, 'tarball')} of arm64 now, where 'uname -m' says so.`,
        ]
      : []),
    ...(runUrl === undefined ? [] : [`Run: ${runUrl}`]),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

function kernels(unames: readonly string[]): string {
  return unames.length === 1 ? `${unames[0]}` : counted(unames.length, 'kernel');
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** What a pull request brings, beyond the base branch. */
export interface PendingChanges {
  /** Kernels that the catalog knows. */
  readonly known: readonly BuiltEntry[];
  /** Tarballs and other files that it does not know: a person's, or of an earlier time. */
  readonly others: readonly string[];
  /** Files that are taken away. */
  readonly removed: readonly string[];
  /** Second names of tarballs. */
  readonly aliases: number;
}

/** What waits for review: the difference between both listings, with what the catalog says of it. */
export function findPending(
  base: TreeListing,
  next: TreeListing,
  catalog: Catalog,
): PendingChanges {
  const changed = [...next].filter(([path, entry]) => {
    const before = base.get(path);
    return before?.oid !== entry.oid || before.mode !== entry.mode;
  });
  const aliases = new Set([...next.keys()].map(aliasPath));
  const known: BuiltEntry[] = [];
  const others: string[] = [];
  let second = 0;
  for (const [path, { oid }] of changed) {
    const entry = catalog.get(path);
    if (entry !== undefined && entry.state !== 'failed' && entry.tarball.blob === oid) {
      known.push(entry);
    } else if (aliases.has(path) && path.endsWith(TARBALL_SUFFIX)) second += 1;
    else others.push(path);
  }
  const removed = [...base.keys()].filter((path) => !next.has(path));
  return { known, others, removed, aliases: second };
}

/** Whether there is anything to review. */
export function hasPending({ known, others, removed, aliases }: PendingChanges): boolean {
  return known.length + others.length + removed.length + aliases > 0;
}

/**
 * Title and body of the pull request for what waits, the body no longer than the forge takes: what
 * does not fit is counted. All names in it are escaped.
 */
export function pullRequestText(waiting: PendingChanges, longestBody: number): PullRequestText {
  const { known, others, removed, aliases } = waiting;
  const versions = [...new Set(known.map(({ versionId }) => versionId))].sort();
  const title =
    known.length > 0
      ? `Add BTF of ${kernels(known.map(({ uname }) => uname))} (${known[0]?.distribution} ${versions.join(', ')})`
      : `Change ${counted(others.length + removed.length + aliases, 'file')} of the archive`;
  const parts = [
    ...(known.length > 0 ? [summaryTable(known)] : []),
    ...(aliases > 0
      ? [
          `${counted(aliases, 'tarball')} of arm64 ${aliases === 1 ? 'stands' : 'stand'} in aarch64 too, where \`uname -m\` says so: the same bytes, stored once.`,
        ]
      : []),
    ...fileList('Files that did not come from btfhub:', others),
    ...fileList('Files that go:', removed),
    ...runsOf(known),
  ];
  const details = [...groups(known)].map(([, entries]) => kernelTable(entries));
  return { title: shorten(title, 200), body: assemble(parts, details, longestBody) };
}

/** The runs that published these, not the present one: what waits decides what is said. */
function runsOf(entries: readonly BuiltEntry[]): string[] {
  const runs = [...new Set(entries.flatMap(({ run }) => run ?? []))].sort();
  if (runs.length === 0) return [];
  const more = runs.length > 10 ? `, and ${runs.length - 10} more` : '';
  return [escapeMarkdown(`Published by ${runs.slice(0, 10).join(', ')}${more}`)];
}

/** The parts, and of the details those that fit whole. */
function assemble(parts: readonly string[], details: readonly string[], longest: number): string {
  const body = [...parts];
  const length = () => body.join('\n\n').length;
  for (const [index, detail] of details.entries()) {
    const rest = `The details of ${counted(details.length - index, 'more group')} do not fit here: see the commits.`;
    if (length() + detail.length + rest.length + 4 > longest) {
      body.push(rest);
      break;
    }
    body.push(detail);
  }
  return shorten(`${body.join('\n\n')}\n`, longest);
}

function shorten(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 3)}...`;
}

/** By releases and architecture, sorted; 5.10.0-9 stands before 5.10.0-10. */
function groups(entries: readonly BuiltEntry[]): Map<string, BuiltEntry[]> {
  const key = ({ releases, arch }: BuiltEntry) => `${releases.join(', ')}|${arch}`;
  const sorted = [...entries].sort(
    (a, b) => compareNames(key(a), key(b)) || compareNames(a.uname, b.uname),
  );
  const found = new Map<string, BuiltEntry[]>();
  for (const entry of sorted) found.set(key(entry), [...(found.get(key(entry)) ?? []), entry]);
  return found;
}

function summaryTable(entries: readonly BuiltEntry[]): string {
  const columns = [
    ...[{ title: 'Release' }, { title: 'Architecture' }],
    ...['Kernels', 'BTF', 'Tarballs'].map((title) => ({ title, align: 'right' as const })),
    ...[{ title: 'Made by' }, { title: 'Verified by the build job' }],
  ];
  const rows = [...groups(entries).values()].map((group) => [
    (group[0] as BuiltEntry).releases.join(', '),
    (group[0] as BuiltEntry).arch,
    `${group.length}`,
    bytes(sum(group.map(({ btf }) => btf.size))),
    bytes(sum(group.map(({ tarball }) => tarball.size))),
    distinct(group.map(maker)),
    tally(group.map(verification)),
  ]);
  return markdownTable(columns, rows).trimEnd();
}

function kernelTable(group: readonly BuiltEntry[]): string {
  const { releases, arch } = group[0] as BuiltEntry;
  const columns = [
    { title: 'Kernel' },
    ...['BTF', 'Types', 'Tarball'].map((title) => ({ title, align: 'right' as const })),
    { title: 'Verified by the build job' },
  ];
  const rows = group.map((entry) => [
    entry.uname,
    bytes(entry.btf.size),
    `${sum(Object.values(entry.btf.kinds))}`,
    bytes(entry.tarball.size),
    verification(entry),
  ]);
  const title = `${releases.join(', ')}, ${arch}: ${counted(group.length, 'kernel')}`;
  const table = markdownTable(columns, rows).trimEnd();
  return `<details><summary>${escapeMarkdown(title)}</summary>\n\n${table}\n\n</details>`;
}

/** What made the BTF: pahole, or the build of the kernel itself. */
function maker(entry: BuiltEntry): string {
  return entry.method === 'embedded' ? "the kernel's build" : `pahole ${entry.pahole.version}`;
}

/** What stood between the mirror and the archive: sums, a signature. */
function verification({ verified, method }: BuiltEntry): string {
  const { repodata, header, file, signature } = verified;
  const member = method === 'embedded' ? 'boot image' : 'vmlinux';
  const sums = [repodata && 'repodata', header && 'header', file && member].filter(Boolean);
  const signed =
    signature.status === 'good' ? `signed by ${signature.key}` : `signature: ${signature.status}`;
  return [sums.length > 0 ? `sums of ${sums.join(', ')}` : 'no sums', signed].join('; ');
}

function distinct(words: readonly string[]): string {
  return [...new Set(words)].sort().join(', ');
}

/** `a` when all are, else `18 x a, 2 x b`. */
function tally(words: readonly string[]): string {
  const kinds = [...new Set(words)].sort();
  if (kinds.length === 1) return `${kinds[0]}`;
  const count = (kind: string) => words.filter((word) => word === kind).length;
  return kinds.map((kind) => `${count(kind)} × ${kind}`).join(', ');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function fileList(title: string, paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  const shown = paths.slice(0, 20).map((path) => `- ${escapeMarkdown(printable(path))}`);
  const more = paths.length > 20 ? [`- and ${paths.length - 20} more`] : [];
  return [`${title}\n\n${[...shown, ...more].join('\n')}`];
}
