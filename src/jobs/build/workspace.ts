import { rmSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';

/** A private folder for what is large and passing: vmlinux, and pahole's fresh file beside it. */
export interface Workspace {
  readonly folder: string;
  /** Whether it is memory that serves as a disk. */
  readonly inMemory: boolean;
  /** Bytes that the kernels at work may take together. */
  readonly capacity: number;
  /** A folder of its own for one kernel; `remove` is safe to call twice. */
  room(): Promise<{ readonly folder: string; remove(): Promise<void> }>;
  remove(): Promise<void>;
}

/** Where memory serves as a disk; vmlinux is written and read once, and never synced. */
const MEMORY = '/dev/shm';
/** Of the machine's available memory: the rest is for xz, pahole and the operating system. */
const SHARE_OF_MEMORY = 0.5;
/** The largest vmlinux seen is below 1 GB; a folder that does not hold two of them is no gain. */
const WORTHWHILE = 2e9;

/**
 * Makes the workspace in `chosen`, else in memory when that is roomy enough, else where the system
 * keeps temporary files. It is gone on every way out: after success and failure by `remove`, and on
 * exit for whatever reason by a hook.
 */
export async function openWorkspace(
  platform: Platform,
  chosen: string | undefined,
  availableMemory: number,
): Promise<Workspace> {
  const inMemory = Math.min(await free(MEMORY), availableMemory * SHARE_OF_MEMORY);
  const parent = chosen ?? (inMemory >= WORTHWHILE ? MEMORY : (platform.env.TMPDIR ?? tmpdir()));
  const capacity = parent === MEMORY ? inMemory : await free(parent);
  const folder = await mkdtemp(join(parent, 'btfhub-')).catch((error: unknown) => {
    const advice = 'Name a folder that can be written with --temp.';
    throw new Failure('usage', `Cannot make a temporary folder in ${parent}.`, advice, error);
  });
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  return {
    folder,
    capacity,
    inMemory: parent === MEMORY,
    room: async () => {
      const room = await mkdtemp(join(folder, 'kernel-'));
      return { folder: room, remove: () => rm(room, { recursive: true, force: true }) };
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
