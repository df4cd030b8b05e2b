import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FailureRecord } from '../../../src/archive/record.ts';
import { serveFolder } from '../../../src/download/static-server.ts';
import { fastClock } from '../../download/conditions.ts';
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

/** One repository in which every package but one is wrong in a way of its own. */
const setting = makeSetting();
const [GOOD, NO_VMLINUX, NO_DWARF, NOT_ELF, CORRUPT, MISMATCH, CUT, GONE, TOO_SMALL] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9],
] as const;
const [ZSTD, DWZ, ZSTD_BOMB] = [10, 11, 12] as const;

const vmlinux = demoVmlinux();
const scratch = setting.fresh('scratch');

function stripped(): Buffer {
  const file = join(scratch, 'vmlinux');
  writeFileSync(file, vmlinux);
  execFileSync('objcopy', ['--strip-debug', file]);
  return readFileSync(file);
}

/** The same kernel with zstd-compressed DWARF; of a bomb, a section says that it is huge. */
function zstdCompressed(says?: bigint): Buffer {
  const file = join(scratch, 'zstd');
  writeFileSync(file, vmlinux);
  execFileSync('objcopy', ['--compress-debug-sections=zstd', file]);
  const bytes = readFileSync(file);
  const magic = bytes.indexOf(Buffer.from('28b52ffd', 'hex'));
  if (says !== undefined) bytes.writeBigUInt64LE(says, magic - 16);
  return bytes;
}

function tinyKernel(): Buffer {
  const file = join(scratch, 'tiny');
  writeFileSync(
    `${file}.c`,
    'struct task_struct { int pid; } init_task; int main(void) { return init_task.pid; }',
  );
  execFileSync('gcc', ['-g', '-O1', '-c', '-o', file, `${file}.c`]);
  return readFileSync(file);
}

function flip(file: string, fromEnd: number): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - fromEnd) ^ 0xff, bytes.length - fromEnd);
  writeFileSync(file, bytes);
}

const root = makeMirror(
  setting.fresh('mirror'),
  [
    { uname: unameOf(GOOD), vmlinux },
    { uname: unameOf(NO_VMLINUX), vmlinux: undefined },
    { uname: unameOf(NO_DWARF), vmlinux: stripped() },
    { uname: unameOf(NOT_ELF), vmlinux: Buffer.from('#!/bin/sh\n') },
    { uname: unameOf(CORRUPT), vmlinux },
    { uname: unameOf(MISMATCH), vmlinux },
    { uname: unameOf(CUT), vmlinux },
    { uname: unameOf(GONE), vmlinux },
    { uname: unameOf(TOO_SMALL), vmlinux: tinyKernel() },
    { uname: unameOf(ZSTD), vmlinux: zstdCompressed() },
    { uname: unameOf(DWZ), vmlinux: withSupplement(scratch, vmlinux) },
    { uname: unameOf(ZSTD_BOMB), vmlinux: zstdCompressed(4_000_000_000n) },
  ],
  // Before the repository is described: what the metadata promises is this very damage.
  (packages) => flip(join(packages, rpmOf(CORRUPT)), 2000),
);
const packages = packagesOf(root);
flip(join(packages, rpmOf(MISMATCH)), 2000);
const cut = readFileSync(join(packages, rpmOf(CUT)));
writeFileSync(join(packages, rpmOf(CUT)), cut.subarray(0, cut.length - 100));
rmSync(join(packages, rpmOf(GONE)));

const server = await serveFolder(root);
afterAll(() => server.close());
// The waits between tries are part of what is tested; at this pace they take no time.
const platform = realPlatform({ clock: fastClock(100) });
const output = setting.fresh('output');
const temp = setting.fresh('temp');
const kernels = await kernelsOn(platform, server.url);
const results = await build(platform, kernels, { output, temp, mirrors: [server.url] });

function failureOf(number: number): FailureRecord | undefined {
  const result = results.find(({ record }) => record.uname === unameOf(number));
  return result?.state === 'failed' ? result.record : undefined;
}

test('the good kernels are built among all that fail, in the order of the versions', () => {
  expect(results.map(({ record }) => record.uname)).toEqual(kernels.map(({ uname }) => uname));
  expect(
    results.filter(({ state }) => state === 'built').map(({ record }) => record.uname),
  ).toEqual([unameOf(GOOD), unameOf(ZSTD)]);
});

test('DWARF that is compressed with zstd gives the same BTF', () => {
  const btf = [GOOD, ZSTD].map((number) => {
    const result = results.find(({ record }) => record.uname === unameOf(number));
    return result?.state === 'built' ? result.record.btf.sha256 : undefined;
  });
  expect(btf[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(btf[1]).toBe(btf[0]);
});

test('the record of DWARF that cannot be read says which pahole and elfutils could not', () => {
  const version = execFileSync('pahole', ['--version'], { encoding: 'utf8' }).trim().slice(1);
  expect(failureOf(DWZ)?.tools).toEqual({
    pahole: version,
    elfutils: expect.stringMatching(/^0\.\d{3}$/),
  });
  expect(failureOf(NO_DWARF)).not.toHaveProperty('tools');
});

test.each([
  ['a package without vmlinux', NO_VMLINUX, 'no-vmlinux', 'has no ./usr/lib/debug/lib/modules'],
  ['a vmlinux without DWARF', NO_DWARF, 'no-dwarf', 'no debug information'],
  ['a vmlinux that is no ELF file', NOT_ELF, 'bad-elf', 'not an ELF file'],
  [
    'a payload that is damaged although the checksum is right',
    CORRUPT,
    'corrupt-package',
    'payload',
  ],
  ['a package with other bytes than promised', MISMATCH, 'checksum-mismatch', 'instead of'],
  ['a package that is shorter than promised', CUT, 'network', 'No mirror could deliver'],
  ['a package that is not there', GONE, 'network', '404'],
  ['DWARF that dwz moved into another file', DWZ, 'unreadable-dwarf', '/usr/lib/debug/.dwz/k'],
  ['a compressed section that says it is huge', ZSTD_BOMB, 'bad-elf', '16 times its size'],
  ['BTF with too few types', TOO_SMALL, 'bad-btf', 'types'],
])('%s fails with a reason of its own and says what it is', (_, number, reason, words) => {
  const record = failureOf(number);
  expect(record).toMatchObject({ reason, nvra: `kernel-debuginfo-${unameOf(number)}` });
  expect(record?.message).toContain(words);
});

test('each failure is in its record, and no tarball beside it', () => {
  const records = readdirSync(join(output, 'records'));
  expect(records).toHaveLength(kernels.length);
  for (const { record, state } of results) {
    const written = JSON.parse(
      readFileSync(join(output, 'records', `${record.uname}.json`), 'utf8'),
    );
    expect(written).toEqual(JSON.parse(JSON.stringify(record)));
    expect(written.state).toBe(state === 'failed' ? 'failed' : undefined);
  }
  expect(readdirSync(join(output, 'openEuler', '22.03', 'x86_64'))).toEqual([
    `${unameOf(GOOD)}.btf.tar.xz`,
    `${unameOf(ZSTD)}.btf.tar.xz`,
  ]);
});

test('nothing of the failed ones is left in the temporary folder', () => {
  expect(readdirSync(temp)).toEqual([]);
});
