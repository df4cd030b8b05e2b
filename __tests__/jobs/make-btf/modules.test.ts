import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRecord } from '../../../src/archive/parse-record.ts';
import { Btf } from '../../../src/btf/reader.ts';
import { unpackBtf } from '../../../src/btf/tarball.ts';
import { serveFolder } from '../../../src/download/static-server.ts';
import {
  DEFAULT_MODULES,
  findModules,
  parseModuleNames,
} from '../../../src/jobs/make-btf/modules.ts';
import { compile, programs } from '../../btf/made.ts';
import {
  build,
  demoVmlinux,
  kernelsOn,
  makeMirror,
  makeSetting,
  packagesOf,
  realPlatform,
  rpmOf,
  unameOf,
  withSupplement,
} from './setting.ts';

const setting = makeSetting();
const platform = realPlatform();
const compiled = setting.fresh('compiled');
const moduleOf = (source: string) => readFileSync(compile(compiled, source));
const XFS = moduleOf('struct xfs_inode { long ino; int gen; } inode;');
const mirror = makeMirror(setting.fresh('mirror'), [
  {
    uname: unameOf(1),
    vmlinux: demoVmlinux(),
    modules: {
      'fs/xfs/xfs.ko.debug': XFS,
      'net/netfilter/nf-conntrack.ko.debug': moduleOf('struct nf_conn { int status; } conn;'),
      'fs/dwz.ko.debug': withSupplement(compiled, moduleOf('struct dwz { int a; } dwz;')),
      'net/other/other.ko.debug': moduleOf('struct other { int a; } other;'),
      'net/clash.ko.debug': moduleOf('struct task_struct { int a; long pid; } clash;'),
    },
  },
]);
const server = await serveFolder(mirror);
afterAll(() => server.close());
const kernels = await kernelsOn(platform, server.url);
const tarballOf = (output: string) =>
  readFileSync(join(output, `openEuler/22.03/x86_64/${unameOf(1)}.btf.tar.xz`));
const recordOf = (output: string) => {
  const path = `records/${unameOf(1)}.json`;
  return parseRecord(readFileSync(join(output, path), 'utf8'), path);
};
const namesIn = async (output: string) => {
  const { btf } = await unpackBtf(programs, tarballOf(output));
  return new Set(Array.from(new Btf(btf).types(), ({ name }) => name));
};

function run(names: readonly string[]) {
  const output = setting.fresh('output');
  const modules = { names, output: setting.fresh('with-modules') };
  const temp = setting.fresh('temp');
  const request = { output, temp, mirrors: [server.url] };
  return { output, modules, temp, go: () => build(platform, kernels, request, { modules }) };
}

test('a second file holds kernel and modules, the first one the kernel alone, from one download', async () => {
  const plain = setting.fresh('plain');
  await build(platform, kernels, {
    output: plain,
    temp: setting.fresh('temp'),
    mirrors: [server.url],
  });
  const { output, modules, temp, go } = run(['nf_conntrack', 'xfs']);
  const [result] = await go();
  expect(result).toMatchObject({ state: 'built' });
  expect(tarballOf(output).equals(tarballOf(plain))).toBe(true);
  expect(await namesIn(output)).not.toContain('xfs_inode');
  const names = await namesIn(modules.output);
  for (const name of ['task_struct', 'xfs_inode', 'nf_conn']) expect(names).toContain(name);
  expect(names).not.toContain('other');
  expect(recordOf(output)).not.toHaveProperty('modules');
  expect(recordOf(modules.output)).toMatchObject({
    modules: {
      requested: ['nf_conntrack', 'xfs'],
      included: ['nf_conntrack', 'xfs'],
      excluded: [],
    },
  });
  expect(readdirSync(temp)).toEqual([]);
});

test('two runs give the same bytes, and the second of one output builds nothing', async () => {
  const [one, two] = [run(['*conntrack', 'xfs']), run(['*conntrack', 'xfs'])];
  await one.go();
  await two.go();
  expect(tarballOf(one.modules.output).equals(tarballOf(two.modules.output))).toBe(true);
  expect(await one.go()).toMatchObject([{ state: 'skipped' }]);
});

test('a module that is broken, or not readable, or would make a field ambiguous, is left out and named', async () => {
  const { modules, go } = run(['a', 'clash', 'dwz', 'xfs']);
  await go();
  expect(recordOf(modules.output)).toMatchObject({
    modules: {
      included: ['xfs'],
      excluded: [
        { name: 'a', why: expect.stringContaining('bad-elf') },
        { name: 'dwz', why: expect.stringContaining('unreadable-dwarf') },
        { name: 'clash', why: expect.stringContaining('task_struct') },
      ],
    },
  });
});

test('of a kernel whose own file the archive has, the file with modules alone is written', async () => {
  const { output, modules, temp } = run(['xfs']);
  const alone = kernels.map((kernel) => ({ ...kernel, modules: 'alone' as const }));
  const request = { output, temp, mirrors: [server.url] };
  const again = () => build(platform, alone, request, { modules });
  expect(await again()).toMatchObject([{ state: 'built', withModules: { uname: unameOf(1) } }]);
  expect(readdirSync(output)).toEqual([]);
  expect(await namesIn(modules.output)).toContain('xfs_inode');
  expect(await again()).toMatchObject([{ state: 'skipped', withModules: { uname: unameOf(1) } }]);

  const failing = run(['xfs']);
  const places = { output: failing.output, temp: failing.temp, mirrors: [server.url] };
  const strict = { modules: failing.modules, signature: 'require' as const };
  expect(await build(platform, alone, places, strict)).toMatchObject([{ state: 'failed' }]);
  expect(readdirSync(failing.output)).toEqual([]);
  expect(recordOf(failing.modules.output)).toMatchObject({ state: 'failed' });
});

test('a kernel without any of the modules has the same BTF in both files', async () => {
  const { output, modules, go } = run(['zfs']);
  await go();
  expect(tarballOf(modules.output).equals(tarballOf(output))).toBe(true);
});

test('the package is the same that rpm lists the modules of', () => {
  const listed = execFileSync('rpm', ['-qlp', join(packagesOf(mirror), rpmOf(1))], {
    encoding: 'utf8',
  });
  expect(listed).toContain('/kernel/net/netfilter/nf-conntrack.ko.debug');
});

test.each<[string[], readonly string[] | undefined]>([
  [['none'], undefined],
  [['default'], [...DEFAULT_MODULES].sort()],
  [
    ['xfs', 'nf_*', 'xfs'],
    ['nf_*', 'xfs'],
  ],
])('--modules %j is %j', (words, names) => {
  expect(parseModuleNames(words)).toEqual(names);
});

test.each([[['none', 'xfs']], [['../xfs']], [['']]])('--modules %j is a usage error', (words) => {
  expect(() => parseModuleNames(words)).toThrow(expect.objectContaining({ reason: 'usage' }));
});

test('modules of other folders, links and ghosts are no modules, and too many bytes are refused', () => {
  const file = (path: string, changes = {}) => ({
    index: 0,
    path,
    kind: 'file' as const,
    mode: 0,
    size: 1,
    digest: undefined,
    linkTo: undefined,
    ghost: false,
    links: [0],
    ...changes,
  });
  const root = '/usr/lib/debug/lib/modules/5.10';
  const files = [
    file(`${root}/kernel/fs/xfs.ko.debug`),
    file(`${root}/kernel/extra/xfs.ko.debug`),
    file(`${root}/extra/ext4.ko.debug`),
    file(`${root}/kernel/nfs.ko.debug`, { ghost: true }),
    file(`${root}/kernel/kvm.ko.debug`, { kind: 'symlink' }),
    file(`${root}/kernel/fs/vmlinux`),
  ];
  const place = { folders: [`${root}/kernel/`], suffixes: ['.ko.debug'] };
  const wanted = (...names: readonly string[]) => ({ names, folder: '/tmp' });
  expect(findModules(files, place, wanted('*'))).toMatchObject([
    { name: 'xfs', file: { path: `${root}/kernel/extra/xfs.ko.debug` }, target: '/tmp/xfs.ko' },
  ]);
  const large = [file(`${root}/kernel/xfs.ko.debug`, { size: 2 ** 31 })];
  expect(() => findModules(large, place, wanted('xfs'))).toThrow(/1073741824 is the most/);
});
