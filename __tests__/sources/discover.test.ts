import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../src/failure.ts';
import { silent } from '../../src/report/progress.ts';
import { folderCache, noCache } from '../../src/rpmmd/cache.ts';
import { findKernels, type KernelQuery } from '../../src/sources/discover.ts';
import { OPENEULER } from '../../src/sources/openeuler.ts';
import { fastClock } from '../download/conditions.ts';
import { fastPlatform } from '../tree/platform.ts';
import { makeRepository } from '../tree/repository.ts';
import { serveTree } from '../tree/server.ts';
import { queryOf } from './query.ts';

const folders = Array.from({ length: 3 }, () => mkdtempSync(join(tmpdir(), 'btfhub-discover-')));
const [root = '', cacheFolder = '', spare = ''] = folders;
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const kernel = (release: string, arch = 'x86_64', name = 'kernel-debuginfo') => ({
  name,
  version: '5.10.0',
  release,
  arch,
  filler: 1000,
});
const zlib = { name: 'zlib', version: '1.2.11', release: '20.oe2203', arch: 'x86_64' };

const SP1 = 'openEuler-22.03-LTS-SP1';
const shared = kernel('136.12.0.86.oe2203sp1');
makeRepository(join(root, SP1, 'debuginfo/x86_64'), [shared, zlib]);
makeRepository(join(root, SP1, 'update/x86_64'), [
  ...[kernel('136.9.0.1.oe2203sp1'), kernel('136.100.0.1.oe2203sp1'), zlib],
]);
makeRepository(join(root, 'openEuler-22.03-LTS/debuginfo/x86_64'), [kernel('60.18.0.50.oe2203')]);
makeRepository(join(root, 'openEuler-22.03-LTS-SP2/update/x86_64'), [shared]);
makeRepository(join(root, 'openEuler-22.03-LTS-SP3/update/aarch64'), [
  kernel('200.0.0.1.oe2203sp3', 'aarch64', 'kernel-64kb-debuginfo'),
  kernel('200.0.0.1.rt62.oe2203sp3', 'aarch64', 'kernel-rt-debuginfo'),
]);
for (const variant of ['rva20', 'rva23']) {
  makeRepository(
    join(root, `openEuler-24.03-LTS-SP3/debuginfo/riscv64/${variant}/riscv64`),
    // The same NVRA with other bytes.
    [{ ...kernel('132.0.0.111.oe2403sp3', 'riscv64'), filler: variant === 'rva20' ? 100 : 200 }],
  );
}
makeRepository(join(root, 'openEuler-preview/update/x86_64'), [kernel('999.oe')]);

async function find(changes: Partial<KernelQuery>) {
  const query = queryOf({ source: OPENEULER, ...changes });
  // Time does not pass so fast that a busy machine looks like a silent mirror.
  return findKernels(fastPlatform({ clock: fastClock(10) }), query, silent);
}

async function names(changes: Partial<KernelQuery>) {
  return (await find(changes)).kernels.map(({ uname }) => uname);
}

/** What the search fails with. */
async function failure(changes: Partial<KernelQuery>): Promise<Failure> {
  const outcome = await find(changes).catch((error: unknown) => error);
  if (outcome instanceof Failure) return outcome;
  throw new Error('it did not fail');
}

const ALL = [
  '5.10.0-60.18.0.50.oe2203.x86_64',
  '5.10.0-132.0.0.111.oe2403sp3.riscv64',
  '5.10.0-136.9.0.1.oe2203sp1.x86_64',
  '5.10.0-136.12.0.86.oe2203sp1.x86_64',
  '5.10.0-136.100.0.1.oe2203sp1.x86_64',
];

describe('finding kernels', () => {
  let url: string;
  let server: Awaited<ReturnType<typeof serveTree>>;
  beforeAll(async () => {
    server = await serveTree(root);
    url = server.url;
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('finds those of every release and architecture, oldest version first', async () => {
    const found = await find({ mirrors: [url] });
    expect(found.kernels.map(({ uname }) => uname)).toEqual(ALL);
    expect(found.problems).toEqual([]);
  });

  test('a package of two service packs is one kernel with two releases and two locations', async () => {
    const [found] = (await find({ mirrors: [url], kernels: ['*-136.12.*'] })).kernels;
    expect(found?.releases).toEqual(['22.03-LTS-SP1', '22.03-LTS-SP2']);
    const rpm = 'kernel-debuginfo-5.10.0-136.12.0.86.oe2203sp1.x86_64.rpm';
    expect(found?.locations).toEqual([
      `openEuler-22.03-LTS-SP1/debuginfo/x86_64/Packages/${rpm}`,
      `openEuler-22.03-LTS-SP2/update/x86_64/Packages/${rpm}`,
    ]);
  });

  test('an NVRA with other bytes in another folder keeps the location of the bytes it promises', async () => {
    const [found] = (await find({ mirrors: [url], arches: ['riscv64'] })).kernels;
    expect(found).toMatchObject({
      versionId: '24.03',
      releases: ['24.03-LTS-SP3'],
      vmlinuxPath: './usr/lib/debug/lib/modules/5.10.0-132.0.0.111.oe2403sp3.riscv64/vmlinux',
    });
    expect(found?.locations).toHaveLength(1);
    expect(found?.alternatives).toMatchObject([
      { locations: [expect.stringContaining('/rva23/')], checksum: { algorithm: 'sha256' } },
    ]);
    expect(found?.keyPaths).toEqual([
      'openEuler-24.03-LTS-SP3/debuginfo/riscv64/rva20/riscv64/RPM-GPG-KEY-openEuler',
    ]);
  });

  test('each flavour has the name that its kernel gives itself', async () => {
    expect(await names({ mirrors: [url], flavours: ['rt', '64kb'] })).toEqual([
      '5.10.0-200.0.0.1.oe2203sp3.aarch64+64kb',
      '5.10.0-200.0.0.1.rt62.oe2203sp3.aarch64',
    ]);
    expect(await names({ mirrors: [url], flavours: ['all'] })).toHaveLength(7);
  });

  test('selects by globs and by all', async () => {
    expect(await names({ mirrors: [url], releases: ['*-SP1'] })).toEqual(ALL.slice(2));
    expect(await names({ mirrors: [url], releases: ['all'], arches: ['risc*'] })).toEqual([ALL[1]]);
    expect(await names({ mirrors: [url], kernels: ['*oe2203.*', ALL[2] as string] })).toEqual([
      ...[ALL[0], ALL[2]],
    ]);
  });

  test('an unknown release, architecture or flavour names those that exist', async () => {
    expect(await failure({ mirrors: [url], releases: ['22.03-LTS-SP9'] })).toMatchObject({
      reason: 'not-found',
      message: '--release 22.03-LTS-SP9 matches nothing.',
      advice: expect.stringContaining('22.03-LTS, 22.03-LTS-SP1, 22.03-LTS-SP2'),
    });
    expect(await failure({ mirrors: [url], arches: ['sparc64'] })).toMatchObject({
      message: '--arch sparc64 matches nothing.',
      advice: 'There are: aarch64, riscv64, x86_64.',
    });
    expect(await failure({ mirrors: [url], flavours: ['uek'] })).toMatchObject({
      advice: 'There are: 64kb, rt, stock.',
    });
  });

  test('a kernel that nothing matches is a problem, and the others are found', async () => {
    const found = await find({ mirrors: [url], kernels: ['1.2.3', ALL[0] as string] });
    expect(found.kernels).toHaveLength(1);
    expect(found.problems.map(({ failure }) => failure.message)).toEqual([
      '--kernel 1.2.3 matches nothing.',
    ]);
  });

  test('kernels of which none matches are refused with the nearest names', async () => {
    expect(
      await failure({ mirrors: [url], kernels: ['5.10.0-136.13.0.86.oe2203sp1.x86_64'] }),
    ).toMatchObject({
      reason: 'not-found',
      message: '--kernel 5.10.0-136.13.0.86.oe2203sp1.x86_64 matches nothing.',
      advice: expect.stringContaining('5.10.0-136.12.0.86.oe2203sp1.x86_64'),
    });
  });

  test('a release and an architecture that no repository has together are named', async () => {
    expect(
      await failure({ mirrors: [url], releases: ['22.03-LTS'], arches: ['riscv64'] }),
    ).toMatchObject({ reason: 'not-found', message: expect.stringContaining('riscv64') });
  });

  test('what did not change is not sent again', async () => {
    const cache = folderCache(cacheFolder, () => {});
    const first = await find({ mirrors: [url], cache });
    server.answers.length = 0;
    const second = await find({ mirrors: [url], cache });
    expect(second).toEqual(first);
    expect(server.answers.length).toBeGreaterThan(10);
    expect(server.answers.filter((line) => !/^(304|404)/.test(line))).toEqual([]);

    for (const file of readdirSync(cacheFolder)) writeFileSync(join(cacheFolder, file), '{"key":');
    expect(await find({ mirrors: [url], cache })).toEqual(first);
  });

  test('a cache that cannot be written is complained of once, and the work goes on', async () => {
    const complaints: string[] = [];
    const file = join(spare, 'file');
    writeFileSync(file, '');
    const cache = folderCache(join(file, 'below'), (message) => complaints.push(message));
    expect((await find({ mirrors: [url], cache })).kernels).toHaveLength(5);
    expect(complaints).toHaveLength(1);
  });

  test('a folder that is no openEuler tree is named as such', async () => {
    const inside = `${url}${SP1}/`;
    expect(await failure({ mirrors: [inside] })).toMatchObject({
      reason: 'bad-repository',
      message: `${inside} is no openEuler tree: it has no folder for 'openEuler-<release>/debuginfo/<arch>'.`,
    });
    expect(await failure({ mirrors: [`${url}nothing/`] })).toMatchObject({ reason: 'not-found' });
  });
});

type Fault = (path: string, request: IncomingMessage, response: ServerResponse) => boolean;

const PORTAL = '<!DOCTYPE html><html><body>Please <a href="http://login/">log in</a></body></html>';
const answer = (response: ServerResponse, body: string | Buffer, status = 200) =>
  response.writeHead(status, { 'content-length': Buffer.byteLength(body) }).end(body);
const primaryOf = (folder: string) =>
  readdirSync(join(root, folder, 'repodata')).find((name) => name.includes('primary')) as string;
const UPDATE = `${SP1}/update/x86_64`;
const bytesOfPrimary = () => readFileSync(join(root, UPDATE, 'repodata', primaryOf(UPDATE)));

/** What a mirror does wrong with one of its repositories, and how it is called. */
describe('a repository that one mirror does not have, while the other gives no answer', () => {
  const without = (path: string, _: IncomingMessage, response: ServerResponse) =>
    path.startsWith(`/${UPDATE}`) && !!answer(response, 'gone', 404);

  /** What is warned of, with these faults of the first and of the second mirror. */
  async function warnings(first: Fault, second: Fault) {
    await using one = await serveTree(root, first);
    await using two = await serveTree(root, second);
    const lines: string[] = [];
    const query: KernelQuery = {
      source: OPENEULER,
      mirrors: [one.url, two.url],
      releases: ['22.03-LTS-SP1'],
      arches: [],
      kernels: [],
      flavours: [],
      method: 'auto',
      cache: noCache,
    };
    const progress = { ...silent, warn: (line: string) => void lines.push(line) };
    const { kernels } = await findKernels(fastPlatform({ clock: fastClock(10) }), query, progress);
    return { lines, kernels: kernels.length, sick: one.url };
  }

  test('is said in one warning that names the folder and the mirror', async () => {
    const ill: Fault = (_path, _request, response) => !!answer(response, 'ill', 503);
    const { lines, kernels, sick } = await warnings(ill, without);
    expect(kernels).toBe(1);
    expect(lines).toEqual([expect.stringContaining(UPDATE)]);
    expect(lines[0]).toContain(`${sick} did not answer: kernels may be missing`);
  });

  test('is believed without a word where the first mirror says so', async () => {
    const { lines, kernels } = await warnings(without, () => false);
    expect(kernels).toBe(1);
    expect(lines).toEqual([]);
  });
});

const FAULTS: readonly [string, Failure['reason'], RegExp, Fault][] = [
  [
    'a web page instead of repomd.xml',
    'bad-repository',
    /is not the metadata it should be: it is a web page/,
    (path, _, response) =>
      path.endsWith(`${UPDATE}/repodata/repomd.xml`) && !!answer(response, PORTAL),
  ],
  [
    'a primary that is gone',
    'bad-repository',
    /has a repomd.xml, but not the repodata\/\S+primary/,
    (path, _, response) =>
      path.includes(`${UPDATE}/repodata/`) &&
      path.includes('primary') &&
      !!answer(response, 'gone', 404),
  ],
  [
    'a primary of other bytes',
    'checksum-mismatch',
    /has the sha256 [0-9a-f]{64} instead of [0-9a-f]{64}/,
    (path, _, response) => {
      if (!path.includes(`${UPDATE}/repodata/`) || !path.includes('primary')) return false;
      const other = Buffer.from(bytesOfPrimary());
      other[4] = (other[4] ?? 0) ^ 1; // the time in the gzip header, which no reader minds
      return !!answer(response, other);
    },
  ],
  [
    'a primary that is cut off',
    'checksum-mismatch',
    /has \d+ bytes instead of \d+/,
    (path, _, response) =>
      path.includes(`${UPDATE}/repodata/`) &&
      path.includes('primary') &&
      !!answer(response, bytesOfPrimary().subarray(0, 300)),
  ],
  [
    'a repomd.xml that is cut off',
    'bad-repository',
    /is not the metadata it should be/,
    (path, _, response) => {
      if (!path.endsWith(`${UPDATE}/repodata/repomd.xml`)) return false;
      return !!answer(response, readFileSync(join(root, path)).subarray(0, 400));
    },
  ],
  [
    'nothing but errors',
    'network',
    /No mirror could deliver .*status 503/,
    (path, _, response) => path.includes(`${UPDATE}/repodata/`) && !!answer(response, 'busy', 503),
  ],
  [
    'a connection that breaks in the middle',
    'bad-repository',
    /No mirror could deliver/,
    (path, _, response) => {
      if (!path.includes(`${UPDATE}/repodata/`) || !path.includes('primary')) return false;
      const whole = bytesOfPrimary();
      response.writeHead(200, { 'content-length': whole.length }).write(whole.subarray(0, 200));
      setImmediate(() => response.destroy());
      return true;
    },
  ],
];

describe.each(FAULTS)('with %s', (_title, reason, message, fault) => {
  test('that repository alone is has a problem', async () => {
    await using bad = await serveTree(root, fault);
    const found = await find({ mirrors: [bad.url] });
    expect(found.kernels.map(({ uname }) => uname)).toEqual([ALL[0], ALL[1], ALL[3]]);
    expect(found.problems).toMatchObject([{ where: UPDATE, failure: { reason } }]);
    expect(found.problems[0]?.failure.message).toMatch(message);
  });

  test('the next mirror gives what the first cannot', async () => {
    await using bad = await serveTree(root, fault);
    await using good = await serveTree(root);
    const found = await find({ mirrors: [bad.url, good.url] });
    expect(found.kernels.map(({ uname }) => uname)).toEqual(ALL);
    expect(found.problems).toEqual([]);
  });
});

test('a network that answers everything with a page of its own is named, and left for the next mirror', async () => {
  await using portal = await serveTree(root, (_path, _, response) => !!answer(response, PORTAL));
  await using good = await serveTree(root);
  expect(await failure({ mirrors: [portal.url] })).toMatchObject({
    reason: 'bad-repository',
    message: `${portal.url} answers with a page that lists no folder.`,
  });
  expect(await names({ mirrors: [portal.url, good.url] })).toEqual(ALL);
});

test('releases and architectures that are named need no page of folders', async () => {
  await using secretive = await serveTree(
    root,
    (path, _, response) => path.endsWith('/') && !!answer(response, 'forbidden', 403),
  );
  const named = { mirrors: [secretive.url], releases: ['22.03-LTS-SP1'], arches: ['x86_64'] };
  expect(await names(named)).toEqual(ALL.slice(2));
  expect(await failure({ ...named, releases: ['all'] })).toMatchObject({ reason: 'network' });
});

test('a page that is no listing does not matter where release and architecture are named', async () => {
  await using portal = await serveTree(
    root,
    (path, _, response) => path.endsWith('/') && !!answer(response, PORTAL),
  );
  const named = { mirrors: [portal.url], releases: ['22.03-LTS-SP1'], arches: ['x86_64'] };
  expect(await names(named)).toEqual(ALL.slice(2));
  expect(await failure({ ...named, arches: ['all'] })).toMatchObject({ reason: 'bad-repository' });
});

test('when every repository is broken, the first of their failures is that of the search', async () => {
  await using bad = await serveTree(
    root,
    (path, _, response) => path.endsWith('repomd.xml') && !!answer(response, PORTAL),
  );
  expect(await failure({ mirrors: [bad.url] })).toMatchObject({ reason: 'bad-repository' });
});
