import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, unlink } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { elfWithBtf } from '../../btf/write-elf.ts';
import { Failure, isSystemError } from '../../failure.ts';
import type { Uname } from '../../names.ts';
import { replaceFile } from '../../platform/replace-file.ts';
import { sha256 } from '../../sha256.ts';
import { resolveInImage } from '../fetch/image.ts';
import type { Machine } from '../fetch/machine.ts';
import {
  type InstallRecord,
  type InstallState,
  readInstallRecords,
  removeInstallRecord,
  writeInstallRecord,
} from './install-records.ts';
import { choosePlace, type InstallPlace } from './place.ts';

/** The result of one installation. */
export interface Installed extends InstallPlace {
  /** The real path of the file, with the folder that stands for the root. */
  readonly file: string;
  readonly uname: Uname;
  readonly sha256: string;
  /** `present`: a file with the same bytes was there already, installed by btfhub or not. */
  readonly what: 'installed' | 'replaced' | 'present';
}

/** Readable for all users, as /sys/kernel/btf/vmlinux, and writable for none. */
const MODE = 0o444;

/**
 * Writes the BTF of a kernel atomically to a path where loaders look. A file that btfhub did not install is
 * never changed.
 *
 * @throws Failure `usage` when another file is there, or the path cannot be written
 */
export async function installBtf(
  state: InstallState,
  kernel: Machine['kernel'],
  btf: Uint8Array,
  to?: string,
): Promise<Installed> {
  const { root } = state;
  const place = await choosePlace(root, kernel.uname, to);
  const content = place.form === 'elf' ? elfWithBtf(btf, kernel.arch) : btf;
  const sum = sha256(content);
  const file = await resolveInImage(root, place.path, 'keep');
  const result = { ...place, file, uname: kernel.uname, sha256: sum };
  const before = await sumOf(await resolveInImage(root, place.path));
  if (before === sum) return { ...result, what: 'present' };
  const { records } = await readInstallRecords(state);
  const record = records.find(({ path }) => path === place.path);
  if (before !== undefined && !record?.sums.includes(before)) throw taken(place.path);
  try {
    const made = await makeFolders(root, file);
    const folders = [...made, ...(record?.folders ?? [])];
    // The record is written first, so that --remove works after an interruption between the two.
    const sums = [sum, ...(before === undefined ? [] : [before])];
    await writeInstallRecord(state, { uname: kernel.uname, path: place.path, sums, folders });
    await replaceFile(file, content, { mode: MODE, sync: true });
  } catch (error) {
    throw denied(error, place.path);
  }
  return { ...result, what: before === undefined ? 'installed' : 'replaced' };
}

/** The result of removing one file. */
export interface Removed extends InstallRecord {
  /** `changed`: the file was changed after the installation, so it stays. */
  readonly what: 'removed' | 'gone' | 'changed';
}

/**
 * Removes the files that were installed for one kernel, or for all, and the folders that were created
 * for them. Throws `not-found` when nothing was installed, and
 * `usage` after all when a file is no install record.
 */
export async function removeInstalled(
  state: InstallState,
  wanted: Uname | undefined,
): Promise<readonly Removed[]> {
  const { records, invalid } = await readInstallRecords(state, wanted);
  if (records.length === 0 && invalid.length === 0) {
    const whose = wanted === undefined ? '' : ` for ${wanted}`;
    throw new Failure('not-found', `btfhub has not installed BTF${whose}.`);
  }
  const removed: Removed[] = [];
  for (const record of records) removed.push(await remove(state, record));
  if (invalid.length > 0) {
    throw new Failure(
      'usage',
      `${invalid.join(', ')}: not a valid install record. What the valid ones name is removed.`,
      'Read it, and delete it if the file that it names does not exist.',
    );
  }
  return removed;
}

async function remove(state: InstallState, record: InstallRecord): Promise<Removed> {
  const { root } = state;
  const file = await resolveInImage(root, record.path, 'keep');
  const sum = await sumOf(await resolveInImage(root, record.path));
  if (sum !== undefined && !record.sums.includes(sum)) return { ...record, what: 'changed' };
  try {
    if (sum !== undefined) await unlink(file);
    for (const folder of record.folders) await removeEmpty(await resolveInImage(root, folder));
    await removeInstallRecord(state, record);
  } catch (error) {
    throw denied(error, record.path);
  }
  return { ...record, what: sum === undefined ? 'gone' : 'removed' };
}

async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    // Another file is in it, or it is gone.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].some((code) => isSystemError(error, code))) throw error;
  }
}

/** Creates the missing parent folders of a file; returns them, the deepest first, as the machine sees them. */
async function makeFolders(root: string, file: string): Promise<readonly string[]> {
  const folder = dirname(file);
  const missing: string[] = [];
  for (let one = folder; !existsSync(one); one = dirname(one)) {
    missing.push(`/${relative(root, one)}`);
  }
  await mkdir(folder, { recursive: true, mode: 0o755 });
  return missing;
}

async function sumOf(file: string): Promise<string | undefined> {
  try {
    return sha256(await readFile(file));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw denied(error, file);
  }
}

function taken(path: string): Failure {
  return new Failure(
    'usage',
    `${path} exists, and btfhub did not install it.`,
    'Move it away if it is not needed, or give another path with --to.',
  );
}

function denied(error: unknown, path: string): unknown {
  const codes = ['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOTDIR'];
  const code = codes.find((one) => isSystemError(error, one));
  if (code === undefined) return error;
  const advice =
    code === 'EACCES' || code === 'EPERM'
      ? 'Run btfhub as root, or give a path that you can write with --to.'
      : 'Give another path with --to.';
  return new Failure('usage', `${path} cannot be written (${code}).`, advice, error);
}
