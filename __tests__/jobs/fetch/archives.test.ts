import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchivedTarball, ArchiveReader } from '../../../src/archive/reader.ts';
import { serveFolder } from '../../../src/download/static-server.ts';
import { openReader } from '../../../src/jobs/fetch/open.ts';
import { archiveFiles, catalogOf, kernelOf, writeFiles } from '../../archive/archive-files.ts';
import { temporaryFolder } from '../../btf/made.ts';
import { bytes } from '../../download/conditions.ts';
import { type GitServer, startGitServer } from '../../git/git-server.ts';
import { commit, createRepository } from '../../git/repositories.ts';
import { fastPlatform } from '../../tree/platform.ts';

const folder = temporaryFolder();
const platform = fastPlatform();
const X86 = '5.10.0-60.18.0.50.oe2203.x86_64';
const ARM = '5.10.0-60.18.0.50.oe2203.aarch64';
const OTHER = '6.6.0-28.0.0.34.oe2403.x86_64';
const LARGE = 100_000;
const tarballs = { [X86]: bytes(LARGE, 1), [ARM]: bytes(LARGE, 2), [OTHER]: bytes(LARGE, 3) };
const files = {
  ...archiveFiles(tarballs),
  'README.md': 'An archive',
  'openEuler/22.03/x86_64/-.btf.tar.xz': '',
};

const opened: ArchiveReader[] = [];
const closers: (() => Promise<void>)[] = [];
let git: GitServer;
let http: string;

beforeAll(async () => {
  const root = join(folder, 'git');
  for (const name of ['archive', 'archive.git']) {
    const repository = createRepository(root, name);
    commit(repository, 'master', files);
    commit(repository, 'catalog', { 'catalog.json': catalogOf(tarballs) });
  }
  git = await startGitServer(root);
  writeFiles(join(folder, 'plain'), { ...files, 'catalog.json': catalogOf(tarballs) });
  const served = await serveFolder(join(folder, 'plain'));
  http = served.url;
  closers.push(git.close, served.close);
});

afterAll(async () => {
  await Promise.all([...opened, ...closers.map((close) => ({ close }))].map((one) => one.close()));
});

async function open(where: string): Promise<ArchiveReader> {
  const reader = await openReader(platform, where);
  opened.push(reader);
  return reader;
}

async function readAll(
  reader: ArchiveReader,
  unames: readonly string[],
): Promise<ArchivedTarball[]> {
  const deliveries: ArchivedTarball[] = [];
  for await (const one of reader.read(unames.map(kernelOf))) deliveries.push(one);
  return deliveries;
}

const KINDS = {
  'a git URL': () => git.url('archive.git'),
  'a git URL that does not say so': () => git.url('archive'),
  'an HTTP root': () => http,
  'an HTTP root without its slash': () => http.slice(0, -1),
  'a folder': () => join(folder, 'plain'),
  'a bare repository': () => join(folder, 'git', 'archive'),
};

describe.each(Object.entries(KINDS))('%s', (_, where) => {
  test('names every kernel once, Arm under its own name', async () => {
    const reader = await open(where());
    const kernels = await reader.list();
    expect(kernels).toEqual([ARM, X86, OTHER].map(kernelOf));
  });

  test('gives the tarballs in the order asked for, and none for what is not there', async () => {
    const reader = await open(where());
    const deliveries = await readAll(reader, [OTHER, '5.10.0-1.x86_64', ARM]);
    expect(deliveries).toEqual([
      { kernel: kernelOf(OTHER), tarball: tarballs[OTHER], promised: true },
      { kernel: kernelOf(ARM), tarball: tarballs[ARM], promised: true },
    ]);
  });
});

test('of a git URL only the tarball that is read is moved', async () => {
  git.reset();
  const reader = await open(git.url('archive.git'));
  await readAll(reader, [X86]);
  expect(git.wire.sent).toBeGreaterThan(LARGE);
  expect(git.wire.sent).toBeLessThan(1.5 * LARGE);
});

test('of an HTTP root one kernel takes two requests: the catalog and the tarball', async () => {
  const asked: string[] = [];
  const counting = {
    ...platform,
    http: {
      request: (request: Parameters<typeof platform.http.request>[0]) => {
        asked.push(new URL(request.url).pathname);
        return platform.http.request(request);
      },
    },
  };
  const reader = await openReader(counting, http);
  await readAll(reader, [X86]);
  expect(asked.sort()).toEqual([
    '/catalog.json',
    '/info/refs',
    `/openEuler/22.03/x86_64/${X86}.btf.tar.xz`,
  ]);
});

test('other bytes than the catalog promises are refused', async () => {
  const changed = { ...tarballs, [X86]: bytes(LARGE, 4) };
  const where = join(folder, 'changed');
  writeFiles(where, { ...archiveFiles(changed), 'catalog.json': catalogOf(tarballs) });
  const reader = await open(where);
  await expect(readAll(reader, [X86])).rejects.toMatchObject({
    reason: 'checksum-mismatch',
    message: expect.stringContaining(X86),
  });
  expect(await readAll(reader, [ARM])).toMatchObject([{ promised: true }]);
});

test('while a new tarball waits for review, the one it is to replace is given unpromised', async () => {
  const where = join(folder, 'waiting');
  const waiting = { [X86]: bytes(LARGE, 5) };
  writeFiles(where, { ...files, 'catalog.json': catalogOf(waiting, 'pending') });
  expect(await readAll(await open(where), [X86])).toMatchObject([
    { promised: false, tarball: tarballs[X86] },
  ]);
});

test('without a catalog tarballs are given unpromised, and an HTTP root cannot be listed', async () => {
  const where = join(folder, 'bare');
  writeFiles(where, files);
  const served = await serveFolder(where);
  closers.push(served.close);
  for (const place of [where, served.url]) {
    const reader = await open(place);
    expect(await reader.catalog()).toBeUndefined();
    expect(await readAll(reader, [ARM])).toMatchObject([{ promised: false }]);
  }
  const reader = await open(served.url);
  await expect(reader.list()).rejects.toMatchObject({ reason: 'not-found' });
});

test('an archive of today, with Arm under arm64 alone, serves Arm', async () => {
  const where = join(folder, 'today');
  writeFiles(where, { [`openEuler/22.03/arm64/${ARM}.btf.tar.xz`]: tarballs[ARM] as Buffer });
  const reader = await open(where);
  expect(await reader.list()).toEqual([kernelOf(ARM)]);
  expect(await readAll(reader, [ARM])).toMatchObject([{ tarball: tarballs[ARM] }]);
});

test('a link in an archive is no kernel', async () => {
  const where = join(folder, 'links');
  writeFiles(where, files);
  symlinkSync('/etc/passwd', join(where, 'openEuler/22.03/x86_64/5.10.0-99.x86_64.btf.tar.xz'));
  const unames = (await (await open(where)).list()).map(({ uname }) => uname);
  expect(unames).not.toContain('5.10.0-99.x86_64');
});

test('a server that is not there is named', async () => {
  await expect(openReader(platform, 'http://127.0.0.1:9/archive')).rejects.toMatchObject({
    reason: 'network',
    message: expect.stringContaining('http://127.0.0.1:9/archive'),
  });
});
