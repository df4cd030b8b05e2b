import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArchiveContent } from '../../../src/archive/catalog.ts';
import type { KernelRecord } from '../../../src/archive/record.ts';
import { validateInput } from '../../../src/jobs/publish/validate-input.ts';
import { silent } from '../../../src/report/progress.ts';
import { failureRecord } from '../../archive/records.ts';
import { programs } from '../../btf/made.ts';
import { shared, testWithShared } from '../../shared.ts';
import { MINIMUM_TYPES, makeKernel, put, putRecord } from './kernels.ts';

const A = '5.10.0-1.oe2203.x86_64';
const B = '5.10.0-2.oe2203.x86_64';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'btfhub-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function take(
  folders: string[],
  minimumTypes = MINIMUM_TYPES,
  content: ArchiveContent = 'kernels',
) {
  const kept: Buffer[] = [];
  const intake = await validateInput(
    { programs, interrupted: new AbortController().signal },
    silent,
    {
      folders,
      allowEmpty: false,
      content,
      expectation: { kind: 'kernel', minimumTypes },
      keep: async (tarball) => `${kept.push(tarball)}`,
    },
  );
  return { ...intake, kept };
}

/** A folder with kernel A, which a test then spoils. */
async function good(): Promise<{ folder: string; path: string; tarball: Buffer }> {
  const folder = join(root, 'btf');
  const { record, tarball } = await makeKernel(A);
  put(folder, record.tarball.path, tarball);
  putRecord(folder, record);
  return { folder, path: record.tarball.path, tarball };
}

test('takes the tarballs and records that build wrote, with the bytes that were checked, and the failures', async () => {
  const { folder, tarball } = await good();
  putRecord(folder, failureRecord(B));
  const { candidates, failed, kept } = await take([folder]);
  expect(candidates.map(({ record }) => record.uname)).toEqual([A]);
  expect(failed.map(({ uname }) => uname)).toEqual([B]);
  expect(kept).toEqual([tarball]);
});

test('several folders are one; the same kernel twice is one, and with other bytes refused', async () => {
  const { folder } = await good();
  const second = join(root, 'second');
  const { record, tarball } = await makeKernel(A);
  put(second, record.tarball.path, tarball);
  putRecord(second, record);
  putRecord(second, failureRecord(B));
  expect((await take([folder, second])).candidates.length).toBe(1);
  const other = execFileSync('xz', ['-0', '-c'], {
    input: execFileSync('xz', ['-dc'], { input: tarball }),
  });
  put(second, record.tarball.path, other);
  const changed = { ...record.tarball, size: other.length, sha256: sum(other) };
  putRecord(second, { ...record, tarball: changed });
  await expect(take([folder, second])).rejects.toThrow(/with other bytes/);
});

test('a folder without a record is an error that names it, also beside others', async () => {
  const { folder } = await good();
  const empty = join(root, 'lost');
  mkdirSync(join(empty, 'records'), { recursive: true });
  await expect(take([folder, empty])).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringContaining(`${empty} holds no record`),
    advice: expect.stringContaining('--allow-empty'),
  });
});

test('half-written files that a killed build left are ignored', async () => {
  const { folder, path } = await good();
  put(folder, `${path}.0123456789ab.partial`, 'half');
  expect((await take([folder])).candidates.length).toBe(1);
});

test.each<[string, (record: KernelRecord) => object, RegExp]>([
  ['the package of another kernel', () => ({ nvra: `kernel-debuginfo-${B}` }), /is not the one of/],
  [
    'a release that only begins the same',
    ({ nvra }) => ({ nvra: nvra.replace('.oe2203', '.oe22') }),
    /is not the one of/,
  ],
  [
    'another architecture',
    ({ nvra }) => ({ nvra: nvra.replace('x86_64', 'aarch64') }),
    /is not of/,
  ],
  [
    'the URL of another file',
    (record) => ({ package: { ...record.package, url: 'https://host/other.rpm' } }),
    /the file at its URL/,
  ],
  [
    'Markdown in the URL',
    (record) => ({
      package: { ...record.package, url: record.package.url.replace('Packages', '[x](y)|`<b>') },
    }),
    /package\.url: holds signs/,
  ],
  [
    'a key that is none',
    (record) => ({
      verified: {
        ...record.verified,
        signature: { status: 'good', key: 'openEuler', hash: 'sha256' },
      },
    }),
    /is no key/,
  ],
])('a record that names %s is refused', async (_what, change, why) => {
  const { folder } = await good();
  const { record } = await makeKernel(A);
  putRecord(folder, { ...record, ...change(record) } as KernelRecord);
  await expect(take([folder])).rejects.toThrow(why);
});

const spoils: [
  string,
  (folder: string, path: string, tarball: Buffer) => void | Promise<void>,
  RegExp,
][] = [
  [
    'a vmlinux that was left over',
    (folder) => put(folder, 'vmlinux', 'ELF'),
    /vmlinux: it is neither/,
  ],
  ['a hidden file', (folder) => put(folder, 'records/.x', ''), /\.x: it is neither/],
  [
    'a link',
    (folder) => symlinkSync('/etc/passwd', join(folder, 'records/x.json')),
    /x\.json: it is a link/,
  ],
  [
    'a link to a folder',
    (folder) => symlinkSync('/etc', join(folder, 'openEuler/etc')),
    /etc: it is a link/,
  ],
  [
    'a pipe',
    (folder) => void execFileSync('mkfifo', [join(folder, 'pipe')]),
    /pipe: it is no regular file/,
  ],
  [
    'a tarball without a record',
    (folder, _, tarball) => put(folder, `openEuler/22.03/x86_64/${B}.btf.tar.xz`, tarball),
    /has no record/,
  ],
  ['a record without its tarball', (folder, path) => rmSync(join(folder, path)), /is not there/],
  ['a record that is none', (folder) => put(folder, `records/${B}.json`, '{}'), /is not a record/],
  [
    'a name that is no kernel',
    (folder) => put(folder, 'records/--help.json', '{}'),
    /--help\.json/,
  ],
  [
    'a tarball of a failed kernel',
    (folder, path) => {
      putRecord(folder, failureRecord(A));
      expect(path).toContain(A);
    },
    /has no record/,
  ],
  [
    'a tarball that was cut off',
    (folder, path, tarball) => put(folder, path, tarball.subarray(0, -9)),
    /bytes: /,
  ],
  [
    'a tarball with a flipped bit',
    (folder, path, tarball) => {
      const flipped = Buffer.from(tarball);
      flipped[100] = (flipped[100] ?? 0) ^ 1;
      put(folder, path, flipped);
    },
    /SHA-256: /,
  ],
  [
    'a tarball of another kernel',
    async (folder) => {
      const { record } = await makeKernel(A);
      const { tarball } = await makeKernel(B);
      put(folder, record.tarball.path, tarball);
      putRecord(folder, {
        ...record,
        tarball: { ...record.tarball, size: tarball.length, sha256: sum(tarball) },
      });
    },
    /name of the member/,
  ],
  [
    'a second member',
    async (folder, path, tarball) => {
      const work = join(root, 'work');
      mkdirSync(work);
      execFileSync('tar', ['-xJf', '-', '-C', work], { input: tarball });
      writeFileSync(join(work, 'more'), 'more');
      const two = execFileSync('tar', ['-cJf', '-', '-C', work, `${A}.btf`, 'more']);
      const { record } = await makeKernel(A);
      put(folder, path, two);
      putRecord(folder, {
        ...record,
        tarball: { ...record.tarball, size: two.length, sha256: sum(two) },
      });
    },
    /it has 2 members, and one is expected/,
  ],
  [
    'other BTF than the record says',
    async (folder) => {
      const { record } = await makeKernel(A);
      putRecord(folder, { ...record, btf: { ...record.btf, sha256: 'f'.repeat(64) } });
    },
    /SHA-256 of the BTF/,
  ],
  [
    'other counts than the record says',
    async (folder) => {
      const { record } = await makeKernel(A);
      const kinds = { ...record.btf.kinds, STRUCT: 99 };
      putRecord(folder, { ...record, btf: { ...record.btf, kinds } });
    },
    /types are not as many/,
  ],
];

test.each(spoils)('%s is refused by name, and nothing is published', async (_, spoil, message) => {
  const { folder, path, tarball } = await good();
  await spoil(folder, path, tarball);
  await expect(take([folder])).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringMatching(message),
  });
});

test('BTF with too few types for a kernel is refused', async () => {
  const { folder } = await good();
  await expect(take([folder], 10_000)).rejects.toThrow(/not the BTF of a whole kernel/);
});

test('a folder that is not there is named', async () => {
  await expect(take([join(root, 'nothing')])).rejects.toThrow(/nothing is not a folder/);
});

testWithShared('samples')(
  "the archive's own tarballs pass, with what a record of them would say",
  async () => {
    const name = '4.19.90-2112.8.0.0131.oe1.x86_64';
    const work = join(root, 'work');
    mkdirSync(work);
    const sample = join(shared, 'samples', `${name}.btf.tar.xz`);
    execFileSync('tar', ['-xJf', sample, '-C', work]);
    const { readFileSync } = await import('node:fs');
    const btf = readFileSync(join(work, `${name}.btf`));
    const tarball = readFileSync(sample);
    const { record } = await makeKernel(name, {}, btf);
    const folder = join(root, 'btf');
    put(folder, record.tarball.path, tarball);
    putRecord(folder, {
      ...record,
      tarball: { ...record.tarball, size: tarball.length, sha256: sum(tarball) },
    });
    expect((await take([folder], 10_000)).candidates.length).toBe(1);
  },
);

test('files with modules are taken with --modules alone, and with it nothing else', async () => {
  const modules = { requested: ['xfs'], included: ['xfs'], excluded: [] };
  const { record, tarball } = await makeKernel(A, { modules });
  const folder = join(root, 'modules');
  put(folder, record.tarball.path, tarball);
  putRecord(folder, record);
  const { candidates } = await take([folder], MINIMUM_TYPES, 'modules');
  expect(candidates[0]?.record.modules).toEqual(modules);
  await expect(take([folder])).rejects.toThrow(/it holds modules, and --modules is not given/);
  const plain = (await good()).folder;
  const wrong = take([plain], MINIMUM_TYPES, 'modules');
  await expect(wrong).rejects.toThrow(/names no modules, and --modules is given/);
});
