import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { bytesSource } from '../../src/btf/elf.ts';
import { readBtf } from '../../src/btf/load.ts';
import { readMembers } from '../../src/btf/tar.ts';
import { packBtf, unpackBtf } from '../../src/btf/tarball.ts';
import { Failure } from '../../src/failure.ts';
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

const LONG_FOLDER = `./${'folder/'.repeat(30)}`;

test.each<[string, string[]]>([
  ['in the GNU format', ['--format=gnu', '5.10.0.btf']],
  [
    'in the PAX format, with times and a comment',
    ['--format=posix', '--pax-option=comment=x', '5.10.0.btf'],
  ],
  ['in the v7 format', ['--format=v7', '5.10.0.btf']],
  ['with ./ before the name', ['./5.10.0.btf']],
  ['with its folder', ['5.10.0-folder']],
  [
    'with a folder of more than 100 bytes, by a GNU header',
    ['--format=gnu', `--transform=s,^,${LONG_FOLDER},`, '5.10.0.btf'],
  ],
  [
    'with a folder of more than 100 bytes, by a PAX header',
    ['--format=posix', `--transform=s,^,${LONG_FOLDER},`, '5.10.0.btf'],
  ],
  ['with an absolute path', ['-P', '--transform=s,^,/btf/,', '5.10.0.btf']],
  ['with much room at its end', ['--record-size=1M', '5.10.0.btf']],
])('what GNU tar packs %s is unpacked', async (_, args) => {
  writeFiles();
  expect(await unpackBtf(programs, tarOf(...args))).toEqual({ uname: '5.10.0', btf });
});

test.each(['ustar', 'pax'])('what Python packs as %s is unpacked', async (format) => {
  writeFiles();
  const script = `import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode='w|xz', format=tarfile.${format.toUpperCase()}_FORMAT) as tar: tar.add(sys.argv[1], arcname='5.10.0.btf')`;
  const tarball = execFileSync('python3', ['-c', script, join(folder, '5.10.0.btf')]);
  expect(await unpackBtf(programs, tarball)).toEqual({ uname: '5.10.0', btf });
});

test('a Git LFS pointer is named as one, with what to do', async () => {
  const pointer = Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 882104\n`,
  );
  const failure = {
    reason: 'bad-archive',
    message: expect.stringContaining('Git LFS pointer'),
    advice: expect.stringContaining('git lfs pull'),
  };
  await expect(unpackBtf(programs, pointer)).rejects.toMatchObject(failure);
  await expect(readBtf(bytesSource('x.btf', pointer))).rejects.toMatchObject(failure);
});

test('damaged archives and headers of any content are unpacked or bad-archive', async () => {
  writeFiles();
  for (const format of ['posix', 'gnu']) {
    const folders = `--transform=s,^,${LONG_FOLDER},`;
    const tar = execFileSync('tar', [
      'c',
      '-C',
      folder,
      `--format=${format}`,
      folders,
      '5.10.0.btf',
    ]);
    const damage = fc.array(fc.tuple(fc.nat(2600), fc.nat(255)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(damage, fc.boolean(), async (changes, mendsSums) => {
        const copy = Buffer.from(tar);
        for (const [at, value] of changes) copy[at] = value;
        if (mendsSums) for (let at = 0; at < 2560; at += 512) mendSum(copy.subarray(at, at + 512));
        await readMembers(copy).catch((thrown) => {
          if (!(thrown instanceof Failure)) throw thrown;
          expect(thrown.reason).toBe('bad-archive');
        });
      }),
      { numRuns: 1500 },
    );
  }
});

/** The sum in a tar header: of all bytes, with blanks in its own place. */
function mendSum(header: Buffer): void {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

function writeFiles(): void {
  writeFileSync(join(folder, '5.10.0.btf'), btf);
  writeFileSync(join(folder, 'other'), btf);
  mkdirSync(join(folder, '5.10.0-folder.btf'), { recursive: true });
  mkdirSync(join(folder, '5.10.0-folder'), { recursive: true });
  writeFileSync(join(folder, '5.10.0-folder', '5.10.0.btf'), btf);
  execFileSync('ln', ['-sfn', '5.10.0.btf', join(folder, '5.10.0-link.btf')]);
}

/** The tarball of members that GNU tar makes with these arguments. */
function tarOf(...args: string[]): Buffer {
  const tar = execFileSync('tar', ['c', '-C', folder, ...args]);
  return execFileSync('xz', ['-c'], { input: tar });
}

test.each<[string, () => Buffer, RegExp]>([
  ['of two members', () => tarOf('5.10.0.btf', '--hard-dereference', 'other'), /2 members/],
  ['of a folder', () => tarOf('5.10.0-folder.btf'), /has no member/],
  ['whose member is a symbolic link', () => tarOf('5.10.0-link.btf'), /not a regular file/],
  ['that is compressed twice', () => execFileSync('xz', ['-c'], { input: gzipSync(btf) }), /twice/],
  ['whose member is sparse', () => tarOf('--sparse', '--format=gnu', 'sparse.btf'), /of the type/],
  ['whose member leads out', () => tarOf('-P', '--transform=s,^,../,', '5.10.0.btf'), /leads out/],
  ['of something else', () => tarOf('other'), /is not named/],
  ['of no member', () => tarOf('-T', '/dev/null'), /Unrecognized archive format/],
  ['of nothing', () => execFileSync('xz', ['-c'], { input: '' }), /Unrecognized archive format/],
  ['that is not xz', () => Buffer.from('plain'), /xz refused it/],
])('a tarball %s is refused', async (_, make, message) => {
  writeFiles();
  execFileSync('truncate', ['--size=1M', join(folder, 'sparse.btf')]);
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
    message: expect.stringContaining('checksum failure'),
  });
});

test('a small file that unpacks to gigabytes is refused before memory is full', async () => {
  const bomb = execFileSync('sh', ['-c', 'head -c 300M /dev/zero | xz -0']);
  await expect(unpackBtf(programs, bomb)).rejects.toMatchObject({
    message: expect.stringContaining('unpacks to more than'),
  });
});
