/** xz writes vmlinux, and nothing else, into its file: where it can, and where the header is right about it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveFolder } from '../../../src/download/static-server.ts';
import type { KernelResult } from '../../../src/jobs/make-btf/build-kernels.ts';
import { TAG } from '../../../src/rpm/tags.ts';
import { readPackage } from '../../rpm/read.ts';
import {
  fileTags,
  NVRA_TAGS,
  newc,
  type Tags,
  TRAILER,
  writeHeader,
  writePackage,
} from '../../rpm/write.ts';
import { XZ_WITH_PARTS } from '../../toolchain/programs.ts';
import {
  build,
  demoVmlinux,
  kernelsOn,
  makeMirror,
  makeSetting,
  onSmallDisk,
  packagesOf,
  realPlatform,
  rpmOf,
  unameOf,
} from './setting.ts';

const setting = makeSetting();
const vmlinux = demoVmlinux();
const modules = (number: number) => `/usr/lib/debug/lib/modules/${unameOf(number)}`;

/** It writes down what it is told. */
const log = join(setting.fresh('log'), 'told');
const xz = join(setting.fresh('bin'), 'xz');
const telling = `\necho "\${XZ_OUTPUT_PART:-all}" >> '${log}'\n`;
writeFileSync(xz, XZ_WITH_PARTS.replace('\n', telling), { mode: 0o755 });

/** A package with a module before vmlinux in its header; in its payload the members lie as `order` has them. */
function written(
  number: number,
  content: Uint8Array,
  order: (module: Buffer, vmlinux: Buffer) => readonly Buffer[],
  digests: Tags = [],
): Buffer {
  const a = { path: `${modules(number)}/a.ko.debug`, data: Buffer.alloc(100_000, 'a module ') };
  const b = { path: `${modules(number)}/vmlinux`, data: Buffer.from(vmlinux) };
  const members = order(newc(`.${a.path}`, a.data), newc(`.${b.path}`, content));
  const payload = execFileSync('xz', ['-c0'], { input: Buffer.concat([...members, TRAILER]) });
  const tags: Tags = [
    ...NVRA_TAGS.filter(([tag]) => tag === TAG.arch),
    [TAG.name, { string: 'kernel-debuginfo' }],
    [TAG.version, { string: '5.10.0' }],
    [TAG.release, { string: `136.${number}.0.0.oe2203sp1` }],
    [TAG.payloadFormat, { string: 'cpio' }],
    [TAG.payloadCompressor, { string: 'xz' }],
    [TAG.payloadDigestAlgorithm, { int32: [8] }],
    [TAG.payloadDigest, { strings: [createHash('sha256').update(payload).digest('hex')] }],
    ...fileTags([a, b]).filter(([tag]) => !digests.some(([other]) => other === tag)),
    ...digests,
  ];
  return writePackage(writeHeader(tags, 63), payload);
}

const [USUAL, SWAPPED, WRONG, WEAK] = [1, 2, 3, 4] as const;
const contents = [USUAL, SWAPPED, WRONG, WEAK].map((number) => ({
  uname: unameOf(number),
  vmlinux,
}));
const damaged = Buffer.from(vmlinux);
damaged.writeUInt8(damaged.readUInt8(5000) ^ 0xff, 5000);
const root = makeMirror(setting.fresh('mirror'), contents, (packages) => {
  const write = (number: number, rpm: Buffer) => writeFileSync(join(packages, rpmOf(number)), rpm);
  write(
    SWAPPED,
    written(SWAPPED, vmlinux, (a, b) => [b, a]),
  );
  write(
    WRONG,
    written(WRONG, damaged, (a, b) => [b, a]),
  );
  const none: Tags = [[TAG.fileDigests, { strings: ['', ''] }]];
  write(
    WEAK,
    written(WEAK, vmlinux, (a, b) => [a, b], none),
  );
});
const server = await serveFolder(root);
afterAll(() => server.close());
const platform = realPlatform();
const kernels = await kernelsOn(platform, server.url);

async function buildOne(number: number, program: string, temp = setting.fresh('temp')) {
  writeFileSync(log, '');
  const [result] = await build(
    platform,
    kernels.filter(({ uname }) => uname === unameOf(number)),
    { output: setting.fresh('output'), temp, mirrors: [server.url] },
    { tools: { pahole: 'system', xz: program, sources: [], allowInstall: false } },
  );
  return { result, told: readFileSync(log, 'utf8').trim().split('\n') };
}

/** Where vmlinux is in the archive, by its own bytes. */
async function partOf(number: number): Promise<string> {
  const { archive } = await readPackage(readFileSync(join(packagesOf(root), rpmOf(number))));
  return `${archive.indexOf(vmlinux)}+${vmlinux.length}`;
}

/** Of any package: the version of xz, whether it can, and then the package; its tarball is packed by the machine's own. */
const asked = (...decoded: unknown[]) => ['all', '4+3', ...decoded];

test('xz writes vmlinux and nothing else, and the BTF is the one that any xz gives', async () => {
  const { result, told } = await buildOne(USUAL, xz);
  expect(told).toEqual(asked(await partOf(USUAL)));
  const plain = await buildOne(USUAL, 'system');
  expect(result?.state).toBe('built');
  expect(lasting(result)).toEqual(lasting(plain.result));
});

/** What a record says but for how long it took and when. */
function lasting(result: KernelResult | undefined) {
  return { ...result?.record, stages: undefined, finishedAt: undefined };
}

test('a package whose members lie otherwise than its header says is read again from its beginning', async () => {
  const { result, told } = await buildOne(SWAPPED, xz);
  expect(told).toEqual(asked(expect.stringMatching(`^\\d{6,}\\+${vmlinux.length}$`), 'all'));
  expect(result).toMatchObject({
    state: 'built',
    record: { vmlinux: { sha256: createHash('sha256').update(vmlinux).digest('hex') } },
  });
});

test('one that is wrong from its beginning too fails once and for all', async () => {
  const { result, told } = await buildOne(WRONG, xz);
  expect(told).toEqual(asked(expect.stringContaining('+'), 'all'));
  expect(result).toMatchObject({
    state: 'failed',
    record: { reason: 'corrupt-package', message: expect.stringMatching(/vmlinux has the sha256/) },
  });
});

test('one without a digest of its vmlinux is read from its beginning at once', async () => {
  const { result, told } = await buildOne(WEAK, xz);
  expect(told).toEqual(asked('all'));
  expect(result).toMatchObject({ state: 'built', record: { verified: { file: false } } });
});

test('a disk that is full while xz writes is said to be full', async () => {
  await onSmallDisk(setting, async (disk) => {
    const { result, told } = await buildOne(USUAL, xz, disk);
    expect(told).toEqual(asked(expect.stringContaining('+')));
    expect(result).toMatchObject({ state: 'failed', record: { reason: 'no-space' } });
  });
});
