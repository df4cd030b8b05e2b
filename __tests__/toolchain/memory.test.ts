import { mkdirSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { jobsThatFit, machineMemory, paholeMemory } from '../../src/toolchain/memory.ts';
import { temporaryFolder } from './programs.ts';

const [MB, GB] = [1e6, 1e9];

/** Peaks of real runs, one job: version, MB of vmlinux, MiB of its own memory. */
test.each([
  ['1.24', 588, 214],
  ['1.24', 339, 280],
  ['1.25', 588, 2829],
  ['1.25', 339, 3604],
  ['1.27', 588, 2952],
  ['1.28', 588, 236],
  ['1.30', 272, 240],
  ['1.31', 588, 240],
  ['1.31', 272, 249],
  ['1.31', 339, 302],
  ['1.31', 628, 201],
])(
  'the estimate for pahole %s and %d MB is above the %d MiB that it took',
  (version, size, peak) => {
    const estimate = paholeMemory(version, size * MB, 1) / 2 ** 20;
    expect(estimate).toBeGreaterThan(peak);
    expect(estimate).toBeLessThan(Math.max(3 * peak, 2.2 * 2 ** 10 + peak));
  },
);

test('more jobs take more, and are lowered until they fit, to none where not even one does', () => {
  const need = (jobs: number) => paholeMemory('1.31', 600 * MB, jobs);
  expect(need(4)).toBeGreaterThan(need(2));
  expect(jobsThatFit('1.31', 600 * MB, 4, need(4))).toBe(4);
  expect(jobsThatFit('1.31', 600 * MB, 4, need(3))).toBe(3);
  expect(jobsThatFit('1.31', 600 * MB, 4, need(1) - 1)).toBe(0);
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
