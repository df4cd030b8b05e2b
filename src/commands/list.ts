import { ListDocument } from '../documents/use.ts';
import { type ArchiveListing, type ListedKernel, listKernels } from '../jobs/fetch/list.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { openProgress } from '../report/open.ts';
import { type Column, textTable } from '../report/table.ts';
import { bytes, counted } from '../report/units.ts';
import { archiveOption, archiveSelection, toSelection } from './archive-options.ts';
import { defineCommand, type Outcome } from './command.ts';

export const list = defineCommand({
  name: 'list',
  summary: 'list the kernels of the archive, or tell whether it has a kernel',
  description:
    "Lists the selected kernels of the archive, with the releases and the state that its catalog tells: 'archived', 'pending' (waits for review) or 'failed' (its BTF could not be made). " +
    'For a kernel that is given by its full name and is not there, the nearest kernels are named, and the exit status is 1. Only the listing and the catalog are downloaded.',
  options: {
    archive: archiveOption,
    ...archiveSelection,
  },
  examples: [
    'btfhub list',
    'btfhub list --kernel "$(uname -r)"',
    "btfhub list --release 22.03-LTS-SP1 --arch aarch64 --kernel '5.10.0-136.*' --json",
  ],
  document: ListDocument,
  run: async (platform, options): Promise<Outcome<typeof ListDocument>> => {
    const { warn } = openProgress(platform);
    const reader = await openReader(platform, options.archive, 'kernels', warn);
    try {
      const listing = await listKernels(reader, toSelection(options));
      const isCovered = listing.missing.length === 0;
      return {
        status: isCovered ? 0 : 1,
        document: {
          archive: reader.name,
          kernels: listing.kernels.map(toDocument),
          missing: listing.missing,
        },
        text: describe(listing, reader.name),
      };
    } finally {
      await reader.close();
    }
  },
});

function toDocument({
  entry,
  distribution,
  versionId,
  arch,
  uname,
  releases,
  state,
}: ListedKernel) {
  return {
    uname,
    arch,
    distribution,
    versionId,
    releases,
    state,
    ...(entry === undefined
      ? {}
      : entry.state === 'failed'
        ? { reason: entry.reason, message: entry.message }
        : { size: entry.tarball.size, sha256: entry.tarball.sha256, builtAt: entry.builtAt }),
  };
}

const COLUMNS: readonly Column[] = [
  { title: 'KERNEL' },
  { title: 'ARCH' },
  { title: 'VERSION_ID' },
  { title: 'RELEASES' },
  { title: 'SIZE', align: 'right' },
  { title: 'STATE' },
];

function describe({ kernels, missing }: ArchiveListing, archive: string): string {
  const rows = kernels.map(({ uname, arch, versionId, releases, state, entry }) => [
    uname,
    arch,
    versionId,
    releases.join(' '),
    entry && entry.state !== 'failed' ? bytes(entry.tarball.size) : '',
    entry?.state === 'failed' ? `failed: ${entry.reason}` : state,
  ]);
  const table = rows.length > 0 ? `${textTable(COLUMNS, rows)}\n` : '';
  const absent = missing.map(({ uname, nearest }) =>
    nearest.length > 0
      ? `${archive} does not have ${uname}. The nearest kernels in it: ${nearest.map((one) => one.uname).join(', ')}.\n`
      : `${archive} does not have ${uname}, nor another kernel ${uname.split('-', 1)[0]}.\n`,
  );
  return `${table}${absent.join('')}${counted(kernels.length, 'kernel')} of ${archive}.\n`;
}
