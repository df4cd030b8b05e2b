import { rmSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import { makeTemporaryFolder } from '../../platform/temporary-folder.ts';

/** A private temporary folder for large files: vmlinux, and the BTF that pahole writes beside it. */
export interface Workspace {
  readonly folder: string;
  /** Whether it is a file system in memory. */
  readonly inMemory: boolean;
  /** Bytes that all kernels in work may take together. */
  readonly capacity: number;
  /** Makes the directory of one kernel; `remove` is safe to call twice. */
  kernelDirectory(): Promise<{ readonly folder: string; remove(): Promise<void> }>;
  remove(): Promise<void>;
}

/** A file system in memory: vmlinux is written once, read once and removed. */
const MEMORY = '/dev/shm';
/** Of the machine's available memory: the rest is for xz, pahole and the operating system. */
const SHARE_OF_MEMORY = 0.5;
/** The largest vmlinux seen is below 1 GB; a folder that does not hold two of them is no gain. */
const WORTHWHILE = 2e9;

/**
 * Makes the workspace in `chosen`, else in memory when enough is free, else in the system's temporary folder.
 * `remove` removes it; so does the exit of the process. Throws `usage` when the folder cannot be made.
 */
export async function openWorkspace(
  platform: Platform,
  chosen: string | undefined,
  availableMemory: number,
): Promise<Workspace> {
  const inMemory = Math.min(await free(MEMORY), availableMemory * SHARE_OF_MEMORY);
  const parent = chosen ?? (inMemory >= WORTHWHILE ? MEMORY : (platform.env.TMPDIR ?? tmpdir()));
  const capacity = parent === MEMORY ? inMemory : await free(parent);
  const folder = await makeTemporaryFolder(parent, 'vmlinux').catch((error: unknown) => {
    const advice = 'Name a folder that can be written with --temp.';
    throw new Failure('usage', `Cannot make a temporary folder in ${parent}.`, advice, error);
  });
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  return {
    folder,
    capacity,
    inMemory: parent === MEMORY,
    kernelDirectory: async () => {
      const path = await mkdtemp(join(folder, 'kernel-'));
      return { folder: path, remove: () => rm(path, { recursive: true, force: true }) };
    },
    remove: async () => {
      await rm(folder, { recursive: true, force: true });
      process.off('exit', removeNow);
    },
  };
}

/** Bytes that an ordinary user can still write there; none where the folder does not exist. */
async function free(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return 0;
  }
}
