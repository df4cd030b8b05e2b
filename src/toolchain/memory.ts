import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { atLeast } from './version.ts';

const MIB = 1024 * 1024;

/** How much debug information pahole has to read; src/btf tells it of a file. */
export interface Workload {
  /** Bytes of `.debug_info`, unpacked. */
  readonly size: number;
  readonly compressed: boolean;
}

/**
 * What pahole takes for itself at its peak, in bytes: a quarter more than the most that was measured
 * (docs/pahole.md). Per byte of `.debug_info`, on four kernels and with one job, that is 1.34 to 1.54,
 * and 17.9 to 19 for versions that keep all; with 4, 8 and 16 jobs 1.13, 1.28 and 1.5 times as much.
 * The size of vmlinux would say little: relocations double it. The file itself is mapped; one that
 * is in memory is counted where it is put there.
 */
export function paholeMemory(version: string, debugInfo: Workload, jobs: number): number {
  // These keep every compile unit until the last one is read, to compare functions among all.
  const keepsAll = atLeast(version, '1.25') && !atLeast(version, '1.28');
  // libdw unpacks all sections of DWARF, which are 1.3 times the one.
  const perByte = (keepsAll ? 24 : 1.9) + (debugInfo.compressed ? 1.6 : 0);
  return Math.round((16 * MIB + perByte * debugInfo.size) * (1 + 0.04 * (jobs - 1)));
}

/**
 * With how many jobs pahole fits into that much memory: the requested number, fewer, or 0 when even
 * one does not, so that the kernel has to wait.
 */
export function jobsThatFit(
  version: string,
  debugInfo: Workload,
  requested: number,
  available: number,
): number {
  let jobs = requested;
  while (jobs > 0 && paholeMemory(version, debugInfo, jobs) > available) jobs--;
  return jobs;
}

/** Where Linux tells about memory: proc(5), cgroups(7). */
export interface MemoryFiles {
  readonly meminfo: string;
  /** The control groups of this process. */
  readonly cgroup: string;
  /** Where the hierarchies are mounted. */
  readonly mount: string;
}

const LINUX: MemoryFiles = {
  meminfo: '/proc/meminfo',
  cgroup: '/proc/self/cgroup',
  mount: '/sys/fs/cgroup',
};

export interface Memory {
  /** Bytes that this process and its children may use at most, at any time. */
  readonly total: number;
  /** Bytes that can be had now without anybody being killed or paged out. */
  readonly available: number;
}

/**
 * The machine's memory, or what is left of the narrowest control group above this process
 * (version 2 or 1, and every parent: a container's limit often sits there).
 */
export function machineMemory(files: MemoryFiles = LINUX): Memory {
  const meminfo = read(files.meminfo) ?? '';
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? Number.NaN) * 1024;
  const [total, free] = [field('MemTotal'), field('MemAvailable')];
  const all = [
    { total: bounded(total), available: bounded(free) },
    ...groups(files).map(readGroup),
  ];
  return {
    total: Math.min(...all.map((one) => one.total)),
    available: Math.max(0, Math.min(...all.map((one) => one.available))),
  };
}

function bounded(value: number): number {
  return Number.isFinite(value) ? value : Number.POSITIVE_INFINITY;
}

/** The file names of one version of the interface. */
interface Interface {
  readonly limit: string;
  readonly usage: string;
  /** Page cache that is given back when memory is short, a line of `memory.stat`. */
  readonly cache: RegExp;
}

const V2: Interface = {
  limit: 'memory.max',
  usage: 'memory.current',
  cache: /^(?:in)?active_file (\d+)/gm,
};
const V1: Interface = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  cache: /^total_(?:in)?active_file (\d+)/gm,
};

interface Group extends Interface {
  readonly folder: string;
}

/** The folders of this process's memory groups, from the innermost to the mounts. */
function groups({ cgroup, mount }: MemoryFiles): Group[] {
  return (read(cgroup) ?? '').split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    if (controllers === '') return upwards(mount, path).map((folder) => ({ ...V2, folder }));
    if (!controllers.split(',').includes('memory')) return [];
    return upwards(join(mount, 'memory'), path).map((folder) => ({ ...V1, folder }));
  });
}

/** Inside a container the path is often the host's, and only the mount itself is there. */
function upwards(root: string, path: string): string[] {
  const folders = [root];
  for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) folders.push(join(root, at));
  return folders.filter((folder) => existsSync(folder));
}

function readGroup({ folder, limit, usage, cache }: Group): Memory {
  const most = Number(read(join(folder, limit)) ?? Number.NaN); // 'max' is none
  const used = Number(read(join(folder, usage)) ?? Number.NaN);
  if (!Number.isFinite(most) || !Number.isFinite(used)) {
    return { total: Number.POSITIVE_INFINITY, available: Number.POSITIVE_INFINITY };
  }
  const stat = read(join(folder, 'memory.stat')) ?? '';
  const given = [...stat.matchAll(cache)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  return { total: most, available: most - used + Math.min(given, used) };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
