import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { packBtf, unpackBtf } from '../../src/btf/tarball.ts';
import { fetch } from '../../src/commands/fetch.ts';
import { undiciHttp } from '../../src/download/http.ts';
import { serveFolder } from '../../src/download/static-server.ts';
import { parseOsRelease, readOsRelease } from '../../src/jobs/fetch/machine.ts';
import { osOfUname } from '../../src/jobs/fetch/uname.ts';
import { asUname } from '../../src/names.ts';
import { archiveFiles, catalogOf, writeFiles } from '../archive/archive-files.ts';
import { EVERY_KIND, paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { startGitServer } from '../git/git-server.ts';
import { commit, createRepository } from '../git/repositories.ts';
import { shared, testWithShared } from '../shared.ts';
import { hostWith, makeImage, run } from './hosts.ts';

const folder = temporaryFolder();
const btf = paholeBtf(folder, EVERY_KIND);
const UNAMES = [
  '5.10.0-60.1.0.30.oe2203.x86_64',
  '5.10.0-60.2.0.31.oe2203.x86_64',
  '5.10.0-60.1.0.30.oe2203.aarch64',
];
const [X86 = '', NEXT = '', ARM = ''] = UNAMES;
const archive = join(folder, 'archive');
const output = join(folder, 'kernel.btf');
const small = { minimumTypes: '20' };
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const tarballs = Object.fromEntries(
    await Promise.all(
      UNAMES.map(async (one) => [one, await packBtf(programs, asUname(one), btf)] as const),
    ),
  );
  writeFiles(archive, { ...archiveFiles(tarballs), 'catalog.json': catalogOf(tarballs) });
});
afterAll(() => Promise.all(closers.map((close) => close())));

test('the BTF of the running kernel is fetched, on x86_64 and on Arm', async () => {
  for (const [uname, machine] of [
    [X86, 'x86_64'],
    [ARM, 'aarch64'],
  ] as const) {
    const { status, document, text } = await run(hostWith(uname, machine), fetch, {
      archive,
      output,
      ...small,
    });
    expect(status).toBe(0);
    expect(readFileSync(output)).toEqual(btf);
    expect(document).toMatchObject({ uname, arch: machine, versionId: '22.03', promised: true });
    expect(text).toContain(`${output}: the BTF of ${uname}`);
  }
});

test('the only kernel of an image is fetched, by the os-release of the image', async () => {
  const root = makeImage(join(folder, 'image'), '22.03', ARM);
  const platform = hostWith(X86, 'x86_64');
  const { document } = await run(platform, fetch, { archive, output: folder, root, ...small });
  expect(document).toMatchObject({ uname: ARM, output: join(folder, `${ARM}.btf`), ownBtf: false });
  const several = makeImage(join(folder, 'several'), '22.03', X86, NEXT);
  await expect(run(platform, fetch, { archive, output, root: several })).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringContaining(NEXT),
  });
});

test('a kernel that the archive does not have is reported with the nearest ones, also in JSON', async () => {
  const uname = '5.10.0-60.1.0.99.oe2203.x86_64';
  const platform = hostWith(X86, 'x86_64');
  const failure = await run(platform, fetch, { archive, output, uname }).catch((error) => error);
  expect(failure).toMatchObject({ reason: 'not-found' });
  expect(failure.message).toContain(`has no BTF for ${uname}`);
  expect(failure.message).toContain(`${X86}, ${NEXT}.`);
  const { nearest, hasBtf } = JSON.parse(JSON.stringify(failure));
  expect(nearest.map((one: { uname: string }) => one.uname)).toEqual([X86, NEXT]);
  expect(hasBtf).toBe(false);
});

test('whether the running kernel has its own BTF is said first, without the network', async () => {
  const uname = '5.10.0-60.1.0.99.oe2203.x86_64';
  const platform = hostWith(uname, 'x86_64');
  const failure = await run(platform, fetch, { archive, output }).catch((error) => error);
  const lines: string[] = [];
  const stderr = { write: (line: string) => lines.push(line) > 0 };
  const unreachable = { archive: 'http://127.0.0.1:9/archive', output };
  await expect(run({ ...platform, stderr }, fetch, unreachable)).rejects.toMatchObject({
    reason: 'network',
  });
  const own = existsSync('/sys/kernel/btf/vmlinux');
  expect(failure.hasBtf).toBe(own);
  expect(/has its own BTF/.test(lines[0] ?? '')).toBe(own);
  expect(failure.advice).toMatch(own ? /its own BTF in \/sys\/kernel\/btf/ : /btfhub build/);
});

test('nothing is written when the BTF is not that of a whole kernel', async () => {
  const empty = makeImage(join(folder, 'empty'), '22.03', X86);
  const given = { archive, output: join(empty, 'out.btf'), root: empty };
  await expect(run(hostWith(X86, 'x86_64'), fetch, given)).rejects.toMatchObject({
    reason: 'bad-btf',
  });
  expect(readdirSync(empty).sort()).toEqual(['etc', 'lib']);
});

describe('an HTTP root without a catalog', () => {
  const bare = join(folder, 'bare');
  const OLD = '4.19.90-2112.8.0.0131.oe1.x86_64';
  const OWN = '5.10.0-7.own.x86_64';
  let url: string;
  beforeAll(async () => {
    for (const uname of [X86, OLD, OWN]) {
      writeFiles(bare, archiveFiles({ [uname]: await packBtf(programs, asUname(uname), btf) }));
    }
    const served = await serveFolder(bare);
    closers.push(served.close);
    url = served.url;
  });

  test.each([
    ['oe2203', X86, '22.03'],
    ['oe1', OLD, '20.03'],
  ])('has the kernel where the name says, %s, on any machine', async (_, uname, versionId) => {
    const root = makeImage(join(folder, `elsewhere-${versionId}`), '99.09', NEXT);
    for (const more of [{ root }, {}]) {
      const given = { archive: url, output, uname, ...small, ...more };
      const { document } = await run(hostWith(ARM, 'aarch64'), fetch, given);
      expect(document).toMatchObject({ uname, arch: 'x86_64', versionId, promised: false });
    }
  });

  test('is asked where the options say; the failure names the files, and the options', async () => {
    const root = makeImage(join(folder, 'unknown'), '99.09', OWN);
    const given = { archive: url, output, root, ...small };
    const platform = hostWith(X86, 'x86_64');
    await expect(run(platform, fetch, given)).rejects.toMatchObject({
      reason: 'not-found',
      message: expect.stringContaining(`openEuler/99.09/x86_64/${OWN}.btf.tar.xz`),
      advice: expect.stringContaining('--version-id'),
    });
    const { document } = await run(platform, fetch, { ...given, versionId: '22.03' });
    expect(document).toMatchObject({ uname: OWN, versionId: '22.03' });
  });

  test('cannot be asked when nothing tells the VERSION_ID', async () => {
    const root = join(folder, 'bare-image');
    writeFiles(root, { [`lib/modules/${OWN}/modules.dep`]: '' });
    await expect(
      run(hostWith(X86, 'x86_64'), fetch, { archive: url, output, root, ...small }),
    ).rejects.toMatchObject({ reason: 'usage', advice: expect.stringContaining('--version-id') });
  });
});

test('a self-built kernel is found by its name, with the architecture of the machine or of --arch', async () => {
  const own = join(folder, 'own');
  const tarball = await packBtf(programs, asUname('5.10.0+'), btf);
  writeFiles(own, { 'openEuler/22.03/arm64/5.10.0+.btf.tar.xz': tarball });
  const running = hostWith('5.10.0+', 'aarch64');
  const given = { archive: own, output, ...small };
  expect((await run(running, fetch, given)).document).toMatchObject({
    uname: '5.10.0+',
    arch: 'aarch64',
  });
  const root = makeImage(join(folder, 'self-built'), '22.03', '5.10.0+');
  const x86 = hostWith(X86, 'x86_64');
  await expect(run(x86, fetch, { ...given, root })).rejects.toMatchObject({
    reason: 'usage',
    advice: expect.stringContaining('--arch'),
  });
  const { document } = await run(x86, fetch, { ...given, root, arch: 'aarch64' });
  expect(document).toMatchObject({ uname: '5.10.0+', arch: 'aarch64' });
});

test('the os-release of an image is read inside it, not that of the machine', async () => {
  const root = makeImage(join(folder, 'links'), '22.03', X86);
  rmSync(join(root, 'etc/os-release'));
  symlinkSync('/usr/lib/os-release', join(root, 'etc/os-release'));
  expect(await readOsRelease(root)).toEqual(new Map());
  writeFiles(root, { 'usr/lib/os-release': 'ID=openEuler\nVERSION_ID=20.03\n' });
  expect((await readOsRelease(root)).get('VERSION_ID')).toBe('20.03');
});

test.each([
  ['4.19.90-2112.8.0.0131.oe1.x86_64', ['20.03', '20.09']],
  ['5.10.0-4.17.0.28.oe1.x86_64', ['21.03', '21.09']],
  ['4.19.90-2312.1.0.0255.oe2003sp4.aarch64', ['20.03']],
  ['5.10.0-216.0.0.115.oe2203sp4.aarch64+64kb', ['22.03']],
  ['6.6.0-102.0.0.8.oe2509.x86_64', ['25.09']],
  ['6.12.0-1.fc41.x86_64', []],
  ['5.10.0+', []],
])('the name %s tells the VERSION_ID %j', (uname, versions) => {
  expect(osOfUname(asUname(uname)).map(({ versionId }) => versionId)).toEqual(versions);
});

describe('without a usable network', () => {
  const given = { output, uname: X86, ...small };
  /** A server that gives every request the same answer, as the login page of a network does. */
  async function portal(): Promise<string> {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(async () => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive/`;
  }

  test('a login page is named as one', async () => {
    const archive = await portal();
    await expect(run(hostWith(X86, 'x86_64'), fetch, { ...given, archive })).rejects.toMatchObject({
      reason: 'network',
      message: expect.stringContaining(`${archive} answered with a web page instead of`),
    });
  });

  test('an archive that refuses connections is named, with the reason', async () => {
    const archive = 'http://127.0.0.1:9/archive';
    await expect(run(hostWith(X86, 'x86_64'), fetch, { ...given, archive })).rejects.toMatchObject({
      reason: 'network',
      message: `The archive ${archive} cannot be reached: connect ECONNREFUSED 127.0.0.1:9.`,
    });
  });

  test('a proxy that refuses connections is named by its variable, without its password', async () => {
    const env = { https_proxy: 'http://user:secret@127.0.0.1:9' };
    const platform = { ...hostWith(X86, 'x86_64'), env, http: undiciHttp(env) };
    const archive = 'https://archive.invalid/btf';
    const failure = await run(platform, fetch, { ...given, archive }).catch((error) => error);
    expect(failure).toMatchObject({
      reason: 'network',
      message: expect.stringContaining(archive),
      advice: expect.stringContaining('the proxy of https_proxy'),
    });
    expect(JSON.stringify(failure) + String(failure.stack)).not.toContain('secret');
  });
});

test('os-release is read with and without quotes', () => {
  const text = `# a comment\nID=openEuler\nVERSION_ID="22.03"\nNAME='open Euler'\nPRETTY_NAME="a \\"b\\""\n`;
  expect(Object.fromEntries(parseOsRelease(text))).toEqual({
    ID: 'openEuler',
    VERSION_ID: '22.03',
    NAME: 'open Euler',
    PRETTY_NAME: 'a "b"',
  });
});

describe.each(['x86_64', 'aarch64'])('the real BTF of %s', (arch) => {
  const uname = `4.19.90-2112.8.0.0131.oe1.${arch}`;
  testWithShared('samples')('is the very one, by git as by HTTP', async () => {
    const tarball = readFileSync(join(shared, 'samples', `${uname}.btf.tar.xz`));
    const files = archiveFiles({ [uname]: tarball });
    const root = join(folder, `real-${arch}`);
    commit(createRepository(root, 'archive.git'), 'master', files);
    writeFiles(join(root, 'raw'), { ...files, 'catalog.json': catalogOf({ [uname]: tarball }) });
    const [git, http] = [await startGitServer(root), await serveFolder(join(root, 'raw'))];
    closers.push(git.close, http.close);
    const real = await unpackBtf(programs, tarball);
    for (const where of [git.url('archive.git'), http.url]) {
      const { document } = await run(hostWith(uname, arch), fetch, { archive: where, output });
      expect(document).toMatchObject({
        uname,
        arch,
        versionId: '20.03',
        promised: where === http.url,
      });
      expect(readFileSync(output).equals(real.btf)).toBe(true);
    }
  });
});
