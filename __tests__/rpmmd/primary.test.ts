import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Failure } from '../../src/failure.ts';
import { readPrimary } from '../../src/rpmmd/primary.ts';
import { readRepomd } from '../../src/rpmmd/repomd.ts';
import { makeRepository } from '../tree/repository.ts';

const folder = mkdtempSync(join(tmpdir(), 'btfhub-primary-'));
afterAll(() => rmSync(folder, { recursive: true }));

const kernel = {
  name: 'kernel-debuginfo',
  version: '5.10.0',
  release: '136.12.0.86.oe2203sp1',
  arch: 'x86_64',
  builtAt: 1_670_000_000,
  filler: 77,
};
makeRepository(folder, [
  { name: 'aaa', version: '1~rc1', release: '1', arch: 'noarch' },
  kernel,
  { ...kernel, version: '5.10.0^git', epoch: 3, release: '137' },
  { name: 'zzz', version: '2', release: '1', arch: 'x86_64' },
]);
const repodata = join(folder, 'repodata');
const fileOf = (part: string) => readdirSync(repodata).find((name) => name.includes(part)) ?? '';
const repomd = readFileSync(join(repodata, 'repomd.xml'));
const primary = gunzipSync(readFileSync(join(repodata, fileOf('primary'))));

const wanted = (name: string) => name === 'kernel-debuginfo';
const read = (bytes: Uint8Array) => readPrimary([bytes], wanted, 'http://mirror/primary.xml');

describe('primary.xml of createrepo_c', () => {
  test('gives the wanted packages with all that is needed to fetch them', async () => {
    const { packages, total } = await read(primary);
    expect(total).toBe(4);
    expect(packages).toHaveLength(2);
    const rpm = 'Packages/kernel-debuginfo-5.10.0-136.12.0.86.oe2203sp1.x86_64.rpm';
    const found = packages.find(({ location }) => location === rpm);
    const sum = execFileSync('sha256sum', [join(folder, rpm)], { encoding: 'utf8' });
    expect(found).toEqual({
      name: 'kernel-debuginfo',
      arch: 'x86_64',
      epoch: 0,
      version: '5.10.0',
      release: '136.12.0.86.oe2203sp1',
      builtAt: 1_670_000_000,
      checksum: { algorithm: 'sha256', value: sum.slice(0, 64) },
      size: readFileSync(join(folder, rpm)).length,
      location: rpm,
    });
    expect(packages.find(({ epoch }) => epoch === 3)).toMatchObject({ version: '5.10.0^git' });
  });

  test('says the same however it is cut into pieces', async () => {
    const whole = await read(primary);
    const sizes = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const pieces: Buffer[] = [];
        for (let at = 0, turn = 0; at < primary.length; turn += 1) {
          const length = lengths[turn % lengths.length] as number;
          pieces.push(primary.subarray(at, at + length));
          at += length;
        }
        expect(await readPrimary(pieces, wanted, 'x')).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  test('is refused by name wherever it is cut off', async () => {
    const end = primary.lastIndexOf('</metadata>') + '</metadata>'.length;
    for (let length = 0; length < end; length += 1) {
      await expect(read(primary.subarray(0, length))).rejects.toMatchObject({
        reason: 'bad-repository',
      });
    }
  });

  test('with any byte changed is either read or refused by name', async () => {
    const change = fc.tuple(fc.nat(primary.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(primary);
        for (const [at, value] of changes) bytes[at] = value;
        const outcome = await read(bytes).catch((error: unknown) => error);
        if ('packages' in (outcome as object)) return;
        expect(outcome).toBeInstanceOf(Failure);
        expect(outcome).toMatchObject({ reason: 'bad-repository' });
      }),
      { numRuns: 1500 },
    );
  });
});

const edited = (from: string | RegExp, to: string) =>
  Buffer.from(primary.toString('utf8').replace(from, to));

test.each([
  ['leads out of the repository', edited('href="Packages/kernel', 'href="../../kernel')],
  ['is on another host', edited('href="Packages/kernel', 'href="http://evil/kernel')],
  ['is absolute', edited('href="Packages/kernel', 'href="/kernel')],
  ['has an odd character', edited('href="Packages/kernel', 'href="Packages/ker nel')],
  ['is very long', edited('href="Packages/kernel', `href="${'a/'.repeat(3000)}kernel`)],
  [
    'has another base',
    edited('<location href="Packages/kernel', '<location xml:base="http://evil/" href="kernel'),
  ],
])(
  'a package whose location %s is left out, by name, and the others are read',
  async (_, bytes) => {
    const { packages, unusable, total } = await read(bytes);
    expect([packages.length, unusable.length, total]).toEqual([1, 1, 4]);
    expect(unusable[0]).toContain('kernel-debuginfo-5.10.0');
  },
);

test('another number of packages than the file says is a warning', async () => {
  const { packages, warnings } = await read(edited('packages="4"', 'packages="5"'));
  expect(packages).toHaveLength(2);
  expect(warnings).toEqual(['http://mirror/primary.xml says that it has 5 packages, and lists 4.']);
});

test.each([
  ['an MD5 for a checksum', edited(/type="sha256"/g, 'type="md5"'), 'checksum'],
  ['no size', edited(/<size package="\d+"/g, '<size '), 'size'],
  ['no version', edited(/ver="[^"]*"/g, ''), 'version'],
  ['a name of a megabyte', edited(/rel="/g, `rel="${'9'.repeat(300)}`), 'more than 256 characters'],
])('wanted packages with %s are left out, by name', async (_, bytes, words) => {
  const { packages, unusable } = await read(bytes);
  expect(packages).toEqual([]);
  expect(unusable).toHaveLength(2);
  expect(unusable[0]).toContain('kernel-debuginfo');
  expect(unusable[0]).toContain(words);
});

test('what is wrong with packages that are not wanted does not matter', async () => {
  const { packages, unusable } = await read(edited('href="Packages/aaa', 'href="../aaa'));
  expect([packages.length, unusable]).toEqual([2, []]);
});

describe('XML that is made to exhaust memory', () => {
  const MiB = 1024 * 1024;
  /** Far more than any machine has, in pieces as zlib makes them. */
  function* endless(start: string, piece: string) {
    yield Buffer.from(start);
    const block = Buffer.from(piece.repeat(Math.ceil((64 * 1024) / piece.length)));
    for (let made = 0; made < 600 * MiB; made += block.length) yield block;
  }
  const OPEN = '<metadata packages="1"><package>';
  const name = '<name>kernel-debuginfo</name>';

  test.each<[string, string, string, string]>([
    ['white space without end', OPEN, ' ', 'without a tag'],
    ['a text without end', `${OPEN}<name>`, 'a', 'without a tag'],
    ['a tag name without end', `${OPEN}<`, 'a', 'without a tag'],
    ['an attribute without end', `${OPEN}<version ver="`, 'a', 'without a tag'],
    ['attributes without end', `${OPEN}<version `, 'a="b" ', ''],
    ['a comment without end', `${OPEN}<!-- `, '<a> ', 'without a tag'],
    ['CDATA without end', `${OPEN}<name><![CDATA[`, '<a> ', 'without a tag'],
    ['an instruction without end', `${OPEN}<?x `, '<a> ', 'without a tag'],
    ['elements that nest without end', OPEN, '<a>', 'nest deeper than 64'],
    ['kernels without end', '<metadata>', kernelsEntry(), '20000 kernels'],
    ['packages without end', '<metadata>', '<package/>', '1000000 packages'],
  ])('is refused by name: %s', async (_, start, piece, words) => {
    const before = process.memoryUsage().rss;
    const reading = readPrimary(endless(start, piece), wanted, 'http://mirror/primary.xml');
    await expect(reading).rejects.toMatchObject({
      reason: 'bad-repository',
      message: expect.stringContaining(words),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * MiB);
  });

  function kernelsEntry() {
    const sum = `<checksum type="sha256">${'0'.repeat(64)}</checksum>`;
    const version = '<arch>x86_64</arch><version ver="1" rel="1"/>';
    return `<package>${name}${version}${sum}<size package="1"/><location href="a"/></package>`;
  }
});

test('entities that grow are not followed', async () => {
  const bomb = `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><metadata>&b;</metadata>`;
  await expect(read(Buffer.from(bomb))).rejects.toMatchObject({ reason: 'bad-repository' });
});

describe('repomd.xml of createrepo_c', () => {
  const readMd = (bytes: Uint8Array) => readRepomd([bytes], 'http://mirror/repomd.xml');

  test('says where primary is, and its checksum and sizes', async () => {
    const name = fileOf('primary');
    const entry = await readMd(repomd);
    expect(entry).toEqual({
      location: `repodata/${name}`,
      checksum: { algorithm: 'sha256', value: name.slice(0, 64) },
      size: readFileSync(join(repodata, name)).length,
      openSize: primary.length,
    });
  });

  test('is refused by name wherever it is cut off', async () => {
    const end = repomd.lastIndexOf('</repomd>') + '</repomd>'.length;
    for (let length = 0; length < end; length += 1) {
      await expect(readMd(repomd.subarray(0, length))).rejects.toMatchObject({
        reason: 'bad-repository',
      });
    }
  });

  test('without primary, or with a sum of an unknown algorithm, is refused', async () => {
    const text = repomd.toString('utf8');
    for (const bad of [
      text.replace('type="primary"', 'type="secondary"'),
      text.replace(/type="sha256"/g, 'type="md5"'),
      text.replace(/<checksum type="sha256">[0-9a-f]{60}/g, '<checksum type="sha256">'),
    ]) {
      await expect(readMd(Buffer.from(bad))).rejects.toThrow('does not say where the primary');
    }
  });

  test('that is another document is refused', async () => {
    await expect(readMd(Buffer.from('<metalink/>'))).rejects.toThrow('its root is <metalink>');
    await expect(readMd(Buffer.from('<!doctype html><p>log in'))).rejects.toThrow(/web page/);
    await expect(readMd(Buffer.from('<html><body><br></body></html>'))).rejects.toMatchObject({
      reason: 'bad-repository',
    });
  });
});
