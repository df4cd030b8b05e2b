import { readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../failure.ts';

/**
 * Makes a private folder `btfhub-<purpose>-<owner>-<random>`, which the caller removes. A process that is killed cannot:
 * so folders of the same kind in `parent` whose owner does not run any more are removed first.
 */
export async function makeTemporaryFolder(parent: string, purpose: string): Promise<string> {
  const self = ownerOf(process.pid);
  await removeAbandoned(parent);
  return mkdtemp(join(parent, `btfhub-${purpose}-${self}-`));
}

/** The name ends in process, the time it started, its namespace of process numbers, and six random characters. */
const OWNED = /^btfhub-[a-z]+-(\d+)\.(\d+)\.(\d+)-\w{6}$/;

/** A process, told apart from others that had or have its number: `<pid>.<start>.<namespace>` (`proc_pid_stat(5)`). */
function ownerOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the program's name in parentheses, and may hold blanks.
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `${pid}.${start}.${namespace()}`;
}

function namespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
}

async function removeAbandoned(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const [, pid, start, space] = OWNED.exec(name) ?? [];
    // Processes of another container cannot be seen.
    if (pid === undefined || space !== namespace()) continue;
    if (isRunning(Number(pid), `${pid}.${start}.${space}`)) continue;
    // Another user's stays.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {});
  }
}

function isRunning(pid: number, owner: string): boolean {
  try {
    return ownerOf(pid) === owner;
  } catch (error) {
    return !isSystemError(error, 'ENOENT') && !isSystemError(error, 'ESRCH');
  }
}
