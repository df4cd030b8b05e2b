import { mkdirSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { jobsThatFit, machineMemory, paholeMemory } from '../../src/toolchain/memory.ts';
import { temporaryFolder } from './programs.ts';

const [MB, GB] = [1e6, 1e9];

/** Peaks of real runs (docs/pahole.md): version, jobs, MB of .debug_info, MiB of its own memory. */
test.each([
  ['1.24', 1, 146.3, 187],
  ['1.24', 1, 163.2, 214],
  ['1.24', 1, 174.4, 228],
  ['1.24', 1, 208.7, 280],
  ['1.25', 1, 146.3, 2511],
  ['1.25', 1, 174.4, 2970],
  ['1.25', 1, 208.7, 3604],
  ['1.26', 1, 208.7, 3613],
  ['1.27', 1, 163.2, 2952],
  ['1.27', 1, 208.7, 3764],
  ['1.28', 1, 163.2, 236],
  ['1.28', 1, 208.7, 294],
  ['1.30', 1, 146.3, 199],
  ['1.30', 4, 146.3, 225],
  ['1.30', 2, 208.7, 306],
  ['1.30', 4, 208.7, 329],
  ['1.31', 1, 146.3, 201],
  ['1.31', 16, 146.3, 287],
  ['1.31', 1, 163.2, 240],
  ['1.31', 2, 163.2, 248],
  ['1.31', 4, 163.2, 270],
  ['1.31', 1, 174.4, 249],
  ['1.31', 4, 174.4, 280],
  ['1.31', 1, 208.7, 302],
  ['1.31', 2, 208.7, 318],
  ['1.31', 4, 208.7, 337],
  ['1.31', 8, 208.7, 387],
  ['1.31', 16, 208.7, 453],
])(
  'for pahole %s with %d jobs and %d MB it is a quarter to two thirds above the %d MiB that were measured',
  (version, jobs, size, peak) => {
    const debugInfo = { size: size * MB, compressed: false };
    const estimate = paholeMemory(version, debugInfo, jobs) / 2 ** 20;
    expect(estimate).toBeGreaterThan(1.25 * peak);
    expect(estimate).toBeLessThan(1.67 * peak);
  },
);

test.each([
  [1, 564],
  [4, 593],
])(
  'compressed DWARF takes room to unpack it: with %d jobs a quarter above %d MiB',
  (jobs, peak) => {
    const estimate = paholeMemory('1.31', { size: 208.7 * MB, compressed: true }, jobs) / 2 ** 20;
    expect(estimate).toBeGreaterThan(1.25 * peak);
    expect(estimate).toBeLessThan(1.67 * peak);
  },
);

test('more jobs take more, and are lowered until they fit, to none where not even one does', () => {
  const debugInfo = { size: 160 * MB, compressed: false };
  const need = (jobs: number) => paholeMemory('1.31', debugInfo, jobs);
  expect(need(4)).toBeGreaterThan(need(2));
  expect(jobsThatFit('1.31', debugInfo, 4, need(4))).toBe(4);
  expect(jobsThatFit('1.31', debugInfo, 4, need(3))).toBe(3);
  expect(jobsThatFit('1.31', debugInfo, 4, need(1) - 1)).toBe(0);
});

/** A /proc and a /sys of files: `memory` in kB of meminfo, then path -> content. */
function linux(available: number, cgroup: string, groups: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${text}\n`);
  };
  write('meminfo', `MemTotal: ${(8 * GB) / 1024} kB\nMemAvailable: ${available / 1024} kB`);
  write('cgroup', cgroup);
  for (const [path, text] of Object.entries(groups)) write(join('mount', path), text);
  return {
    meminfo: join(folder, 'meminfo'),
    cgroup: join(folder, 'cgroup'),
    mount: join(folder, 'mount'),
  };
}

test('without control groups it is what the machine has', () => {
  expect(machineMemory(linux(6 * GB, ''))).toEqual({ total: 8 * GB, available: 6 * GB });
});

test('a limit of version 2 counts, less what is used, and its page cache is no use', () => {
  const files = linux(6 * GB, '0::/app', {
    'app/memory.max': `${2 * GB}`,
    'app/memory.current': `${1.5 * GB}`,
    'app/memory.stat': `anon ${0.4 * GB}\ninactive_file ${1 * GB}\nactive_file ${0.1 * GB}`,
  });
  expect(machineMemory(files)).toEqual({ total: 2 * GB, available: 1.6 * GB });
});

test("a parent's limit counts, and 'max' is none", () => {
  const files = linux(6 * GB, '0::/pod/app', {
    'pod/app/memory.max': 'max',
    'pod/app/memory.current': `${0.1 * GB}`,
    'pod/memory.max': `${1 * GB}`,
    'pod/memory.current': `${0.5 * GB}`,
  });
  expect(machineMemory(files)).toEqual({ total: 1 * GB, available: 0.5 * GB });
});

test('a limit of version 1 counts, also where only the mount of a container is visible', () => {
  const files = linux(6 * GB, '5:cpu:/docker/1f\n4:memory:/docker/1f\n0::/', {
    'memory/memory.limit_in_bytes': `${3 * GB}`,
    'memory/memory.usage_in_bytes': `${2 * GB}`,
    'memory/memory.stat': `inactive_file 7\ntotal_inactive_file ${1 * GB}\ntotal_active_file 0`,
  });
  expect(machineMemory(files)).toEqual({ total: 3 * GB, available: 2 * GB });
});

test('a group that is used to the brim has nothing left, never less', () => {
  const files = linux(6 * GB, '0::/app', {
    'app/memory.max': `${1 * GB}`,
    'app/memory.current': `${1.1 * GB}`,
  });
  expect(machineMemory(files).available).toBe(0);
});

test('this very machine has some', () => {
  const { total, available } = machineMemory();
  expect(available).toBeGreaterThan(0);
  expect(total).toBeLessThanOrEqual(totalmem());
  expect(available).toBeLessThanOrEqual(total);
});
