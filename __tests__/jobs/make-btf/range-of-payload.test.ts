/** vmlinux alone is written into its file, past this process: where something can cut, and where the header is right about it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveFolder } from '../../../src/download/static-server.ts';
import type { KernelResult } from '../../../src/jobs/make-btf/build-kernels.ts';
import { systemPrograms } from '../../../src/platform/programs.ts';
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

/** The machine's own programs, in a folder that comes first on PATH; each time dd cuts, its place and size are logged. */
const bin = setting.fresh('bin');
const log = join(setting.fresh('log'), 'ranges');
const dd = execFileSync('which', ['dd']).toString().trim();
const logging = `#!/bin/sh
case "$*" in *skip=4*count=3*) ;; *) echo "$3 $4" >> '${log}' ;; esac
exec ${dd} "$@"
`;
writeFileSync(join(bin, 'dd'), logging, { mode: 0o755 });
const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };

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
const platform = realPlatform({ env, programs: systemPrograms(env) });

/** The same without a program that can cut. */
const blunt = realPlatform({
  programs: {
    ...platform.programs,
    find: (name) => (name === 'dd' ? undefined : platform.programs.find(name)),
  },
});
const kernels = await kernelsOn(platform, server.url);

async function buildOne(number: number, on = platform, temp = setting.fresh('temp')) {
  writeFileSync(log, '');
  const [result] = await build(
    on,
    kernels.filter(({ uname }) => uname === unameOf(number)),
    { output: setting.fresh('output'), temp, mirrors: [server.url] },
  );
  return { result, ranges: readFileSync(log, 'utf8').split('\n').filter(Boolean) };
}

/** Where vmlinux is in the archive, by its own bytes. */
async function rangeOf(number: number): Promise<string> {
  const { archive } = await readPackage(readFileSync(join(packagesOf(root), rpmOf(number))));
  return `skip=${archive.indexOf(vmlinux)} count=${vmlinux.length}`;
}

test('vmlinux alone is cut out, and the record is the one that reading all of the archive gives', async () => {
  const { result, ranges } = await buildOne(USUAL);
  expect(ranges).toEqual([await rangeOf(USUAL)]);
  const whole = await buildOne(USUAL, blunt);
  expect(whole.ranges).toEqual([]);
  expect(result?.state).toBe('built');
  expect(lasting(result)).toEqual(lasting(whole.result));
});

/** What a record says but for how long it took and when. */
function lasting(result: KernelResult | undefined) {
  return { ...result?.record, stages: undefined, finishedAt: undefined };
}

test('a package whose members lie otherwise than its header says is read again, all of it', async () => {
  const { result, ranges } = await buildOne(SWAPPED);
  expect(ranges).toEqual([expect.stringMatching(`^skip=\\d{6,} count=${vmlinux.length}$`)]);
  expect(result).toMatchObject({
    state: 'built',
    record: { vmlinux: { sha256: createHash('sha256').update(vmlinux).digest('hex') } },
  });
});

test('one that is wrong in every way fails once and for all', async () => {
  const { result, ranges } = await buildOne(WRONG);
  expect(ranges).toHaveLength(1);
  expect(result).toMatchObject({
    state: 'failed',
    record: { reason: 'corrupt-package', message: expect.stringMatching(/vmlinux has the sha256/) },
  });
});

test('one without a digest of its vmlinux is read whole at once', async () => {
  const { result, ranges } = await buildOne(WEAK);
  expect(ranges).toEqual([]);
  expect(result).toMatchObject({ state: 'built', record: { verified: { file: false } } });
});

test('a disk that is full while vmlinux is written is said to be full', async () => {
  await onSmallDisk(setting, async (disk) => {
    const { result, ranges } = await buildOne(USUAL, platform, disk);
    expect(ranges).toHaveLength(1);
    expect(result).toMatchObject({ state: 'failed', record: { reason: 'no-space' } });
  });
});
