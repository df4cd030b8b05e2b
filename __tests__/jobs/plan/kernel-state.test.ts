import { tarballPath } from '../../../src/archive/layout.ts';
import type { Reason } from '../../../src/failure.ts';
import {
  type ArchiveState,
  hoursAfter,
  kernelState,
  mayRetry,
  NO_ARCHIVE,
} from '../../../src/jobs/plan/kernel-state.ts';
import { asArch } from '../../../src/names.ts';
import type { BootPackage, KernelPackage } from '../../../src/sources/kernels.ts';
import { OPENEULER } from '../../../src/sources/openeuler.ts';
import type { DwarfTools } from '../../../src/toolchain/dwarf-tools.ts';
import { kernelOf } from './kernel.ts';

const kernel = kernelOf(60);
const path = tarballPath(kernel, kernel.uname);
const tools = { pahole: '1.31', elfutils: '0.190' };
const now = new Date('2026-11-22T02:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000).toISOString();
const failure = (reason: Reason, ...attempts: string[]) => ({
  reason,
  attempts,
  package: { size: kernel.size, sha256: kernel.checksum.value },
});

function stateOf(
  found: Partial<ArchiveState>,
  rules = {},
  modules?: Partial<ArchiveState>,
  one: KernelPackage = kernel,
) {
  const all = {
    kernels: { ...NO_ARCHIVE, ...found },
    modules: modules && { ...NO_ARCHIVE, ...modules },
  };
  const base = {
    source: OPENEULER,
    skipEmbedded: false,
    retryFailed: false,
    replaceMethod: false,
    tools,
    now,
  };
  return kernelState(one, { ...base, archive: all, ...rules });
}

test('what is in the archive or under review is not wanted, even if it failed before', () => {
  const failed = new Map([[path, failure('no-vmlinux', hoursAgo(1))]]);
  expect(stateOf({ archived: new Set([path]), failed })).toBe('archived');
  expect(stateOf({ pending: new Set([path]), failed })).toBe('pending');
  expect(stateOf({})).toBe('wanted');
});

test.each(['archived', 'pending'] as const)(
  'what is %s lacks its file with modules until that is there, waits, or has failed',
  (state) => {
    const there = { [state]: new Set([path]) };
    expect(stateOf(there, {}, {})).toBe('without-modules');
    for (const has of ['archived', 'pending']) {
      expect(stateOf(there, {}, { [has]: new Set([path]) })).toBe(state);
    }
    const failed = new Map([[path, failure('network', hoursAgo(1))]]);
    expect(stateOf(there, {}, { failed })).toBe(state);
    expect(stateOf(there, { retryFailed: true }, { failed })).toBe('without-modules');
    expect(stateOf(there, {})).toBe(state);
  },
);

/** The same kernel in its package with the boot image. */
function bootPackageOf(number: number): BootPackage {
  const { vmlinuxPath: _path, bootPackage: _boot, ...rest } = kernelOf(number);
  const nvra = rest.nvra.replace('-debuginfo', '');
  return { ...rest, nvra, method: 'embedded', imagePath: `./boot/vmlinuz-${rest.uname}` };
}

describe.each(['archived', 'pending'] as const)('what is %s', (state) => {
  const boot = bootPackageOf(60);
  const madeOf = ({ method, nvra }: KernelPackage) => ({
    [state]: new Set([path]),
    built: new Map([[path, { method, nvra }]]),
  });

  test('is not built again by the other method, unless that is asked for', () => {
    expect(stateOf(madeOf(kernel), {}, undefined, boot)).toBe(state);
    expect(stateOf(madeOf(boot))).toBe(state);
    expect(stateOf(madeOf(kernel), { replaceMethod: true }, undefined, boot)).toBe('wanted');
    expect(stateOf(madeOf(boot), { replaceMethod: true })).toBe('wanted');
  });

  test('is not built again by the same method, nor where the catalog does not know the method', () => {
    expect(stateOf(madeOf(kernel), { replaceMethod: true })).toBe(state);
    expect(stateOf(madeOf(boot), { replaceMethod: true }, undefined, boot)).toBe(state);
    expect(stateOf({ [state]: new Set([path]) }, { replaceMethod: true })).toBe(state);
  });

  test('stays where the boot image gave it and the package with vmlinux is tried before it again', () => {
    const both = { ...kernel, bootPackage: boot };
    expect(stateOf(madeOf(boot), { replaceMethod: true }, undefined, both)).toBe(state);
  });
});

test('a kernel that the archive does not have is wanted, whatever there is with modules', () => {
  expect(stateOf({}, {}, { archived: new Set([path]) })).toBe('wanted');
});

test('a kernel with BTF of its own is left out only when that is asked for', () => {
  expect(stateOf({}, { skipEmbedded: true })).toBe('embedded');
  const old = kernelOf(51);
  const foreign = kernelOf(60, { arch: asArch('riscv64') });
  const rules = {
    source: OPENEULER,
    archive: { kernels: NO_ARCHIVE, modules: undefined },
    retryFailed: false,
    replaceMethod: false,
    tools,
    now,
  };
  for (const without of [old, foreign, { ...kernel, flavour: 'rt' }]) {
    expect(kernelState(without, { ...rules, skipEmbedded: true })).toBe('wanted');
  }
});

test.each<Reason>(['no-vmlinux', 'no-dwarf', 'bad-elf'])(
  '%s is not tried again, however long ago',
  (reason) => {
    expect(mayRetry(kernel, failure(reason, '2020-01-01T00:00:00Z'), tools, now)).toBe(false);
  },
);

test('no-vmlinux is tried again where a boot image can be read instead, and no-btf is not', () => {
  const both = { ...kernel, bootPackage: bootPackageOf(60) };
  const long = '2020-01-01T00:00:00Z';
  expect(mayRetry(both, failure('no-vmlinux', hoursAgo(1)), tools, now)).toBe(true);
  expect(mayRetry(both, failure('no-btf', long), tools, now)).toBe(false);
});

test.each<Reason>(['corrupt-package', 'pahole-failed', 'bad-btf', 'network'])(
  '%s is tried again: another mirror or pahole may change it',
  (reason) => {
    expect(mayRetry(kernel, failure(reason, '2020-01-01T00:00:00Z'), tools, now)).toBe(true);
  },
);

test('another package of the same name is tried at once', () => {
  const past = failure('no-vmlinux', hoursAgo(0));
  expect(
    mayRetry(
      { ...kernel, checksum: { algorithm: 'sha256', value: 'b'.repeat(64) } },
      past,
      tools,
      now,
    ),
  ).toBe(true);
  const sha512 = { ...kernel, checksum: { algorithm: 'sha512' as const, value: 'c'.repeat(128) } };
  expect(mayRetry(sha512, past, tools, now)).toBe(false);
  expect(mayRetry({ ...sha512, size: 1 }, past, tools, now)).toBe(true);
});

test('the wait doubles with each failure, from half a day to 30 days', () => {
  expect([1, 2, 3, 4, 7, 50].map(hoursAfter)).toEqual([12, 24, 48, 96, 720, 720]);
  const twice = (last: number) => failure('network', hoursAgo(200), hoursAgo(last));
  expect(mayRetry(kernel, twice(23), tools, now)).toBe(false);
  expect(mayRetry(kernel, twice(24), tools, now)).toBe(true);
});

test('DWARF that could not be read is tried again when pahole or elfutils changes, and not before', () => {
  const long = '2020-01-01T00:00:00Z';
  const past = (readers?: DwarfTools) => ({
    ...failure('unreadable-dwarf', readers === undefined ? hoursAgo(1) : long),
    ...(readers === undefined ? undefined : { tools: readers }),
  });
  expect(mayRetry(kernel, past(tools), tools, now)).toBe(false);
  expect(mayRetry(kernel, past({ pahole: '1.31' }), tools, now)).toBe(false);
  expect(mayRetry(kernel, past({ pahole: '1.30', elfutils: '0.190' }), tools, now)).toBe(true);
  expect(mayRetry(kernel, past({ pahole: '1.31', elfutils: '0.188' }), tools, now)).toBe(true);
  // Where the tools are not known, time decides.
  expect(mayRetry(kernel, past(), tools, now)).toBe(false);
  expect(mayRetry(kernel, past(tools), undefined, now)).toBe(true);
});

test('--retry-failed tries everything that failed', () => {
  const failed = new Map([[path, failure('no-vmlinux', hoursAgo(1))]]);
  expect(stateOf({ failed })).toBe('failed');
  expect(stateOf({ failed }, { retryFailed: true })).toBe('wanted');
});
