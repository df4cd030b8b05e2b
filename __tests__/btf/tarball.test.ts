import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packBtf, unpackBtf } from '../../src/btf/tarball.ts';
import { asUname } from '../../src/names.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { programs, temporaryFolder } from './made.ts';

const folder = temporaryFolder();
const uname = asUname('5.10.0-136.12.0.86.oe2203sp1.x86_64');
const btf = Buffer.from('not quite BTF, but bytes '.repeat(99));

test('tar lists one regular member of root, readable by all, of 1970', async () => {
  const path = join(folder, 'listed.tar.xz');
  writeFileSync(path, await packBtf(programs, uname, btf));
  const args = ['tvJf', path, '--numeric-owner', '--full-time'];
  const listed = execFileSync('tar', args, {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  });
  expect(listed.replaceAll(/ +/g, ' ')).toBe(
    `-r--r--r-- 0/0 ${btf.length} 1970-01-01 00:00:00 ${uname}.btf\n`,
  );
  execFileSync('tar', ['xJf', path, '-C', folder]);
  expect(execFileSync('cat', [join(folder, `${uname}.btf`)])).toEqual(btf);
});

test('the same BTF gives the same bytes, whatever the environment tells xz', async () => {
  const once = await packBtf(programs, uname, btf);
  const other = systemPrograms({ ...process.env, XZ_OPT: '-0 --check=none', XZ_DEFAULTS: '-T4' });
  expect(await packBtf(other, uname, btf)).toEqual(once);
});

test('xz has its two halves as two blocks, for two cores at once', async () => {
  const path = join(folder, 'halves.tar.xz');
  writeFileSync(path, await packBtf(programs, uname, btf));
  const listed = execFileSync('xz', ['--robot', '--list', '-vv', path], { encoding: 'utf8' });
  const sizes = listed.split('\n').filter((line) => line.startsWith('block'));
  expect(sizes.map((line) => Number(line.split('\t')[7]))).toEqual([2048, 2048]);
});

test('what is packed is unpacked', async () => {
  const tarball = await packBtf(programs, uname, btf);
  expect(await unpackBtf(programs, tarball)).toEqual({ uname, btf });
});

test('what GNU tar packs as its users do is unpacked too', async () => {
  writeFileSync(join(folder, '5.10.0.btf'), btf);
  const path = join(folder, 'gnu.tar.xz');
  execFileSync('tar', ['cJf', path, '-C', folder, '5.10.0.btf']);
  expect(await unpackBtf(programs, execFileSync('cat', [path]))).toEqual({ uname: '5.10.0', btf });
});

/** The tarball of members that GNU tar makes with these arguments. */
function tarOf(...args: string[]): Buffer {
  const tar = execFileSync('tar', ['c', '-C', folder, ...args]);
  return execFileSync('xz', ['-c'], { input: tar });
}

test.each<[string, () => Buffer, RegExp]>([
  ['of two members', () => tarOf('5.10.0.btf', '5.10.0.btf'), /something follows/],
  ['of a folder', () => tarOf('5.10.0-folder.btf'), /not a regular file/],
  ['whose member is a symbolic link', () => tarOf('5.10.0-link.btf'), /not a regular file/],
  ['whose member is in a folder', () => tarOf('./5.10.0.btf'), /named after a kernel/],
  [
    'whose member leads out',
    () => tarOf('-P', '--transform=s,^,../,', '5.10.0.btf'),
    /named after/,
  ],
  ['of something else', () => tarOf('other'), /is not named/],
  ['of no member', () => tarOf('-T', '/dev/null'), /has no member/],
  ['of nothing', () => execFileSync('xz', ['-c'], { input: '' }), /too short/],
  ['that is not xz', () => Buffer.from('plain'), /xz refused it/],
])('a tarball %s is refused', async (_, make, message) => {
  writeFileSync(join(folder, '5.10.0.btf'), btf);
  writeFileSync(join(folder, 'other'), btf);
  mkdirSync(join(folder, '5.10.0-folder.btf'), { recursive: true });
  execFileSync('ln', ['-sfn', '5.10.0.btf', join(folder, '5.10.0-link.btf')]);
  await expect(unpackBtf(programs, make())).rejects.toMatchObject({
    reason: 'bad-archive',
    message: expect.stringMatching(message),
  });
});

test('a tarball that is cut off, or has a byte changed, is refused', async () => {
  const tarball = await packBtf(programs, uname, btf);
  const damaged = Buffer.from(tarball);
  damaged[tarball.length >> 1] = ~(damaged[tarball.length >> 1] ?? 0);
  for (const bytes of [tarball.subarray(0, -9), damaged]) {
    await expect(unpackBtf(programs, bytes)).rejects.toMatchObject({ reason: 'bad-archive' });
  }
});

test('a header whose sum is wrong is refused', async () => {
  const tar = execFileSync('xz', ['-dc'], { input: await packBtf(programs, uname, btf) });
  tar[120] = 0x37;
  const tarball = execFileSync('xz', ['-c'], { input: tar });
  await expect(unpackBtf(programs, tarball)).rejects.toMatchObject({
    message: expect.stringContaining('sum of its header'),
  });
});

test('a small file that unpacks to gigabytes is refused before memory is full', async () => {
  const bomb = execFileSync('sh', ['-c', 'head -c 300M /dev/zero | xz -0']);
  await expect(unpackBtf(programs, bomb)).rejects.toMatchObject({
    message: expect.stringContaining('unpacks to more than'),
  });
});
