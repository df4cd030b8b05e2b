// Runs one command and measures the whole tree of its processes: wall and CPU seconds, peak memory,
// peak of temporary files, CPU seconds by program.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EVERY = 200; // milliseconds between two looks at the CPU seconds
const MEMORY_EVERY = 5; // looks: files are counted by walking through folders
const CLOSELY = 40; // milliseconds between two looks at CPU and memory of what is short
const MEMORY = '/dev/shm';
const TIMED = fileURLToPath(new URL('timed.sh', import.meta.url));
const TICKS = 100; // per second in /proc/<pid>/stat: USER_HZ, which is 100 on every architecture

/**
 * @typedef {object} Measured
 * @property {number} wall seconds
 * @property {number} cpu seconds, user and system, of all processes
 * @property {number} memory bytes, the peak of the sum of what is resident of all processes
 * @property {number} node bytes, the peak of one Node process; 0 without one
 * @property {number} disk bytes, the peak of its files on a disk
 * @property {number} tmpfs bytes, the peak of its files in memory
 * @property {Record<string, number>} programs CPU seconds by program
 */

/**
 * @param {{program: string, args: string[], folder: string}} command where its files go is `folder`, besides /dev/shm
 * @param {boolean} [closely] for a command of a few seconds, whose memory is looked at more often
 * @returns {Promise<Measured>}
 */
export async function measure({ program, args, folder }, closely = false) {
  const stamp = join(folder, 'times');
  const child = spawn('bash', [TIMED, stamp, program, ...args], { stdio: 'ignore' });
  const inMemory = memoryFolders();
  const peaks = { memory: 0, node: 0, disk: 0, tmpfs: 0 };
  const seen = new Map();
  let looks = 0;
  const timer = setInterval(
    () => {
      const processes = tree(child.pid);
      for (const { pid, name, cpu } of processes) seen.set(pid, { name, cpu });
      looks += 1;
      if (closely || looks % MEMORY_EVERY === 0) weigh(processes, folder, inMemory, peaks);
    },
    closely ? CLOSELY : EVERY,
  );
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearInterval(timer);
  if (status !== 0) {
    const log = readFileSync(`${stamp}.log`, 'utf8').slice(-2000);
    throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${log}`);
  }
  if (seen.size === 0) {
    throw new Error(`nothing was seen of ${program}: is there a /proc/<pid>/task/<pid>/children?`);
  }
  const [wall, user, system] = readFileSync(stamp, 'utf8').trim().split(' ').map(Number);
  const programs = {};
  for (const { name, cpu } of seen.values()) programs[name] = (programs[name] ?? 0) + cpu;
  return { wall, cpu: user + system, ...peaks, programs };
}

function weigh(processes, folder, before, peaks) {
  let memory = 0;
  for (const { pid, name } of processes) {
    const { resident, peak } = memoryOf(pid);
    memory += resident;
    if (name === 'node') peaks.node = Math.max(peaks.node, peak);
  }
  peaks.memory = Math.max(peaks.memory, memory);
  const held = { disk: 0, tmpfs: 0 };
  held[folder.startsWith(MEMORY) ? 'tmpfs' : 'disk'] += bytesIn(folder);
  for (const name of memoryFolders()) {
    if (!before.includes(name)) held.tmpfs += bytesIn(join(MEMORY, name));
  }
  peaks.disk = Math.max(peaks.disk, held.disk);
  peaks.tmpfs = Math.max(peaks.tmpfs, held.tmpfs);
}

/** The process and all below it. */
function tree(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpu = (Number(fields[11]) + Number(fields[12])) / TICKS;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    const below = children === '' ? [] : children.split(' ').flatMap((child) => tree(child));
    return [{ pid, name: plain(name), cpu }, ...below];
  } catch {
    return []; // it has ended
  }
}

/** Node names its main thread on some versions. */
function plain(name) {
  return name === 'MainThread' ? 'node' : name;
}

/** Not by `smaps_rollup`, which counts shared pages once: the kernel takes ten milliseconds for it on a pahole. */
function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return { resident: field('VmRSS') * 1024, peak: field('VmHWM') * 1024 };
  } catch {
    return { resident: 0, peak: 0 };
  }
}

/** The folders that btfhub makes where memory serves as a disk. */
function memoryFolders() {
  try {
    return readdirSync(MEMORY).filter((name) => name.startsWith('btfhub-'));
  } catch {
    return [];
  }
}

function bytesIn(folder) {
  let sum = 0;
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      try {
        sum += statSync(join(entry.parentPath ?? entry.path, entry.name)).size;
      } catch {} // it is gone
    }
  } catch {} // the folder is gone, or not there yet
  return sum;
}
