import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silent } from '../../src/report/progress.ts';
import { noCache } from '../../src/rpmmd/cache.ts';
import { chooseSource } from '../../src/sources/choose.ts';
import { findKernels } from '../../src/sources/discover.ts';
import { OPENEULER } from '../../src/sources/openeuler.ts';
import { parseSource, type Source } from '../../src/sources/source.ts';
import { fastPlatform } from '../tree/platform.ts';
import { makeRepository } from '../tree/repository.ts';
import { serveTree } from '../tree/server.ts';

const root = mkdtempSync(join(tmpdir(), 'btfhub-source-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A distribution of another shape: releases by number, one flat repository for each architecture, other names. */
const OL = `
# Oracle Linux
id: ol
mirrors: []
versionId: '^(\\d+)$'
repositories:
  - name: debuginfo
    folders: ['repo/ol<release>/debuginfo-<arch>']
flavours:
  uek:
    package: kernel-uek-debuginfo
    uname: <ver>-<rel>.<arch>
    vmlinux: ./usr/lib/debug/lib/modules/<uname>/vmlinux
    embeddedBtf: { from: '5.15.0-1', arches: [x86_64] }
  rhck:
    package: kernel-debuginfo
    uname: <ver>-<rel>.<arch>
    vmlinux: ./usr/lib/debug/lib/modules/<uname>/vmlinux
`;

test('another distribution is found by a file alone', async () => {
  const file = join(root, 'ol.yaml');
  writeFileSync(file, OL);
  const uek = { name: 'kernel-uek-debuginfo', version: '5.15.0', arch: 'x86_64', filler: 9 };
  makeRepository(
    join(root, 'repo/ol8/debuginfo-x86_64'),
    [
      { ...uek, release: '205.149.5.1.el8uek' },
      { ...uek, release: '3.60.5.1.el8uek' },
      { ...uek, name: 'kernel-debuginfo', version: '4.18.0', release: '513.el8' },
      { ...uek, name: 'bash-debuginfo', release: '1' },
    ],
    ['--checksum=sha512'],
  );
  makeRepository(join(root, 'repo/ol9/debuginfo-x86_64'), [
    { ...uek, release: '205.149.5.1.el9uek' },
  ]);
  makeRepository(join(root, 'repo/mysql/debuginfo-x86_64'), [{ ...uek, release: '1' }]);

  await using server = await serveTree(root);
  const query = {
    source: await chooseSource('ol', [file]),
    mirrors: [server.url],
    releases: [],
    arches: [],
    kernels: [],
    flavours: [],
    method: 'auto' as const,
    cache: noCache,
  };
  const found = await findKernels(fastPlatform(), query, silent);
  expect(found.problems).toEqual([]);
  expect(found.kernels.map(({ versionId, uname }) => [versionId, uname])).toEqual([
    ['8', '5.15.0-3.60.5.1.el8uek.x86_64'],
    ['8', '5.15.0-205.149.5.1.el8uek.x86_64'],
    ['9', '5.15.0-205.149.5.1.el9uek.x86_64'],
  ]);
  expect(found.kernels[1]).toMatchObject({
    distribution: 'ol',
    releases: ['8'],
    flavour: 'uek',
    keyPaths: [],
    trustedKeys: [],
    checksum: { algorithm: 'sha512' },
    locations: [
      'repo/ol8/debuginfo-x86_64/Packages/kernel-uek-debuginfo-5.15.0-205.149.5.1.el8uek.x86_64.rpm',
    ],
  });
});

test('an unknown distribution names those there are', async () => {
  const file = join(root, 'named.json');
  writeFileSync(file, JSON.stringify([{ ...OPENEULER, id: 'other' }]));
  await expect(chooseSource('debian', [file])).rejects.toMatchObject({
    reason: 'not-found',
    advice: expect.stringMatching(
      /^There are: .*openEuler.*, other.*--sources <file> adds more\.$/,
    ),
  });
  expect((await chooseSource('openEuler', [file])).id).toBe('openEuler');
});

test('a file that cannot be read, or is no YAML, is wrong usage', async () => {
  await expect(chooseSource('x', [join(root, 'absent')])).rejects.toMatchObject({
    reason: 'usage',
  });
  const file = join(root, 'broken.yaml');
  writeFileSync(file, 'id: [');
  await expect(chooseSource('x', [file])).rejects.toMatchObject({ reason: 'usage' });
});

const stock = OPENEULER.flavours.stock as Source['flavours'][string];

test.each<[string, Partial<Record<keyof Source, unknown>>, RegExp]>([
  ['without an ID', { id: undefined }, /id: /],
  ['with an ID that is no folder', { id: '../x' }, /id: '\.\.\/x' is not the name/],
  ['with a mirror that is no URL', { mirrors: ['here'] }, /mirrors\.0: /],
  ['with a VERSION_ID that is no expression', { versionId: '(' }, /versionId: is no regular/],
  ['with a VERSION_ID without a group', { versionId: '^8$' }, /versionId: is no regular/],
  ['without a repository', { repositories: [] }, /repositories: /],
  [
    'with a folder without <release>',
    { repositories: [{ name: 'x', folders: ['a/<arch>'] }] },
    /needs <release> in each folder/,
  ],
  [
    'with a folder that leads out',
    { repositories: [{ name: 'x', folders: ['<release>/../<arch>'] }] },
    /has \. or \.\. in it/,
  ],
  ['without a flavour', { flavours: {} }, /flavours: needs at least one/],
  [
    'with a vmlinux without a name',
    { flavours: { stock: { ...stock, vmlinux: './vmlinux' } } },
    /flavours\.stock\.vmlinux: /,
  ],
  ['with a word too many', { mirror: [] } as object, /mirror: /],
  [
    'with half a fingerprint',
    { keys: { file: 'KEY', fingerprints: ['ABCD'] } },
    /keys\.fingerprints\.0: /,
  ],
])('a source %s is refused, with the place of the mistake', (_title, change, message) => {
  const data = JSON.parse(JSON.stringify({ ...OPENEULER, ...change }));
  expect(() => parseSource(data, 'my.yaml')).toThrow(message);
  expect(() => parseSource(data, 'my.yaml')).toThrow('my.yaml does not describe a source');
});

test("openEuler's own source is one that a file could hold", () => {
  expect(parseSource(JSON.parse(JSON.stringify(OPENEULER)), 'x')).toEqual(OPENEULER);
});
