/** Packages made here by the real rpmbuild, in every payload that it knows. */
import { createHash, randomFillSync } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginningOf, CpioParser } from '../../src/rpm/cpio.ts';
import { readPackageHead } from '../../src/rpm/package.ts';
import { lines, rpm2cpio, run } from './programs.ts';
import { collect, readMembers, readPackage, stream } from './read.ts';
import { rpmbuild } from './rpmbuild.ts';

const PAYLOADS = [
  ['w2.xzdio', 'xz', '2'],
  ['w6.xzdio', 'xz', '6'],
  ['w3.zstdio', 'zstd', '3'],
  ['w9.gzdio', 'gzip', '9'],
  ['w9.bzdio', 'bzip2', '9'],
  ['w7.lzdio', 'lzma', '7'],
  ['w.ufdio', 'none', ''],
] as const;

const folder = mkdtempSync(join(tmpdir(), 'btfhub-rpmbuild-'));
const tree = join(folder, 'tree');
const modules = '/usr/lib/debug/lib/modules/6.6.0-1.oe2403.x86_64';
const contents: Readonly<Record<string, Buffer>> = {
  [`${modules}/vmlinux`]: randomFillSync(Buffer.alloc(100_001)),
  [`${modules}/kernel/a.ko.debug`]: Buffer.from('one of three names'),
  [`${modules}/kernel/empty.ko.debug`]: Buffer.alloc(0),
  '/opt/with space': Buffer.from('1'),
  '/opt/ümläut-名前': Buffer.from('22'),
  '/opt/TRAILER!!!': Buffer.from('333'),
  '/opt/[brackets] {and} *more?': Buffer.from('4444'),
  [`/opt/${'long'.repeat(60)}`]: Buffer.from('55555'),
};
const linked = ['a.ko.debug', 'b.ko.debug', 'c.ko.debug'].map(
  (name) => `${modules}/kernel/${name}`,
);
const packages: Record<string, string> = {};

beforeAll(() => {
  for (const [path, data] of Object.entries(contents)) {
    mkdirSync(join(tree, path, '..'), { recursive: true });
    writeFileSync(join(tree, path), data);
  }
  const [first = '', ...others] = linked;
  for (const other of others) linkSync(join(tree, first), join(tree, other));
  symlinkSync('with space', join(tree, 'opt/symlink'));
  writeFileSync(join(tree, 'opt/ghost'), 'is not in the payload');
  for (const [payload, name] of PAYLOADS) {
    const files = ['/usr', '/opt', '%ghost /opt/ghost'];
    packages[payload] = rpmbuild(folder, `${name}-${payload}`, tree, payload, files);
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(PAYLOADS)('a payload of %s', (payload, compressor, flags) => {
  const path = () => packages[payload] ?? '';

  test('is named as it is', async () => {
    const { head } = await readPackage(readFileSync(path()));
    expect(head.payload).toMatchObject({ compressor, flags });
    const actual = createHash('sha256').update(readFileSync(path()).subarray(head.payload.offset));
    expect(head.payload.digest).toEqual({ algorithm: 'sha256', hex: actual.digest('hex') });
    expect(head.format).toBe(4);
    expect(head.headerDigests).toEqual(['sha1', 'sha256']);
  });

  test('gives every file with the bytes that were packaged', async () => {
    const { members, head, archive } = await readPackage(readFileSync(path()));
    expect(head.payload.unpackedSize).toBe(archive.length);
    const plain = (name: string) => name.replace(/^\.\//, '/');
    const listed = lines(run('cpio', ['-t', '--quiet'], rpm2cpio(path()))).map(plain);
    expect(members.map((member) => member.file.path)).toEqual(listed);
    for (const [name, data] of Object.entries(contents)) {
      const holders = members.filter((member) => member.holds(name));
      expect(holders).toHaveLength(1);
      expect(holders[0]?.data.equals(data)).toBe(true);
      expect(holders[0]?.file.digest?.hex).toBe(holders[0]?.sha256);
    }
  });

  test('has the data of each member where its header tells, up to what the header does not tell', async () => {
    const { archive, head, members } = await readPackage(readFileSync(path()));
    const strange = head.files.findIndex(
      (file) => file.links.length > 1 || /[^\x20-\x7e]/.test(file.path),
    );
    expect(strange).toBeGreaterThan(2);
    for (const { file, data } of members) {
      const begins = beginningOf(head.files, file.index, false);
      expect(begins === undefined).toBe(file.index >= strange);
      if (begins === undefined) continue;
      expect(archive.subarray(begins, begins + data.length).equals(data)).toBe(true);
    }
  });

  test('has the data of hard links once, under any of their names', async () => {
    const { members } = await readPackage(readFileSync(path()));
    const all = members.filter((member) => linked.includes(member.file.path));
    expect(all.map((member) => member.size)).toEqual([0, 0, 18]);
    for (const name of linked) {
      expect(all.filter((member) => member.holds(name)).map((member) => `${member.data}`)).toEqual([
        'one of three names',
      ]);
    }
  });

  test('has symlinks with their target, and no ghosts', async () => {
    const { members, head } = await readPackage(readFileSync(path()));
    const symlink = members.find((member) => member.file.path === '/opt/symlink');
    expect(symlink?.file).toMatchObject({ kind: 'symlink', linkTo: 'with space' });
    expect(`${symlink?.data}`).toBe('with space');
    expect(head.files.filter((file) => file.ghost).map((file) => file.path)).toEqual([
      '/opt/ghost',
    ]);
    expect(members.some((member) => member.file.ghost)).toBe(false);
  });
});

test('data is a view into what was pushed, not a copy', async () => {
  const { archive, head } = await readPackage(readFileSync(packages['w.ufdio'] ?? ''));
  let seen = 0;
  const parser = new CpioParser(head.files, (member) =>
    member.holds(`${modules}/vmlinux`)
      ? {
          data: (bytes) => {
            expect(bytes.buffer).toBe(archive.buffer);
            seen += bytes.length;
          },
          end: () => {},
        }
      : undefined,
  );
  parser.push(archive);
  parser.finish();
  expect(seen).toBe(100_001);
});

test('the archive may come in chunks of any size', async () => {
  const { archive, head, members } = await readPackage(readFileSync(packages['w.ufdio'] ?? ''));
  const expected = members.map(({ file, sha256 }) => `${file.path} ${sha256}`);
  for (const size of [1, 7, 110, 4096, archive.length]) {
    const again = readMembers(archive, head.files, size);
    expect(again.map(({ file, sha256 }) => `${file.path} ${sha256}`)).toEqual(expected);
  }
});

test('the package may come in chunks of any size', async () => {
  const bytes = readFileSync(packages['w2.xzdio'] ?? '');
  for (const size of [1, 95, 1000]) {
    const head = await readPackageHead(stream(bytes, size));
    const body = await collect(head.body());
    expect(body.equals(bytes.subarray(head.payload.offset))).toBe(true);
  }
});

test('a source that is not read to its end is ended when the head or the body is given up', async () => {
  const bytes = readFileSync(packages['w2.xzdio'] ?? '');
  let ended = 0;
  async function* source(from: Uint8Array) {
    try {
      yield* stream(from, 1024);
    } finally {
      ended += 1;
    }
  }
  const head = await readPackageHead(source(bytes));
  for await (const _ of head.body()) break;
  expect(ended).toBe(1);
  await expect(readPackageHead(source(bytes.subarray(8)))).rejects.toThrow('not an RPM');
  expect(ended).toBe(2);
});
