import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packBtf, unpackBtf } from '../../src/btf/tarball.ts';
import { fetch } from '../../src/commands/fetch.ts';
import { serveFolder } from '../../src/download/static-server.ts';
import { parseOsRelease } from '../../src/jobs/fetch/machine.ts';
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

test('the BTF of the kernel that runs, on x86_64 and on Arm', async () => {
  for (const [uname, machine] of [
    [X86, 'x86_64'],
    [ARM, 'aarch64'],
  ] as const) {
    const { status, document, text } = await run(hostWith(uname, machine), fetch, {
      ...{ archive, output, ...small },
    });
    expect(status).toBe(0);
    expect(readFileSync(output)).toEqual(btf);
    expect(document).toMatchObject({ uname, arch: machine, versionId: '22.03', promised: true });
    expect(text).toContain(`${output}: the BTF of ${uname}`);
  }
});

test('the only kernel of an image, by the os-release of the image', async () => {
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

test('what is not there is told with its neighbours, also in JSON', async () => {
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

test('whether the running kernel has BTF of its own is told', async () => {
  const uname = '5.10.0-60.1.0.99.oe2203.x86_64';
  const platform = hostWith(uname, 'x86_64');
  const failure = await run(platform, fetch, { archive, output }).catch((error) => error);
  const own = existsSync('/sys/kernel/btf/vmlinux');
  expect(failure.hasBtf).toBe(own);
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

test('an HTTP root without a catalog is told the VERSION_ID', async () => {
  const bare = join(folder, 'bare');
  writeFiles(bare, archiveFiles({ [X86]: await packBtf(programs, asUname(X86), btf) }));
  const served = await serveFolder(bare);
  closers.push(served.close);
  const root = makeImage(join(folder, 'unknown'), '99.09', X86);
  const given = { archive: served.url, output, root, ...small };
  const platform = hostWith(X86, 'x86_64');
  await expect(run(platform, fetch, given)).rejects.toMatchObject({
    message: expect.stringMatching(/cannot be listed: it has no catalog/),
  });
  const { document } = await run(platform, fetch, { ...given, versionId: '22.03' });
  expect(document).toMatchObject({ uname: X86, promised: false });
});

test('os-release is read with and without quotes', () => {
  const text = `# a comment\nID=openEuler\nVERSION_ID="22.03"\nNAME='open Euler'\nPRETTY_NAME="a \\"b\\""\n`;
  expect(Object.fromEntries(parseOsRelease(text))).toEqual({
    ...{ ID: 'openEuler', VERSION_ID: '22.03', NAME: 'open Euler', PRETTY_NAME: 'a "b"' },
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
