import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  entryPath,
  failedEntry,
  parseCatalog,
  serialiseCatalog,
} from '../../src/archive/catalog.ts';
import { list } from '../../src/commands/list.ts';
import { archiveFiles, catalogOf, kernelOf, writeFiles } from '../archive/archive-files.ts';
import { failureRecord } from '../archive/records.ts';
import { temporaryFolder } from '../btf/made.ts';
import { fastPlatform } from '../tree/platform.ts';
import { run } from './hosts.ts';

const folder = temporaryFolder();
const platform = fastPlatform();
const FIRST = '5.10.0-60.1.0.30.oe2203.x86_64';
const SECOND = '5.10.0-60.4.0.31.oe2203.x86_64';
const ARM = '5.10.0-60.1.0.30.oe2203.aarch64';
const OTHER = '6.6.0-28.0.0.34.oe2403.x86_64';
const FAILED = '6.6.0-29.0.0.34.oe2403.x86_64';
const tarballs = Object.fromEntries(
  [FIRST, SECOND, ARM, OTHER].map((uname) => [uname, Buffer.from(uname)]),
);
const plain = join(folder, 'plain');
const catalogued = join(folder, 'catalogued');

beforeAll(() => {
  writeFiles(plain, archiveFiles(tarballs));
  const catalog = new Map(parseCatalog(catalogOf(tarballs), 'a test'));
  const failed = failedEntry(failureRecord(FAILED), undefined);
  catalog.set(entryPath(kernelOf(FAILED)), failed);
  writeFiles(catalogued, {
    ...archiveFiles(tarballs),
    'catalog.json': serialiseCatalog(catalog),
  });
});

const listed = (document: unknown) =>
  (document as { kernels: { uname: string }[] }).kernels.map(({ uname }) => uname);

test('all kernels are listed once, in the order of their paths, with a catalog and without', async () => {
  const { status, document, text } = await run(platform, list, { archive: plain });
  expect(status).toBe(0);
  expect(listed(document)).toEqual([ARM, FIRST, SECOND, OTHER]);
  expect(text).toMatch(/\n4 kernels of .*\.\n$/);
  const full = await run(platform, list, { archive: catalogued });
  expect(listed(full.document)).toEqual([ARM, FIRST, SECOND, OTHER, FAILED]);
  expect(full.document).toMatchObject({
    kernels: expect.arrayContaining([
      expect.objectContaining({ uname: OTHER, state: 'archived', releases: ['24.03-LTS'] }),
      expect.objectContaining({ uname: FAILED, state: 'failed', reason: 'no-vmlinux' }),
    ]),
  });
  expect(full.text).toMatch(new RegExp(`${FAILED} .* failed: no-vmlinux\n`));
});

test('one bad entry of the catalog costs that entry, with a warning', async () => {
  const spoilt = join(folder, 'spoilt');
  const catalog = JSON.parse(catalogOf(tarballs));
  const path = entryPath(kernelOf(OTHER));
  catalog.kernels[path].package.url = 'javascript:alert(1)';
  writeFiles(spoilt, { ...archiveFiles(tarballs), 'catalog.json': JSON.stringify(catalog) });
  let said = '';
  const stderr = new Writable({
    write: (chunk, _encoding, done) => {
      said += chunk;
      done();
    },
  });
  const { status, document } = await run(fastPlatform({ stderr }), list, { archive: spoilt });
  expect(status).toBe(0);
  expect(listed(document)).toEqual([ARM, FIRST, SECOND, OTHER]);
  expect(said).toContain(`entries that cannot be used: ${path}: package.url`);
});

test('globs, the architecture and the release select', async () => {
  const select = async (given: Record<string, string>) =>
    listed((await run(platform, list, { archive: catalogued, ...given })).document);
  expect(await select({ kernel: '5.10.0-60.1.*' })).toEqual([ARM, FIRST]);
  expect(await select({ arch: 'aarch64' })).toEqual([ARM]);
  expect(await select({ release: '24.03-LTS', kernel: '*-28.*' })).toEqual([OTHER]);
});

test('for a kernel that is not there the nearest ones are named, with exit status 1', async () => {
  const wanted = '5.10.0-60.2.0.30.oe2203.x86_64';
  const { status, document, text } = await run(platform, list, {
    archive: plain,
    kernel: [wanted, FIRST],
  });
  expect(status).toBe(1);
  expect(listed(document)).toEqual([FIRST]);
  expect(document).toMatchObject({
    missing: [{ uname: wanted, nearest: [{ uname: FIRST }, { uname: SECOND }] }],
  });
  expect(text).toContain(
    `does not have ${wanted}. The nearest kernels in it: ${FIRST}, ${SECOND}.`,
  );
  const unlike = await run(platform, list, { archive: plain, kernel: '3.10.0-1.x86_64' });
  expect(unlike.text).toContain('nor another kernel 3.10.0.');
  expect(unlike.text).toContain('0 kernels of');
});

test.each([
  [{ kernel: '5.11.*' }, '--kernel 5.11.* matches nothing', FIRST],
  [{ arch: 'x86-64' }, '--arch x86-64 matches nothing', 'x86_64'],
  [{ release: '22.3' }, '--release 22.3 matches nothing', '22.03'],
])(
  'globs that match nothing are an error that names the nearest values: %j',
  async (given, message, advice) => {
    await expect(run(platform, list, { archive: plain, ...given })).rejects.toMatchObject({
      reason: 'not-found',
      message: expect.stringContaining(message),
      advice: expect.stringContaining(advice),
    });
  },
);
