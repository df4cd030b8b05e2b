import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, unlink } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { elfWithBtf } from '../../btf/write-elf.ts';
import { Failure, isSystemError } from '../../failure.ts';
import type { Uname } from '../../names.ts';
import type { Machine } from '../fetch/machine.ts';
import { choosePlace, insideOf, type Place } from './place.ts';
import {
  type Ledger,
  type Receipt,
  readReceipts,
  removeReceipt,
  writeReceipt,
} from './receipts.ts';
import { writeWhole } from './write.ts';

/** What became of a kernel's file. */
export interface Installed extends Place {
  readonly uname: Uname;
  readonly sha256: string;
  /** `present`: the very bytes were there already, put by us or by somebody else. */
  readonly what: 'installed' | 'replaced' | 'present';
}

/** Everybody may read it, as /sys/kernel/btf/vmlinux; nobody has a reason to write it. */
const MODE = 0o444;

/**
 * Puts the BTF of a kernel where loaders look, whole or not at all. What somebody else put there is
 * never touched.
 *
 * @throws Failure `usage` when the place is taken or may not be written
 */
export async function installBtf(
  ledger: Ledger,
  kernel: Machine['kernel'],
  btf: Uint8Array,
  to?: string,
): Promise<Installed> {
  const { root } = ledger;
  const place = await choosePlace(root, kernel.uname, to);
  const content = place.form === 'elf' ? elfWithBtf(btf, kernel.arch) : btf;
  const sum = sha256(content);
  const file = await insideOf(root, place.path);
  const result = { ...place, uname: kernel.uname, sha256: sum };
  const before = await sumOf(file);
  if (before === sum) return { ...result, what: 'present' };
  const receipts = await readReceipts(ledger);
  const receipt = receipts.find(({ path }) => path === place.path);
  if (before !== undefined && !receipt?.sums.includes(before)) throw taken(place.path);
  try {
    const made = await makeFolders(root, file);
    const folders = [...made, ...(receipt?.folders ?? [])];
    // The receipt first: what is interrupted between the two can still be undone.
    const sums = [sum, ...(before === undefined ? [] : [before])];
    await writeReceipt(ledger, { uname: kernel.uname, path: place.path, sums, folders });
    await writeWhole(file, content, MODE);
  } catch (error) {
    throw denied(error, place.path);
  }
  return { ...result, what: before === undefined ? 'installed' : 'replaced' };
}

/** A file that was to be taken away. */
export interface Removed extends Receipt {
  /** `changed`: somebody wrote it since, so it stays. */
  readonly what: 'removed' | 'gone' | 'changed';
}

/**
 * Takes away what was installed for a kernel, or for all, and the folders that were made for it.
 * Throws `not-found` when nothing was installed.
 */
export async function removeInstalled(
  ledger: Ledger,
  wanted: Uname | undefined,
): Promise<readonly Removed[]> {
  const receipts = await readReceipts(ledger, wanted);
  if (receipts.length === 0) {
    const whose = wanted === undefined ? '' : ` for ${wanted}`;
    throw new Failure('not-found', `btfhub has installed nothing${whose}.`);
  }
  const removed: Removed[] = [];
  for (const receipt of receipts) removed.push(await remove(ledger, receipt));
  return removed;
}

async function remove(ledger: Ledger, receipt: Receipt): Promise<Removed> {
  const { root } = ledger;
  const file = await insideOf(root, receipt.path);
  const sum = await sumOf(file);
  if (sum !== undefined && !receipt.sums.includes(sum)) return { ...receipt, what: 'changed' };
  try {
    if (sum !== undefined) await unlink(file);
    for (const folder of receipt.folders) await removeEmpty(await insideOf(root, folder));
    await removeReceipt(ledger, receipt);
  } catch (error) {
    throw denied(error, receipt.path);
  }
  return { ...receipt, what: sum === undefined ? 'gone' : 'removed' };
}

async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    // Somebody else uses it now, or took it away.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].some((code) => isSystemError(error, code))) throw error;
  }
}

/** Makes the folders that a file lacks; returns them, the deepest first, as the machine sees them. */
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

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function taken(path: string): Failure {
  return new Failure(
    'usage',
    `${path} is there already, and btfhub did not put it there.`,
    'Move it away if it is of no use, or give another place with --to.',
  );
}

function denied(error: unknown, path: string): unknown {
  const codes = ['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOTDIR'];
  const code = codes.find((one) => isSystemError(error, one));
  if (code === undefined) return error;
  const advice =
    code === 'EACCES' || code === 'EPERM'
      ? 'Run it as root, or give a place of your own with --to.'
      : 'Give another place with --to.';
  return new Failure('usage', `${path} cannot be written (${code}).`, advice, error);
}
