import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { packBtf, unpackBtf } from '../../src/btf/tarball.ts';
import { check } from '../../src/commands/check.ts';
import { tailor } from '../../src/commands/tailor.ts';
import type { Tailored } from '../../src/jobs/tailor/tailor.ts';
import { asUname } from '../../src/names.ts';
import { archiveFiles, catalogOf, writeFiles } from '../archive/archive-files.ts';
import { KERNELS, PROGRAMS, TASKS_AND_SOCKETS } from '../btf/core/cases.ts';
import { buildLibbpf } from '../btf/core/libbpf.ts';
import { compileBpf, paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { bytes } from '../download/conditions.ts';
import { startGitServer } from '../git/git-server.ts';
import { commit, createRepository } from '../git/repositories.ts';
import { checked } from '../schemas.ts';
import { shared, testWithShared } from '../shared.ts';
import { fastPlatform } from '../tree/platform.ts';
import { run } from './hosts.ts';
import { entriesOf, lookUp } from './packed.ts';

const folder = temporaryFolder();
const platform = fastPlatform({ env: {} });
const archive = join(folder, 'archive');
const X86 = '5.10.0-60.1.0.30.oe2203.x86_64';
const TWIN = '5.10.0-60.2.0.31.oe2203.x86_64';
const ARM = '5.10.0-60.1.0.30.oe2203.aarch64';
const NEW = '6.6.0-28.0.0.34.oe2403.x86_64';
const kernels: Record<string, Buffer> = {
  [X86]: paholeBtf(folder, KERNELS.base ?? ''),
  [ARM]: paholeBtf(folder, KERNELS.poor ?? ''),
  [NEW]: paholeBtf(folder, KERNELS.moved ?? ''),
};
kernels[TWIN] = kernels[X86] as Buffer;
const object = ['fields', 'enumerators', 'bitfields', 'existence', 'flavour', 'arrays'].map(
  (name) => compileBpf(folder, PROGRAMS[name] ?? '', 'bpf'),
);
const closers: (() => Promise<void>)[] = [];
let tarballs: Record<string, Buffer>;
let runs = 0;

beforeAll(async () => {
  const packed = Object.entries(kernels).map(
    async ([uname, btf]) => [uname, await packBtf(programs, asUname(uname), btf)] as const,
  );
  tarballs = Object.fromEntries(await Promise.all(packed));
  writeFiles(archive, { ...archiveFiles(tarballs), 'catalog.json': catalogOf(tarballs) });
});
afterAll(() => Promise.all(closers.map((close) => close())));

async function make(given: Parameters<typeof run>[2] = {}) {
  runs += 1;
  mkdirSync(join(folder, `${runs}`));
  const output = join(folder, `${runs}`, 'min_core_btfs.tar.gz');
  const outcome = await run(platform, tailor, { archive, object, output, ...given });
  return { ...outcome, output, made: checked('tailor', outcome.document) as Tailored };
}

/** What a person gets out of bpftool. */
function byHand(btf: Buffer, objects: readonly string[]): Buffer {
  const [whole, least] = [join(folder, 'whole.btf'), join(folder, 'least.btf')];
  writeFileSync(whole, btf);
  execFileSync('bpftool', ['gen', 'min_core_btf', whole, least, ...objects]);
  return readFileSync(least);
}

function namesOf(uname: string) {
  const release = uname.replace(/\.btf$/, '');
  const machine = release.slice(release.lastIndexOf('.') + 1);
  const versionId = release.startsWith('6.6')
    ? '24.03'
    : release.startsWith('5')
      ? '22.03'
      : '20.03';
  return { id: 'openEuler', versionId, machine, release };
}

test('bpf-compatible finds every kernel under its os-release and uname, and in it what bpftool makes by hand', async () => {
  const { status, output, text } = await make();
  expect(status).toBe(0);
  const tarball = readFileSync(output);
  for (const [uname, btf] of Object.entries(kernels)) {
    expect(lookUp(tarball, namesOf(uname))).toEqual(byHand(btf, object));
  }
  expect(entriesOf(tarball)).toHaveLength(4);
  expect(new Set(entriesOf(tarball).map(({ type }) => type))).toEqual(new Set(['0']));
  expect(text).toMatch(/: 4 kernels for 6 objects, .* of BTF, 3 different, packed/);
});

test('libbpf relocates every object against the minimal BTF as against the whole one', async () => {
  const libbpf = buildLibbpf(folder);
  const tarball = readFileSync((await make()).output);
  for (const [uname, btf] of Object.entries(kernels)) {
    const [whole, least] = [join(folder, 'a.btf'), join(folder, 'b.btf')];
    writeFileSync(whole, btf);
    writeFileSync(least, lookUp(tarball, namesOf(uname)) ?? '');
    for (const one of object) {
      const [with_, without] = [libbpf('stand-in', one, whole), libbpf('stand-in', one, least)];
      expect(without.done).toEqual(with_.done);
      expect(without.relocated).toBe(with_.relocated);
    }
  }
});

test('the same bytes, however many are at work', async () => {
  const [one, four] = [await make({ jobs: '1' }), await make({ jobs: '4' })];
  expect(readFileSync(one.output).equals(readFileSync(four.output))).toBe(true);
});

test('GNU tar sees read-only files of root, of 1970', async () => {
  const { output } = await make();
  const lines = execFileSync(
    'tar',
    ['--list', '--verbose', '--gzip', '--utc', '--numeric-owner', '-f', output],
    {
      encoding: 'utf8',
    },
  );
  for (const line of lines.trim().split('\n')) {
    expect(line).toMatch(/^-r--r--r-- 0\/0 +\d+ 1970-01-01 00:00 \.\/btfhub-archive\/openEuler\//);
  }
  // RFC 1952: no time and no name in the header.
  expect(readFileSync(output).subarray(3, 8)).toEqual(Buffer.alloc(5));
});

test('the plain layout stores equal files once, and GNU tar unpacks all of them', async () => {
  const { output } = await make({ layout: 'plain' });
  const entries = entriesOf(readFileSync(output));
  expect(entries.map(({ type }) => type).sort()).toEqual(['0', '0', '0', '1']);
  const unpacked = join(folder, 'unpacked');
  mkdirSync(unpacked);
  execFileSync('tar', ['--extract', '--gzip', '-f', output, '-C', unpacked]);
  for (const [uname, btf] of Object.entries(kernels)) {
    const { versionId, machine } = namesOf(uname);
    const file = join(unpacked, 'openEuler', versionId, machine, `${uname}.btf`);
    expect(readFileSync(file)).toEqual(byHand(btf, object));
  }
});

test('a folder holds the same files, equal ones as one', async () => {
  const output = join(folder, 'output');
  await make({ output });
  const place = join(output, 'btfhub-archive/openEuler/22.03/x86_64');
  expect(readdirSync(place)).toEqual([`${X86}.btf`, `${TWIN}.btf`]);
  const [one, two] = [X86, TWIN].map((uname) => statSync(join(place, `${uname}.btf`)));
  expect(one?.ino).toBe(two?.ino);
  await expect(make({ output })).rejects.toMatchObject({ reason: 'usage' });
});

test('it can be linked into a program under the names that bpf-compatible’s header has', async () => {
  const { output, text } = await make();
  const command = /ld -r -b binary .*$/m.exec(text)?.[0].split(' ') ?? [];
  execFileSync(command[0] ?? '', command.slice(1), { cwd: join(output, '..') });
  const symbols = execFileSync('nm', [join(output, '..', 'min_core_btfs.o')], { encoding: 'utf8' });
  expect(symbols).toContain('_binary_min_core_btfs_tar_gz_start');
  expect(symbols).toContain('_binary_min_core_btfs_tar_gz_end');
});

test('kernels are selected by name, architecture, VERSION_ID and release', async () => {
  const unames = async (given: Parameters<typeof run>[2]) =>
    (await make(given)).made.kernels.map(({ uname }) => uname);
  expect(await unames({ kernel: '*-60.1.*' })).toEqual([ARM, X86]);
  expect(await unames({ arch: 'aarch64' })).toEqual([ARM]);
  expect(await unames({ release: '24.03' })).toEqual([NEW]);
  expect(await unames({ release: '22.03-LTS-SP1', arch: 'x86_64' })).toEqual([X86, TWIN]);
  await expect(unames({ release: '20.03' })).rejects.toMatchObject({
    reason: 'not-found',
    message: '--release 20.03 matches nothing.',
    advice: expect.stringContaining('There are: 22.03'),
  });
  await expect(unames({ arch: 'sparc64' })).rejects.toThrow('--arch sparc64 matches nothing.');
  await expect(unames({ release: '24.03', arch: 'aarch64' })).rejects.toThrow(
    '--release 24.03 --arch aarch64 matches none of the 4 kernels',
  );
});

test('only the kernels that are selected are moved', async () => {
  const root = join(folder, 'git');
  const ballast = bytes(200_000);
  commit(createRepository(root, 'archive.git'), 'master', {
    ...archiveFiles(tarballs),
    'openEuler/20.03/x86_64/4.19.90-1.oe1.x86_64.btf.tar.xz': ballast,
  });
  const git = await startGitServer(root);
  closers.push(git.close);
  const { made } = await make({ archive: git.url('archive.git'), kernel: NEW });
  expect(made.kernels).toHaveLength(1);
  expect(git.wire.sent).toBeLessThan(20_000);
});

test('with a cache nothing is downloaded twice, and what is no longer selected is removed', async () => {
  const git = await startGitServer(join(folder, 'git'));
  const cache = join(folder, 'cache');
  closers.push(git.close);
  const given = { archive: git.url('archive.git'), release: ['22.03', '24.03'], cache };
  const first = await make(given);
  expect(readdirSync(cache)).toHaveLength(new Set(Object.values(tarballs)).size);
  git.reset();
  const second = await make(given);
  const moved = git.wire.requests.filter((one) => one.startsWith('POST')).length;
  git.reset();
  // One request less: that for the tarballs.
  await rm(cache, { recursive: true });
  await make(given);
  expect(git.wire.requests.filter((one) => one.startsWith('POST'))).toHaveLength(moved + 1);
  const [kept = ''] = readdirSync(cache);
  writeFileSync(join(cache, kept), 'cut off');
  const third = await make(given);
  for (const one of [second, third]) {
    expect(readFileSync(one.output).equals(readFileSync(first.output))).toBe(true);
  }
  await make({ ...given, kernel: NEW });
  expect(readdirSync(cache)).toHaveLength(1);
});

test('the key of the cache changes with the tarballs, and with them only', async () => {
  const key = async (given: Parameters<typeof run>[2]) =>
    (await make({ showCache: true, ...given })).outputs?.['cache-key'];
  const archived = { archive: join(folder, 'git', 'archive.git') };
  const all = await key(archived);
  expect(all).toMatch(/^btfhub-archive-[0-9a-f]{32}$/);
  expect(await key({ ...archived, layout: 'plain' })).toBe(all);
  expect(await key({ ...archived, kernel: NEW })).not.toBe(all);
});

test('a kernel whose tarball is broken does not stop the others', async () => {
  const broken = join(folder, 'broken');
  writeFiles(broken, archiveFiles({ ...tarballs, [ARM]: Buffer.from('nothing') }));
  const { status, made, failures, output } = await make({ archive: broken });
  expect(status).toBe(1);
  expect(made.failed.map(({ kernel }) => kernel.uname)).toEqual([ARM]);
  expect(failures).toMatchObject([{ title: ARM }]);
  expect(entriesOf(readFileSync(output))).toHaveLength(3);
  await expect(make({ archive: broken, arch: 'aarch64' })).rejects.toMatchObject({
    reason: 'bad-archive',
  });
});

test('what is no eBPF object is named before anything is fetched', async () => {
  const path = join(folder, 'text.o');
  writeFileSync(path, 'no object');
  const given = { archive: 'http://127.0.0.1:9/x.git', object: path };
  await expect(make(given)).rejects.toMatchObject({ message: expect.stringContaining('text.o') });
});

testWithShared('samples')(
  'on the real kernels it is what bpftool makes by hand, a few hundred bytes of megabytes',
  async () => {
    const unames = ['x86_64', 'aarch64'].map((arch) => `4.19.90-2112.8.0.0131.oe1.${arch}`);
    const real = Object.fromEntries(
      unames.map((uname) => [uname, readFileSync(join(shared, 'samples', `${uname}.btf.tar.xz`))]),
    );
    const place = join(folder, 'real');
    writeFiles(place, archiveFiles(real));
    const objects = [compileBpf(folder, TASKS_AND_SOCKETS, 'bpf'), object[0] ?? ''];
    const { output, status } = await make({ archive: place, object: objects });
    expect(status).toBe(0);
    const libbpf = buildLibbpf(folder);
    for (const [uname, tarball] of Object.entries(real)) {
      const least = lookUp(readFileSync(output), namesOf(uname));
      const { btf } = await unpackBtf(programs, tarball);
      expect(least).toEqual(byHand(btf, objects));
      expect(least?.length).toBeLessThan(5000);
      const [whole, minimal] = [join(folder, 'real.btf'), join(folder, 'minimal.btf')];
      writeFileSync(whole, btf);
      writeFileSync(minimal, least ?? '');
      const verdict = libbpf('stand-in', objects[0] ?? '', minimal);
      expect(verdict.done.size).toBeGreaterThan(8);
      expect(verdict.done).toEqual(libbpf('stand-in', objects[0] ?? '', whole).done);
    }
  },
);

test('what the demonstration builds is tailored as it lies there, and checked', async () => {
  const built = join(folder, 'demonstration');
  const bundle = join(import.meta.dirname, '../../dist/btfhub.mjs');
  const tools = ['--pahole', 'system', '--xz', 'system'];
  execFileSync('node', [bundle, 'demo', '--output', built, ...tools], { stdio: 'ignore' });
  const objects = [compileBpf(folder, TASKS_AND_SOCKETS, 'bpf')];
  const { made, output } = await make({ archive: built, object: objects });
  expect(made.kernels).toHaveLength(8);
  for (const { versionId, arch, uname } of made.kernels) {
    const shelf = arch === 'aarch64' ? 'arm64' : arch;
    const tarball = join(built, 'openEuler', versionId, shelf, `${uname}.btf.tar.xz`);
    const { btf } = await unpackBtf(programs, readFileSync(tarball));
    const names = { id: 'openEuler', versionId, machine: arch, release: uname };
    expect(lookUp(readFileSync(output), names)).toEqual(byHand(btf, objects));
  }
  // The older line has `state` and the newer one `__state`: the program asks first.
  const { status, text } = await run(platform, check, { archive: built, object: objects });
  expect(text).toMatch(/6 lines +8 of 8$/m);
  expect(status).toBe(0);
});
