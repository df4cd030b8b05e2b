import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkPublishable } from '../../../src/btf/check.ts';
import { loadBtf } from '../../../src/btf/load.ts';
import { Btf } from '../../../src/btf/reader.ts';
import { unpackBtf } from '../../../src/btf/tarball.ts';
import { fetch } from '../../../src/commands/fetch.ts';
import { serveFolder } from '../../../src/download/static-server.ts';
import type { KernelResult } from '../../../src/jobs/make-btf/build-kernels.ts';
import type { BuildRequest } from '../../../src/jobs/make-btf/run.ts';
import { parseTrustOption } from '../../../src/rpm/keys.ts';
import type { KernelPackage } from '../../../src/sources/kernels.ts';
import { bzImage, elfKernel, withSize } from '../../boot-image/made.ts';
import { compile, programs } from '../../btf/made.ts';
import { makeImage, run as runCommand } from '../../commands/hosts.ts';
import { Gnupg } from '../../rpm/gnupg.ts';
import { build, demoVmlinux, kernelsOn, makeSetting, realPlatform, unameOf } from './setting.ts';

const setting = makeSetting();
const folder = setting.fresh('made');
const platform = realPlatform();
const root = join(import.meta.dirname, '..', '..', '..');
const gnupg = new Gnupg(join(folder, 'gnupg'));
const fingerprint = gnupg.generate('boot', 'rsa2048', 'sign');
afterAll(() => gnupg.close());

const kernelBtf = join(folder, 'vmlinux.btf');
writeFileSync(join(folder, 'vmlinux'), demoVmlinux());
execFileSync('pahole', ['--btf_encode_detached', kernelBtf, join(folder, 'vmlinux')]);

/** A module as a kernel's build makes it: its BTF, split from the kernel's, in a section; then packed by a program. */
function moduleFile(source: string, ...packer: string[]): Buffer {
  const object = compile(folder, source);
  execFileSync('pahole', ['-J', '--btf_base', kernelBtf, object]);
  execFileSync('objcopy', ['--strip-debug', object]);
  const [program, ...args] = packer;
  if (program === undefined) return readFileSync(object);
  return execFileSync(program, [...args, '--stdout', object]);
}

const XFS = 'struct xfs_inode { long ino; int gen; } inode;';
const withoutBtf = readFileSync(compile(folder, 'int nothing;'));
const XZ = ['xz', '--check=crc32', '--lzma2=dict=1MiB', '-k'];
const cut = moduleFile(XFS, ...XZ).subarray(0, 300);

/** Modules by their path below `kernel`. `zz` stands behind all that is wanted. */
const MODULES: Readonly<Record<string, Buffer>> = {
  'fs/xfs/xfs.ko.xz': moduleFile(XFS, ...XZ),
  'net/bonding/bonding.ko': moduleFile('struct bonding { int slaves; } bond;'),
  'net/nf-conntrack.ko.zst': moduleFile('struct nf_conn { int status; } conn;', 'zstd', '-q'),
  'net/ip_vs.ko.gz': moduleFile('struct ip_vs_conn { int flags; } conn;', 'gzip', '-k'),
  'net/clash.ko.xz': moduleFile('struct task_struct { int a; long pid; } clash;', ...XZ),
  'net/bare.ko': withoutBtf,
  'net/cut.ko.xz': cut,
  'zz/zz.ko.xz': Buffer.alloc(3_000_000, 'random', 'utf8'),
};
const UNAMES = { signed: unameOf(1), unsigned: unameOf(2) };
const REPOSITORY = 'openEuler-22.03-LTS-SP1/update/x86_64';
const mirror = setting.fresh('mirror');
let server: Awaited<ReturnType<typeof serveFolder>>;
let kernels: readonly KernelPackage[];

beforeAll(async () => {
  const btf = readFileSync(kernelBtf);
  const packages = join(mirror, REPOSITORY, 'Packages');
  mkdirSync(packages, { recursive: true });
  for (const [kind, uname] of Object.entries(UNAMES)) {
    const tree = setting.fresh('tree');
    mkdirSync(join(tree, 'boot'));
    const image = bzImage(withSize('gzip', elfKernel(folder, btf, uname)));
    writeFileSync(join(tree, 'boot', `vmlinuz-${uname}`), image);
    for (const [path, content] of Object.entries(MODULES)) {
      const file = join(tree, 'lib/modules', uname, 'kernel', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    const to = setting.fresh('rpms');
    execFileSync(join(root, 'scripts', 'pack-kernel.sh'), [
      ...['--root', tree, '--uname', uname, '--to', to, '--packages', 'kernel'],
      // Without compression the place in the file says how far it was read.
      ...['--payload', 'w0.gzdio'],
    ]);
    const [name = ''] = readdirSync(to);
    if (kind === 'signed') gnupg.sign(join(to, name), join(packages, name), fingerprint);
    else copyFileSync(join(to, name), join(packages, name));
  }
  const repository = join(mirror, REPOSITORY);
  writeFileSync(join(repository, 'RPM-GPG-KEY-openEuler'), gnupg.exportArmored('boot'));
  execFileSync('createrepo_c', ['--quiet', '--no-database', repository]);
  server = await serveFolder(mirror);
  kernels = await kernelsOn(platform, server.url);
}, 600_000);
afterAll(() => server.close());

async function run(uname: string, names: readonly string[], changes: Partial<BuildRequest> = {}) {
  const some = kernels.filter((kernel) => kernel.uname === uname);
  const modules = { names, output: setting.fresh('with-modules') };
  const places = {
    output: setting.fresh('output'),
    temp: setting.fresh('temp'),
    mirrors: changes.mirrors ?? [server.url],
  };
  const trust = [parseTrustOption(fingerprint)];
  const request = { trust, signature: 'prefer' as const, modules, ...changes };
  const go = () => build(platform, some, places, request);
  const [result] = await go();
  expect(readdirSync(places.temp)).toEqual([]);
  return { record: recordOf(result), output: modules.output, go };
}

function recordOf(result: KernelResult | undefined) {
  if (result?.state === 'failed' || result?.withModules?.method !== 'embedded') {
    throw new Error(JSON.stringify(result));
  }
  return result.withModules;
}

async function typesOf(output: string, path: string): Promise<Btf> {
  const { btf } = await unpackBtf(programs, readFileSync(join(output, path)));
  checkPublishable(btf, { kind: 'any' });
  return new Btf(btf);
}

const namesIn = (btf: Btf) => new Set(Array.from(btf.types(), ({ name }) => name));

test('the BTF of modules comes out of their files however they are packed, behind the types of the kernel', async () => {
  const { record, output, go } = await run(UNAMES.signed, [
    ...['bonding', 'ip_vs', 'nf_conntrack', 'xfs'],
  ]);
  expect(record.modules).toEqual({
    requested: ['bonding', 'ip_vs', 'nf_conntrack', 'xfs'],
    included: ['bonding', 'ip_vs', 'nf_conntrack', 'xfs'],
    excluded: [],
  });
  const types = await typesOf(output, record.tarball.path);
  const names = namesIn(types);
  for (const name of ['task_struct', 'bonding', 'ip_vs_conn', 'nf_conn', 'xfs_inode']) {
    expect(names).toContain(name);
  }
  const kernel = new Btf(await loadBtf(kernelBtf));
  for (const type of kernel.types()) expect(types.type(type.id)).toEqual(type);
  expect(await go()).toMatchObject([{ state: 'skipped' }]);
});

test('a signed package is read up to the last module that is wanted, and not to its end', async () => {
  const { record } = await run(UNAMES.signed, ['xfs']);
  expect(record.verified).toMatchObject({ repodata: false, file: true });
  const all = await run(UNAMES.signed, ['xfs', 'zz']);
  expect(record.bootImage.bytesRead).toBeLessThan(record.package.size - 2_900_000);
  expect(all.record.bootImage.bytesRead).toBeGreaterThan(record.package.size - 200_000);
});

test('an unsigned package is read to its end, and gives the same bytes', async () => {
  const one = await run(UNAMES.signed, ['xfs', 'bonding']);
  const other = await run(UNAMES.unsigned, ['xfs', 'bonding'], { signature: 'off' });
  expect(other.record.bootImage.bytesRead).toBe(other.record.package.size);
  expect(other.record.btf.sha256).toBe(one.record.btf.sha256);
});

test('modules without BTF, broken ones, and those that would make a field ambiguous are left out and named', async () => {
  const { record } = await run(UNAMES.signed, ['bare', 'clash', 'cut', 'xfs', 'zz']);
  expect(record.modules?.included).toEqual(['xfs']);
  expect(record.modules?.excluded).toEqual([
    { name: 'bare', why: expect.stringContaining('without a .BTF section') },
    { name: 'cut', why: expect.stringContaining('cannot be unpacked') },
    { name: 'zz', why: expect.stringContaining('bad-btf') },
    { name: 'clash', why: expect.stringContaining('task_struct') },
  ]);
});

test('a byte that a mirror changed in a module is noticed, and the package comes from another mirror', async () => {
  const wrong = setting.fresh('wrong');
  cpSync(mirror, wrong, { recursive: true });
  const file = join(wrong, REPOSITORY, 'Packages', `kernel-${UNAMES.signed}.rpm`);
  const bytes = readFileSync(file);
  const at = bytes.indexOf((MODULES['fs/xfs/xfs.ko.xz'] ?? Buffer.alloc(0)).subarray(0, 64)) + 80;
  expect(at).toBeGreaterThan(1000);
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(file, bytes);
  const bad = await serveFolder(wrong);
  try {
    const alone = run(UNAMES.signed, ['xfs', 'zz'], { mirrors: [bad.url] });
    await expect(alone).rejects.toThrow('checksum-mismatch');
    const mirrors = [bad.url, server.url];
    const { record } = await run(UNAMES.signed, ['xfs', 'zz'], { mirrors });
    expect(record.modules?.included).toEqual(['xfs']);
  } finally {
    await bad.close();
  }
});

test('modules that the package does not have are built in, or elsewhere: the file is the same as the one without', async () => {
  const { record, output } = await run(UNAMES.signed, ['ext4']);
  expect(record.modules).toMatchObject({ included: [], excluded: [] });
  const types = await typesOf(output, record.tarball.path);
  expect(types.count).toBe(new Btf(await loadBtf(kernelBtf)).count);
});

test('fetch --from-kernel-package --modules merges the default modules', async () => {
  const image = makeImage(setting.fresh('image'), '22.03', UNAMES.signed);
  const output = join(setting.fresh('fetched'), 'kernel.btf');
  const host = { ...platform, stdout: { write: () => true }, stderr: { write: () => true } };
  await runCommand(host, fetch, {
    root: image,
    archive: '/nowhere',
    fromKernelPackage: true,
    modules: true,
    mirror: server.url,
    trustKey: fingerprint,
    minimumTypes: '100',
    output,
  });
  const names = namesIn(new Btf(await loadBtf(output)));
  for (const name of ['task_struct', 'xfs_inode', 'bonding']) expect(names).toContain(name);
});
