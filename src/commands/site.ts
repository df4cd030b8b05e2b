import { SiteDocument } from '../documents/site.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { copyPages } from '../jobs/site/pages.ts';
import { readPreviousSite } from '../jobs/site/previous.ts';
import {
  EVERY_KERNEL,
  gatherSite,
  makeDatabase,
  type SiteContent,
  writeSite,
} from '../jobs/site/site.ts';
import { addressText } from '../names.ts';
import { openProgress } from '../report/open.ts';
import { bytes, counted } from '../report/units.ts';
import { archiveOption } from './archive-options.ts';
import { defineCommand, type Outcome, text } from './command.ts';

export const site = defineCommand({
  name: 'site',
  summary: 'build the web site that shows the types of all kernels of the archive',
  description:
    'Makes a folder of static files for any web server: pages, and a SQLite database with every struct, union, enum, typedef, function and variable of every kernel of the archive. ' +
    'With --previous only the kernels that are new since then are read; the result is the same as without it. ' +
    'Exits with 1 when a tarball cannot be read: the site shows such a kernel with the reason.',
  options: {
    archive: archiveOption,
    output: text('<folder>', 'folder to write the site to', { required: true }),
    previous: text(
      '<folder>',
      'site of an earlier run, which can be the output folder itself; where it has no site, all kernels are read',
    ),
    archiveUrl: text(
      '<URL>',
      'public address of the archive, for the commands that the pages show; by default --archive, if it is a URL',
    ),
    rawUrl: text(
      '<URL>',
      'public address of the folder in which openEuler/22.03/... begins, for the links to tarballs; without it there are none',
    ),
  },
  examples: [
    'btfhub site --output site',
    'btfhub site --archive ../btfhub-archive --output site --previous site',
  ],
  document: SiteDocument,
  run: async (platform, options): Promise<Outcome<typeof SiteDocument>> => {
    const { output } = options;
    const progress = openProgress(platform);
    const previous =
      options.previous === undefined ? undefined : await readPreviousSite(options.previous);
    if (options.previous !== undefined && previous === undefined) {
      progress.note(`${options.previous} has no site: all kernels are read.`);
    }
    const reader = await openReader(platform, options.archive, 'kernels', progress.warn);
    try {
      const content = await gatherSite(platform, progress, reader, {
        selection: EVERY_KERNEL,
        previous,
      });
      const isUrl = /^https?:\/\//i.test(options.archive);
      // Pages are public: what is secret in an address stays out of them.
      const addresses = {
        archive: addressText(options.archiveUrl ?? (isUrl ? reader.name : '')),
        // A path is joined to it as it is.
        raw: addressText(options.rawUrl ?? '').replace(/[^/]$/, '$&/'),
      };
      const database = await makeDatabase(content, addresses);
      await copyPages(output);
      const manifest = await writeSite(output, database, content, addresses);
      const unread = unreadOf(content);
      return {
        status: unread.length === 0 ? 0 : 1,
        document: { output, ...manifest, read: content.read, unread },
        outputs: { output, kernels: `${manifest.kernels}`, read: `${content.read}` },
        text: describeSite(output, database.length, content, unread),
        failures: unread.map(({ uname, error }) => ({ title: uname, message: error.message })),
      };
    } finally {
      await reader.close();
    }
  },
});

function unreadOf({ others }: SiteContent) {
  return others.flatMap(({ kernel: { uname }, error }) =>
    error === undefined ? [] : [{ uname, error }],
  );
}

function describeSite(
  output: string,
  size: number,
  { store, stored, read }: SiteContent,
  unread: ReturnType<typeof unreadOf>,
): string {
  const failures = unread.map(({ uname, error }) => `${uname}: ${error.message}\n`);
  const kernels = `${counted(stored.length, 'kernel')}, of which ${read} were read now`;
  return `${failures.join('')}${output}: ${kernels}; ${counted(store.size, 'definition')} in ${bytes(size)}.\n`;
}
