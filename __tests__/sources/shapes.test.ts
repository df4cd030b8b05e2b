import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../src/failure.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { silent } from '../../src/report/progress.ts';
import { findKernels, type KernelQuery } from '../../src/sources/discover.ts';
import { parseMirrorList } from '../../src/sources/mirror-list.ts';
import { parseSource, type Source } from '../../src/sources/source.ts';
import { fastClock } from '../download/conditions.ts';
import { rpmbuild } from '../rpm/rpmbuild.ts';
import { fastPlatform } from '../tree/platform.ts';
import { makeRepository } from '../tree/repository.ts';
import { type TinyRpm, tinyRpm } from '../tree/rpm-file.ts';
import { serveTree } from '../tree/server.ts';
import { queryOf } from './query.ts';

const folder = mkdtempSync(join(tmpdir(), 'btfhub-shapes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const VMLINUX = './usr/lib/debug/lib/modules/<uname>/vmlinux';
const rpm = (version: string, release: string, changes: Partial<TinyRpm> = {}): TinyRpm => ({
  name: 'kernel-debuginfo',
  version,
  release,
  arch: 'x86_64',
  ...changes,
});

/** A source of which only the parts of interest are given. */
function source(changes: object): Source {
  return parseSource(
    {
      id: 'other',
      mirrors: [],
      versionId: '^(\\d+)',
      repositories: [{ name: 'debug', folders: ['<release>/<arch>'] }],
      flavours: {
        stock: { package: 'kernel-debuginfo', uname: '<ver>-<rel>.<arch>', vmlinux: VMLINUX },
      },
      ...changes,
    },
    'test',
  );
}

let count = 0;
function newRoot(): string {
  count += 1;
  const root = join(folder, `${count}`);
  mkdirSync(root);
  return root;
}

async function find(
  what: Source,
  mirrors: readonly string[],
  changes: Partial<KernelQuery> = {},
  clock: Clock = systemClock,
) {
  const query = queryOf({ source: what, mirrors, ...changes });
  return findKernels(fastPlatform({ clock }), query, silent);
}

test('several placeholders in one folder name are told apart', async () => {
  const root = newRoot();
  makeRepository(join(root, 'openeuler-22.03_LTS_SP1-x86_64'), [rpm('5.10.0', '1.oe2203sp1')]);
  makeRepository(join(root, 'openeuler-24.03_LTS-aarch64'), [
    rpm('6.6.0', '1.oe2403', { arch: 'aarch64' }),
  ]);
  makeRepository(join(root, 'fedora-40-x86_64'), [rpm('6.9.0', '1.fc40')]);
  const what = source({
    versionId: '^(\\d\\d\\.\\d\\d)_',
    repositories: [{ name: 'user', folders: ['openeuler-<release>-<arch>'] }],
    keys: { file: '../pubkey.gpg', fingerprints: [] },
  });
  await using server = await serveTree(root);
  const { kernels, problems } = await find(what, [server.url]);
  expect(problems).toEqual([]);
  expect(kernels).toMatchObject([
    { uname: '5.10.0-1.oe2203sp1.x86_64', versionId: '22.03', releases: ['22.03_LTS_SP1'] },
    { uname: '6.6.0-1.oe2403.aarch64', versionId: '24.03', keyPaths: ['pubkey.gpg'] },
  ]);
});

test('a folder without release and architecture: the file says the release, the packages the architecture', async () => {
  const root = newRoot();
  const suse = (release: string, arch: string) =>
    rpm('5.14.21', release, { name: 'kernel-default-debuginfo', arch });
  makeRepository(join(root, 'debug/update/leap/15.5/oss'), [
    suse('150500.55.31.1', 'x86_64'),
    suse('150500.55.7.1', 'aarch64'),
  ]);
  makeRepository(join(root, 'debug/tumbleweed/repo/oss'), [
    rpm('6.6.3', '1.1', { name: 'kernel-default-debuginfo' }),
  ]);
  const what = source({
    versionId: '^(\\d+\\.\\d+|tumbleweed)$',
    repositories: [
      { name: 'leap', folders: ['debug/update/leap/<release>/oss'] },
      { name: 'tumbleweed', folders: ['debug/tumbleweed/repo/oss'], release: 'tumbleweed' },
    ],
    flavours: {
      default: {
        package: 'kernel-default-debuginfo',
        uname: {
          match: '^(?<version>[^-]+)-(?<number>.+)\\.\\d+\\.[^.]+$',
          text: '<version>-<number>-default',
        },
        vmlinux: [
          './usr/lib/debug/boot/vmlinux-<uname>.debug',
          './usr/lib/debug/<uname>/vmlinux.debug',
        ],
      },
    },
  });
  await using server = await serveTree(root);
  const { kernels, problems } = await find(what, [server.url]);
  expect(problems).toEqual([]);
  expect(kernels.map(({ uname, arch, versionId }) => [uname, arch, versionId])).toEqual([
    ['5.14.21-150500.55.7-default', 'aarch64', '15.5'],
    ['5.14.21-150500.55.31-default', 'x86_64', '15.5'],
    ['6.6.3-1-default', 'x86_64', 'tumbleweed'],
  ]);
  expect(kernels[1]).toMatchObject({
    vmlinuxPath: './usr/lib/debug/boot/vmlinux-5.14.21-150500.55.31-default.debug',
    otherVmlinuxPaths: ['./usr/lib/debug/5.14.21-150500.55.31-default/vmlinux.debug'],
  });
  const arm = await find(what, [server.url], { arches: ['aarch64'] });
  expect(arm.kernels).toHaveLength(1);
});

test('a folder without repodata is read by its page and the headers of its packages', async () => {
  const root = newRoot();
  mkdirSync(join(root, 'ol8/debuginfo'), { recursive: true });
  const write = (one: TinyRpm) =>
    writeFileSync(
      join(root, 'ol8/debuginfo', `${one.name}-${one.version}-${one.release}.${one.arch}.rpm`),
      tinyRpm({ ...one, filler: 100_000 }),
    );
  write(rpm('4.18.0', '513.el8'));
  write(rpm('5.4.17', '2136.el8uek', { name: 'kernel-uek-debuginfo' }));
  write(rpm('5.4.17', '2136.el8uek', { name: 'kernel-uek-debuginfo', arch: 'aarch64' }));
  write(rpm('1.2', '3', { name: 'bash-debuginfo' }));
  const what = source({
    id: 'ol',
    repositories: [{ name: 'debuginfo', folders: ['ol<release>/debuginfo'], packages: 'listing' }],
    flavours: {
      uek: { package: 'kernel-uek-debuginfo', uname: '<ver>-<rel>.<arch>', vmlinux: VMLINUX },
      rhck: { package: 'kernel-debuginfo', uname: '<ver>-<rel>.<arch>', vmlinux: VMLINUX },
    },
  });
  await using server = await serveTree(root);
  const { kernels, packages } = await find(what, [server.url], { flavours: ['all'] });
  expect(packages).toBe(4);
  expect(kernels.map(({ uname }) => uname)).toEqual([
    '4.18.0-513.el8.x86_64',
    '5.4.17-2136.el8uek.aarch64',
    '5.4.17-2136.el8uek.x86_64',
  ]);
  const [first] = kernels;
  const file = tinyRpm({ ...rpm('4.18.0', '513.el8'), filler: 100_000 });
  expect(first).toMatchObject({
    size: file.length,
    checksumOf: 'header',
    checksum: { algorithm: 'sha256' },
    locations: ['ol8/debuginfo/kernel-debuginfo-4.18.0-513.el8.x86_64.rpm'],
  });
});

describe('a flat repository behind', () => {
  const file = 'kernel-debuginfo-5.10.0-60.18.0.50.oe2203.x86_64.rpm';
  const root = newRoot();
  const pages = join(import.meta.dirname, 'listings');
  const what = source({
    versionId: '^(all)$',
    repositories: [{ name: 'flat', folders: ['mirror'], release: 'all', packages: 'listing' }],
  });
  beforeAll(() => {
    mkdirSync(join(root, 'mirror'));
    writeFileSync(
      join(root, 'mirror', file),
      tinyRpm({ ...rpm('5.10.0', '60.18.0.50.oe2203'), filler: 100_000 }),
    );
  });

  test.each(readdirSync(pages))('the server that wrote %s', async (name) => {
    const page = readFileSync(join(pages, name));
    await using server = await serveTree(root, (path, _, response) =>
      path === '/mirror/' ? !!response.end(page) : false,
    );
    const { kernels } = await find(what, [server.url]);
    expect(kernels.map(({ uname }) => uname)).toEqual(['5.10.0-60.18.0.50.oe2203.x86_64']);
  });

  test('a real nginx, by ranges', async () => {
    const port = await freePort();
    const log = join(root, 'nginx.log');
    writeFileSync(
      join(root, 'nginx.conf'),
      // Workers of another user cannot read the temporary folder.
      `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${join(root, 'nginx.pid')}; error_log ${log}; events {}
       http { access_log ${log} ; client_body_temp_path ${root}/b; proxy_temp_path ${root}/p;
         fastcgi_temp_path ${root}/f; uwsgi_temp_path ${root}/u; scgi_temp_path ${root}/s;
         server { listen 127.0.0.1:${port}; root ${root}; autoindex on; } }`,
    );
    const nginx = spawn('nginx', ['-p', root, '-c', join(root, 'nginx.conf')]);
    try {
      const url = `http://127.0.0.1:${port}/`;
      await until(() =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      );
      const { kernels } = await find(what, [url]);
      expect(kernels).toMatchObject([{ uname: '5.10.0-60.18.0.50.oe2203.x86_64' }]);
      expect(readFileSync(log, 'utf8')).toMatch(/GET \/mirror\/kernel\S+ HTTP\/1\.1" 206 65536/);
    } finally {
      nginx.kill();
      await once(nginx, 'close');
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function until(isReady: () => Promise<boolean>): Promise<void> {
  while (!(await isReady())) await new Promise((next) => setImmediate(next));
}

test("uname is read from the package's own file list", async () => {
  const root = newRoot();
  const tree = join(root, 'tree');
  mkdirSync(join(tree, 'usr/lib/debug/lib/modules/1.2-3-custom.x86_64'), { recursive: true });
  writeFileSync(join(tree, 'usr/lib/debug/lib/modules/1.2-3-custom.x86_64/vmlinux'), 'x');
  const built = rpmbuild(join(root, 'built'), 'kernel-debuginfo', tree, 'w2.xzdio');
  mkdirSync(join(root, 'mirror/7/x86_64/Packages'), { recursive: true });
  renameSync(built, join(root, 'mirror/7/x86_64/Packages/kernel-debuginfo-1.2-3.x86_64.rpm'));
  makeRepository(join(root, 'mirror/7/x86_64'), [rpm('5.10.0', '2', { filler: 9 })]);
  const what = source({
    flavours: {
      stock: {
        package: 'kernel-debuginfo',
        uname: { files: '^/usr/lib/debug/lib/modules/(?<uname>[^/]+)/vmlinux$' },
        vmlinux: VMLINUX,
      },
    },
  });
  await using server = await serveTree(join(root, 'mirror'));
  const { kernels, problems } = await find(what, [server.url]);
  expect(kernels.map(({ uname }) => uname)).toEqual(['1.2-3-custom.x86_64']);
  expect(problems).toHaveLength(1);
});

test('VERSION_ID is read from the name of the package', async () => {
  const root = newRoot();
  makeRepository(join(root, 'all/x86_64'), [
    rpm('5.10.0', '1.oe2203sp1'),
    rpm('6.6.0', '1.oe2403'),
    rpm('6.1.0', '1.fc40'),
  ]);
  const what = source({
    versionId: {
      of: 'package',
      match: '\\.oe(?<year>\\d\\d)(?<month>\\d\\d)',
      text: '<year>.<month>',
    },
    repositories: [{ name: 'all', folders: ['all/<arch>'], release: 'all' }],
  });
  await using server = await serveTree(root);
  const { kernels } = await find(what, [server.url]);
  expect(kernels.map(({ versionId }) => versionId)).toEqual(['22.03', '24.03']);
});

test('repository IDs come from the repomd.xml of the folder above', async () => {
  const root = newRoot();
  makeRepository(join(root, '7'), [], ['--repo', 'kernels-x', '--repo', '../evil']);
  makeRepository(join(root, '7/kernels-x/x86_64'), [rpm('5.10.0', '1')]);
  const what = source({
    repositories: [{ name: 'ids', folders: ['<release>/<repoid>/<arch>'] }],
  });
  await using server = await serveTree(root);
  const { kernels, problems } = await find(what, [server.url]);
  expect(problems).toEqual([]);
  expect(kernels.map(({ locations }) => locations[0])).toEqual([
    '7/kernels-x/x86_64/Packages/kernel-debuginfo-5.10.0-1.x86_64.rpm',
  ]);
});

describe('mirror lists', () => {
  const root = newRoot();
  makeRepository(join(root, 'pub/linux/40/x86_64/debug/tree'), [rpm('6.9.0', '1.fc40')]);
  const withList = (mirrorList: string, changes: object = {}) =>
    source({
      releases: ['40'],
      arches: ['x86_64'],
      repositories: [
        { name: 'debug', folders: ['<release>/<arch>/debug/tree'], mirrorList, ...changes },
      ],
    });

  test('a metalink gives mirrors, whose addresses end in the folder', async () => {
    await using server = await serveTree(root);
    const metalink = `<?xml version="1.0"?><metalink xmlns="http://www.metalinker.org/"><files><file name="repomd.xml"><resources>
      <url protocol="rsync">rsync://nowhere/pub</url>
      <url protocol="http" preference="100">${server.url}pub/linux/40/x86_64/debug/tree/repodata/repomd.xml</url>
      </resources></file></files></metalink>`;
    await using lists = await serveTree(folder, (_path, _, response) => !!response.end(metalink));
    const what = withList(`${lists.url}metalink?repo=debug-<release>&arch=<arch>`);
    const found = await find(what, []);
    expect(found.mirrors).toEqual([`${server.url}pub/linux/`]);
    expect(found.kernels).toMatchObject([{ uname: '6.9.0-1.fc40.x86_64', versionId: '40' }]);
    expect(found.kernels[0]?.locations[0]).toMatch(/^40\/x86_64\/debug\/tree\/Packages\//);
  });

  test('a plain list may name a folder that no template describes', async () => {
    const tree = newRoot();
    makeRepository(join(tree, 'core/guids/1f2e3d/x86_64'), [rpm('6.1.0', '1.amzn2023')]);
    await using server = await serveTree(tree);
    const list = `${server.url}core/guids/1f2e3d/x86_64/\n`;
    await using lists = await serveTree(folder, (_path, _, response) => !!response.end(list));
    const found = await find(withList(`${lists.url}mirror.list`), []);
    expect(found.kernels.map(({ locations }) => locations[0])).toEqual([
      'core/guids/1f2e3d/x86_64/Packages/kernel-debuginfo-6.1.0-1.amzn2023.x86_64.rpm',
    ]);
  });

  test('--mirror stands in for the list', async () => {
    await using server = await serveTree(join(root, 'pub/linux'));
    const found = await find(withList('http://127.0.0.1:1/list'), [server.url]);
    expect(found.kernels).toHaveLength(1);
  });

  test('a list of a thousand dead hosts ends in a named error', async () => {
    const list = Array.from(
      { length: 1000 },
      (_, n) => `http://127.0.0.1:1/${n}/40/x86_64/debug/tree`,
    );
    await using lists = await serveTree(
      folder,
      (_path, _, response) => !!response.end(list.join('\n')),
    );
    const outcome = find(withList(`${lists.url}list`), [], {}, fastClock(100));
    await expect(outcome).rejects.toMatchObject({ reason: 'network' });
  }, 60_000);

  test.each([
    ['nothing', '', 'names no address'],
    ['a web page', '<html><body>log in</body></html>', 'names no address'],
    ['2 MB', 'x'.repeat(2_000_000), 'is longer than'],
  ])('a list of %s is refused by name', async (_title, body, message) => {
    await using lists = await serveTree(folder, (_path, _, response) => !!response.end(body));
    await expect(find(withList(`${lists.url}list`), [])).rejects.toThrow(message);
  });
});

test('a flat folder of 50,000 kernels is refused, unless fewer are selected', async () => {
  const root = newRoot();
  mkdirSync(join(root, 'flat'));
  const file = 'kernel-debuginfo-5.10.0-7.x86_64.rpm';
  writeFileSync(join(root, 'flat', file), tinyRpm({ ...rpm('5.10.0', '7'), filler: 100_000 }));
  const links = Array.from({ length: 50_000 }, (_, n) => {
    const name = `kernel-debuginfo-5.10.0-${n}.x86_64.rpm`;
    return `<a href="${name}">${name}</a>\n`;
  });
  const page = `<title>Index of /flat/</title>${links.join('')}`;
  await using server = await serveTree(root, (path, _, response) =>
    path === '/flat/' ? !!response.end(page) : false,
  );
  const what = source({
    versionId: '^(all)$',
    repositories: [{ name: 'flat', folders: ['flat'], release: 'all', packages: 'listing' }],
  });
  await expect(find(what, [server.url])).rejects.toThrow('The headers of 50000 packages');
  const { kernels } = await find(what, [server.url], { kernels: ['5.10.0-7.x86_64'] });
  expect(kernels).toHaveLength(1);
}, 120_000);

test('of a mirror list with https addresses the others are left out', () => {
  expect(
    parseMirrorList('http://a/x\nhttps://b/x/\nrsync://c/x\nhttps://d/x/repodata/repomd.xml\n#'),
  ).toEqual(['https://b/x', 'https://d/x']);
  expect(parseMirrorList('http://a/x')).toEqual(['http://a/x']);
});

test('a catastrophic expression is stopped, and named', async () => {
  const root = newRoot();
  makeRepository(join(root, `${'a'.repeat(60)}/x86_64`), [rpm('5.10.0', '1')]);
  await using server = await serveTree(root);
  const before = performance.now();
  const outcome = await find(source({ versionId: '^(a+)+!$' }), [server.url]).catch(
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(Failure);
  expect(`${(outcome as Failure).message}`).toContain("The expression '^(a+)+!$'");
  expect(performance.now() - before).toBeLessThan(20_000);
}, 30_000);

test('a server with more folders than a distribution can have is left with a named error', async () => {
  const names = Array.from({ length: 6000 }, (_, n) => `<a href="${n}/">${n}</a>`).join('');
  const page = `<title>Index of /</title>${names}`;
  await using server = await serveTree(folder, (path, _, response) =>
    path.endsWith('/') ? !!response.end(page) : false,
  );
  const outcome = find(source({}), [server.url]);
  await expect(outcome).rejects.toThrow("More than 5000 folders fit '<release>/<arch>'.");
}, 60_000);
