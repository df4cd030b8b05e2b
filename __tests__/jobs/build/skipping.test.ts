/** What lies before vmlinux is left out where xz can do that, and where the header is right about it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveFolder } from '../../../src/download/serve.ts';
import type { KernelResult } from '../../../src/jobs/build/build.ts';
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
  makeStage,
  packagesOf,
  realWorld,
  rpmOf,
  unameOf,
} from './stage.ts';

const stage = makeStage();
const vmlinux = demoVmlinux();
const modules = (number: number) => `/usr/lib/debug/lib/modules/${unameOf(number)}`;

/**
 * An xz that leaves out the beginning of its output as the built one does, which takes minutes to make:
 * the machine's, and `tail`. It writes down what it is told.
 */
const log = join(stage.fresh('log'), 'told');
const xz = join(stage.fresh('bin'), 'xz');
writeFileSync(
  xz,
  `#!/bin/bash
set -o pipefail
echo "\${XZ_SKIP_OUTPUT:-0}" >> '${log}'
env -u XZ_SKIP_OUTPUT xz "$@" | tail -c +$((\${XZ_SKIP_OUTPUT:-0} + 1))
`,
  { mode: 0o755 },
);

/** A package whose vmlinux comes first in the payload, and second in the header. */
function inAnotherOrder(number: number, content: Uint8Array): Buffer {
  const a = { path: `${modules(number)}/a.ko.debug`, data: Buffer.alloc(100_000, 'a module ') };
  const b = { path: `${modules(number)}/vmlinux`, data: Buffer.from(vmlinux) };
  const members = [newc(`.${b.path}`, content), newc(`.${a.path}`, a.data), TRAILER];
  const payload = execFileSync('xz', ['-c0'], { input: Buffer.concat(members) });
  const tags: Tags = [
    ...NVRA_TAGS.filter(([tag]) => tag === TAG.arch),
    [TAG.name, { string: 'kernel-debuginfo' }],
    [TAG.version, { string: '5.10.0' }],
    [TAG.release, { string: `136.${number}.0.0.oe2203sp1` }],
    [TAG.payloadFormat, { string: 'cpio' }],
    [TAG.payloadCompressor, { string: 'xz' }],
    [TAG.payloadDigestAlgorithm, { int32: [8] }],
    [TAG.payloadDigest, { strings: [createHash('sha256').update(payload).digest('hex')] }],
    ...fileTags([a, b]),
  ];
  return writePackage(writeHeader(tags, 63), payload);
}

const [USUAL, SWAPPED, WRONG] = [1, 2, 3] as const;
const contents = [USUAL, SWAPPED, WRONG].map((number) => ({ uname: unameOf(number), vmlinux }));
const damaged = Buffer.from(vmlinux);
damaged.writeUInt8(damaged.readUInt8(5000) ^ 0xff, 5000);
const root = makeMirror(stage.fresh('mirror'), contents, (packages) => {
  writeFileSync(join(packages, rpmOf(SWAPPED)), inAnotherOrder(SWAPPED, vmlinux));
  writeFileSync(join(packages, rpmOf(WRONG)), inAnotherOrder(WRONG, damaged));
});
const server = await serveFolder(root);
afterAll(() => server.close());
const world = realWorld();
const kernels = await kernelsOn(world, server.url);

async function buildOne(number: number, program: string) {
  writeFileSync(log, '');
  const [result] = await build(
    world,
    kernels.filter(({ uname }) => uname === unameOf(number)),
    { output: stage.fresh('output'), temp: stage.fresh('temp'), mirrors: [server.url] },
    { tools: { pahole: 'system', xz: program, sources: [], allowInstall: false } },
  );
  return { result, told: readFileSync(log, 'utf8').trim().split('\n').map(Number) };
}

/** Where the member of vmlinux begins, by its name in the archive, which stands behind 110 bytes of its head. */
async function beginningOf(number: number): Promise<number> {
  const { archive } = await readPackage(readFileSync(join(packagesOf(root), rpmOf(number))));
  return archive.indexOf(`.${modules(number)}/vmlinux\0`) - 110;
}

test('xz leaves out all before vmlinux, and the BTF is the one that any xz gives', async () => {
  const beginning = await beginningOf(USUAL);
  expect(beginning).toBeGreaterThan(0);
  const { result, told } = await buildOne(USUAL, xz);
  // Its version, whether it can, and then this package; the tarball is packed by the machine's own.
  expect(told).toEqual([0, 4, beginning]);
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
  expect(told).toEqual([0, 4, expect.any(Number), 0]);
  expect(told[2]).toBeGreaterThan(100_000);
  expect(result).toMatchObject({
    state: 'built',
    record: { vmlinux: { sha256: createHash('sha256').update(vmlinux).digest('hex') } },
  });
});

test('one that is wrong from its beginning too fails once and for all', async () => {
  const { result, told } = await buildOne(WRONG, xz);
  expect(told).toHaveLength(4);
  expect(result).toMatchObject({
    state: 'failed',
    record: { reason: 'corrupt-package', message: expect.stringMatching(/vmlinux has the sha256/) },
  });
});
