import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { MirrorPool } from '../../src/download/mirrors.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { noCache } from '../../src/rpmmd/cache.ts';
import { type RepositoryContext, readRepository } from '../../src/rpmmd/repository.ts';
import { mirrorField } from '../download/conditions.ts';
import type { Behaviour, Fault, ReceivedRequest } from '../download/fault-server.ts';
import { makeRepository } from '../tree/repository.ts';

const folder = mkdtempSync(join(tmpdir(), 'btfhub-repository-'));
afterAll(() => rmSync(folder, { recursive: true }));
makeRepository(folder, [
  { name: 'kernel-debuginfo', version: '5.10.0', release: '1', arch: 'x86_64' },
  { name: 'zlib', version: '1', release: '1', arch: 'x86_64' },
]);

type Files = Readonly<Record<string, Buffer>>;
const repodata = join(folder, 'repodata');
const GOOD: Files = Object.fromEntries(
  readdirSync(repodata).map((name) => [`/r/repodata/${name}`, readFileSync(join(repodata, name))]),
);
const REPOMD = '/r/repodata/repomd.xml';
const primaryPath = Object.keys(GOOD).find((name) => name.includes('primary')) ?? '';
const primary = gunzipSync(GOOD[primaryPath] ?? Buffer.alloc(0)).toString();
const repomd = (GOOD[REPOMD] ?? Buffer.alloc(0)).toString();

/** The repository with another primary, and a repomd.xml that has its true sum and sizes. */
function withPrimary(xml: Buffer, openSize = xml.length): Files {
  const packed = gzipSync(xml);
  const sum = createHash('sha256').update(packed).digest('hex');
  const data = `<data type="primary"><checksum type="sha256">${sum}</checksum>
    <location href="repodata/p.xml.gz"/><size>${packed.length}</size><open-size>${openSize}</open-size></data>`;
  return { [REPOMD]: Buffer.from(`<repomd>${data}</repomd>`), '/r/repodata/p.xml.gz': packed };
}

const field = mirrorField(GOOD);
afterEach(() => field.close());

function contextOf(pool: MirrorPool): RepositoryContext {
  return {
    pool,
    cache: noCache,
    signal: new AbortController().signal,
    programs: systemPrograms(process.env),
    limit: (work) => work(),
    onBytes: () => {},
    onDoubt: () => {},
  };
}

async function read(...mirrors: Partial<Behaviour>[]) {
  const pool = await field.mirrors(mirrors, { connections: 1 });
  return readRepository(contextOf(pool), 'r', new Set(['kernel-debuginfo']));
}

const found = expect.objectContaining({ total: 2, unusable: [], warnings: [] });
const asked = (nth: number, path: string) =>
  field.servers[nth]?.asked.filter((one) => one.path === path).length;

test('a repository is read with one connection, and twice at the same time', async () => {
  const pool = await field.mirrors([{}], { connections: 1 });
  const names = new Set(['kernel-debuginfo']);
  const both = await Promise.all([1, 2].map(() => readRepository(contextOf(pool), 'r', names)));
  expect(both).toEqual([found, found]);
  expect(both[0]?.packages.map(({ name }) => name)).toEqual(['kernel-debuginfo']);
});

const MiB = 1024 * 1024;
const HOSTILE: readonly (readonly [string, Files])[] = [
  ['white space', withPrimary(Buffer.alloc(8 * MiB, ' '))],
  [
    'white space inside the root',
    withPrimary(Buffer.concat([Buffer.from('<metadata>'), Buffer.alloc(8 * MiB, ' ')])),
  ],
  ['nested tags', withPrimary(Buffer.from('<a>'.repeat(100_000)))],
  ['nothing', withPrimary(Buffer.alloc(0))],
  ['a web page', withPrimary(Buffer.from('<html><body>log in</body></html>'))],
  ['an open-size that lifts the limit', withPrimary(Buffer.from(primary), 1e15)],
  ['more than its open-size', withPrimary(Buffer.from(primary), 100)],
  [
    'a repomd.xml of nested tags',
    { ...GOOD, [REPOMD]: Buffer.from(`<repomd>${'<a>'.repeat(100_000)}`) },
  ],
  [
    'a repomd.xml of white space',
    { ...GOOD, [REPOMD]: Buffer.from(`<repomd>${' '.repeat(4 * MiB)}`) },
  ],
  [
    'another size than it says',
    { ...GOOD, [REPOMD]: Buffer.from(repomd.replace(/<size>\d+/g, '<size>77')) },
  ],
  [
    'another sum than it says',
    { ...GOOD, [REPOMD]: Buffer.from(repomd.replace(/>[0-9a-f]{8}/g, '>00000000')) },
  ],
];

test.each(HOSTILE)(
  'a mirror with %s is refused by name, and the next one is read',
  async (_, files) => {
    await expect(read({ files })).rejects.toMatchObject({
      reason: expect.stringMatching(/^(bad-repository|checksum-mismatch)$/),
    });
    expect(await read({ files }, {})).toEqual(found);
  },
);

const primaryFails = (fault: Fault) => ({
  fault: ({ path }: ReceivedRequest): Fault => (path === primaryPath ? fault : { kind: 'none' }),
});

test.each<Fault>([
  { kind: 'slow', bytesPerSecond: 20 },
  { kind: 'mute' },
  { kind: 'status', status: 404 },
  { kind: 'status', status: 503, retryAfter: '300' },
  { kind: 'corrupt', at: 5 },
])(
  'primary comes from another mirror with a file of that sum where the first: $kind',
  async (fault) => {
    const began = field.clock.now();
    expect(await read(primaryFails(fault), {})).toEqual(found);
    expect(field.clock.now() - began).toBeLessThan(20_000);
    expect(asked(1, primaryPath)).toBe(1);
  },
);

test('the repository of the next mirror is read where no mirror has what the first one announces', async () => {
  const moved = {
    ...GOOD,
    [REPOMD]: Buffer.from(repomd.replaceAll(/repodata\/[0-9a-f]{8}/g, 'repodata/00000000')),
  };
  expect(await read({ files: moved }, {})).toEqual(found);
  await expect(read({ files: moved })).rejects.toThrow('has a repomd.xml, but not the');
});

test('a package that cannot be used is named, and does not fail the repository', async () => {
  const files = withPrimary(
    Buffer.from(primary.replace('href="Packages/kernel', 'href="../kernel')),
  );
  const result = await read({ files });
  expect(result).toMatchObject({ packages: [], total: 2 });
  expect(result?.unusable).toHaveLength(1);
});
