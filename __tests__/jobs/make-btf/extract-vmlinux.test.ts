/** What proves that a vmlinux is the header's, in packages written byte by byte. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { extractVmlinux, largestVmlinuxOf } from '../../../src/jobs/make-btf/extract-vmlinux.ts';
import { systemPrograms } from '../../../src/platform/programs.ts';
import { TAG } from '../../../src/rpm/tags.ts';
import { stream } from '../../rpm/read.ts';
import { rpmbuild } from '../../rpm/rpmbuild.ts';
import {
  fileTags,
  NVRA_TAGS,
  newc,
  type Tags,
  TRAILER,
  writeHeader,
  writePackage,
} from '../../rpm/write.ts';
import { makeSetting } from './setting.ts';

const setting = makeSetting();
const PATH = '/usr/lib/debug/lib/modules/5.10.0/vmlinux';
const VMLINUX = Buffer.from('not an ELF file, which is for others to say');
const ARCHIVE = Buffer.concat([newc(`.${PATH}`, VMLINUX), TRAILER]);
const hash = (algorithm: string, bytes: Uint8Array) =>
  createHash(algorithm).update(bytes).digest('hex');

/** The digest of vmlinux by another algorithm, with OpenPGP's number of it. */
const digested = (number: number, algorithm: string): Tags => [
  [TAG.fileDigestAlgorithm, { int32: [number] }],
  [TAG.fileDigests, { strings: [hash(algorithm, VMLINUX)] }],
];
const NO_DIGEST: Tags = [[TAG.fileDigests, { strings: [''] }]];
const OTHER_DIGEST: Tags = [[TAG.fileDigests, { strings: [hash('sha256', ARCHIVE)] }]];

/** Takes vmlinux out of a package whose tags are those of its one file, but for `changes`. */
async function extract(payloadDigest: string, changes: Tags = [], wanted = PATH) {
  const kept = fileTags([{ path: PATH, data: VMLINUX }]).filter(
    ([tag]) => !changes.some(([other]) => other === tag),
  );
  const tags: Tags = [
    ...NVRA_TAGS,
    ...kept,
    ...changes,
    [TAG.payloadDigest, { strings: [payloadDigest] }],
    [TAG.payloadDigestAlgorithm, { int32: [8] }],
  ];
  const target = join(setting.fresh('kernel'), 'vmlinux');
  const { proven } = await extractVmlinux(
    stream(writePackage(writeHeader(tags, 63), ARCHIVE)),
    { nvra: 'written-1-2.x86_64', vmlinuxPath: `.${wanted}`, modules: undefined },
    target,
    {
      programs: systemPrograms(process.env),
      xz: { program: 'xz', args: ['-dc'] },
      xzRange: () => undefined,
    },
    async () => {},
  );
  return { proven, content: readFileSync(target) };
}

const right = hash('sha256', ARCHIVE);
const wrong = hash('sha256', VMLINUX);

test('a vmlinux with the SHA-256 that the header has for it is proven', async () => {
  expect(await extract(right)).toEqual({ proven: true, content: VMLINUX });
});

test('where the header has the SHA-256 of vmlinux, a wrong digest of the payload is not looked at', async () => {
  expect(await extract(wrong)).toEqual({ proven: true, content: VMLINUX });
});

test.each<[string, Tags]>([
  ['an MD5', digested(1, 'md5')],
  ['a SHA-1', digested(2, 'sha1')],
  ['no digest', NO_DIGEST],
])('where the header has %s of it, the digest of the payload must be right', async (_, changes) => {
  expect(await extract(right, changes)).toEqual({ proven: false, content: VMLINUX });
  await expect(extract(wrong, changes)).rejects.toMatchObject({
    reason: 'corrupt-package',
    message: expect.stringMatching(/payload's sha256/),
  });
});

test('a vmlinux with another digest than the header has for it is refused', async () => {
  await expect(extract(right, OTHER_DIGEST)).rejects.toMatchObject({
    reason: 'corrupt-package',
    message: expect.stringMatching(/vmlinux has the sha256/),
  });
});

test('a vmlinux at the path of a system with a merged /usr is found', async () => {
  const merged = '/usr/lib/debug/usr/lib/modules/5.10.0/vmlinux';
  const archive = Buffer.concat([newc(`.${merged}`, VMLINUX), TRAILER]);
  const tags = [...NVRA_TAGS, ...fileTags([{ path: merged, data: VMLINUX }])];
  const target = join(setting.fresh('kernel'), 'vmlinux');
  await extractVmlinux(
    stream(writePackage(writeHeader(tags, 63), archive)),
    { nvra: 'written-1-2.x86_64', vmlinuxPath: `.${PATH}`, modules: undefined },
    target,
    {
      programs: systemPrograms(process.env),
      xz: { program: 'xz', args: ['-dc'] },
      xzRange: () => undefined,
    },
    async () => {},
  );
  expect(readFileSync(target)).toEqual(VMLINUX);
});

/** Takes `wanted` out of a package that the real rpmbuild makes of `tree`. */
async function extractPacked(fill: (tree: string) => void, wanted: string) {
  const [tree, folder] = [setting.fresh('tree'), setting.fresh('rpms')];
  fill(tree);
  const rpm = readFileSync(rpmbuild(folder, 'linked', tree, 'w2.xzdio'));
  const target = join(setting.fresh('kernel'), 'vmlinux');
  const decoders = {
    programs: systemPrograms(process.env),
    xz: { program: 'xz', args: ['-dc'] },
    xzRange: () => undefined,
  };
  const package_ = { nvra: 'linked-1.2-3.x86_64', vmlinuxPath: `.${wanted}`, modules: undefined };
  const { proven } = await extractVmlinux(stream(rpm), package_, target, decoders, async () => {});
  return { proven, content: readFileSync(target) };
}

test.each([
  ['relative', '../../../../../lib/modules/5.10.0/vmlinux', '/usr/lib/modules/5.10.0/vmlinux'],
  ['absolute', '/usr/lib/debug/boot/vmlinux-5.10.0', '/usr/lib/debug/boot/vmlinux-5.10.0'],
])('a vmlinux that is a %s symlink is the file that it leads to', async (_, link, real) => {
  const fill = (tree: string) => {
    for (const path of [PATH, real]) mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, real), VMLINUX);
    symlinkSync(link, join(tree, PATH));
  };
  expect(await extractPacked(fill, PATH)).toEqual({ proven: true, content: VMLINUX });
});

test('a path with <buildid> is the largest file at a build ID, through a link too', async () => {
  const at = (id: string) => `/usr/lib/debug/.build-id/${id}.debug`;
  const real = '/usr/lib/debug/boot/vmlinux';
  const small = (tree: string) => {
    mkdirSync(dirname(join(tree, at('00/11'))), { recursive: true });
    writeFileSync(join(tree, at('00/11')), 'a module');
    mkdirSync(dirname(join(tree, at('ab/cdef01'))), { recursive: true });
  };
  const asFile = (tree: string) => {
    small(tree);
    writeFileSync(join(tree, at('ab/cdef01')), VMLINUX);
  };
  const asLink = (tree: string) => {
    small(tree);
    mkdirSync(dirname(join(tree, real)), { recursive: true });
    writeFileSync(join(tree, real), VMLINUX);
    symlinkSync('../../boot/vmlinux', join(tree, at('ab/cdef01')));
  };
  const wanted = '/usr/lib/debug/.build-id/<buildid>.debug';
  for (const fill of [asFile, asLink]) {
    expect(await extractPacked(fill, wanted)).toEqual({ proven: true, content: VMLINUX });
  }
  await expect(extractPacked(asFile, '/boot/<buildid>.debug')).rejects.toMatchObject({
    reason: 'no-vmlinux',
  });
});

test.each([
  ['to nothing', '/nowhere/vmlinux'],
  ['to itself', 'vmlinux'],
])('a vmlinux that is a symlink %s is no-vmlinux', async (_, link) => {
  const symlink: Tags = [
    [TAG.fileModes, { int16: [0o120777] }],
    [TAG.fileLinkTos, { strings: [link] }],
  ];
  await expect(extract(right, symlink)).rejects.toMatchObject({ reason: 'no-vmlinux' });
});

test('a package without it says what else it has', async () => {
  const elsewhere = '/usr/lib/debug/lib/modules/5.10.1/vmlinux';
  await expect(extract(right, [], elsewhere)).rejects.toMatchObject({
    reason: 'no-vmlinux',
    message: expect.stringContaining(`but it has ${PATH}`),
  });
});

test('a vmlinux of far more bytes than its package is refused before a byte is unpacked', () => {
  expect([1, 10e6, 600e6].map(largestVmlinuxOf)).toEqual([64e6, 160e6, 4e9]);
});

test('a vmlinux of more bytes than any kernel has is refused before a byte is unpacked', async () => {
  await expect(extract(right, [[TAG.fileSizes, { int32: [4_200_000_000] }]])).rejects.toMatchObject(
    {
      reason: 'corrupt-package',
      message: expect.stringContaining('at most 4000000000'),
    },
  );
});
