import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tarballPath } from '../../archive/layout.ts';
import {
  type BuildRecord,
  isFailureRecord,
  type KernelRecord,
  recordPath,
} from '../../archive/record.ts';
import { isSystemError } from '../../failure.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import type { Built } from './kernel.ts';

/** How a kernel's BTF is made, as far as another way gives other bytes. */
export interface Recipe {
  readonly version: string;
  readonly flags: readonly string[];
}

/**
 * The record of a kernel that was finished before: made of the same package in the same way, and
 * its tarball is there and whole. Everything else is built again.
 */
export async function finishedBefore(
  output: string,
  kernel: KernelPackage,
  recipe: Recipe,
): Promise<KernelRecord | undefined> {
  const record = await readRecord(join(output, recordPath(kernel.uname)));
  if (!record || isFailureRecord(record)) return undefined;
  const samePackage =
    record.nvra === kernel.nvra &&
    (kernel.checksum.algorithm !== 'sha256' || record.package.sha256 === kernel.checksum.value);
  const sameRecipe =
    record.pahole.version === recipe.version &&
    record.pahole.flags.join(' ') === recipe.flags.join(' ');
  if (!samePackage || !sameRecipe) return undefined;
  const tarball = await readFile(join(output, tarballPath(kernel, kernel.uname))).catch(ifThere);
  if (!tarball) return undefined;
  const sum = createHash('sha256').update(tarball).digest('hex');
  return sum === record.tarball.sha256 ? record : undefined;
}

/** The tarball first and the record last: where there is a record, the kernel is finished. */
export async function writeBuilt(output: string, { record, tarball }: Built): Promise<void> {
  await writeWhole(join(output, record.tarball.path), tarball);
  await writeRecord(output, record);
}

/** A kernel that failed leaves a record that says why, and no tarball of an earlier time. */
export async function writeFailed(output: string, record: BuildRecord): Promise<void> {
  await rm(join(output, tarballPath(record, record.uname)), { force: true });
  await writeRecord(output, record);
}

async function writeRecord(output: string, record: BuildRecord): Promise<void> {
  await writeWhole(join(output, recordPath(record.uname)), `${JSON.stringify(record, null, 2)}\n`);
}

/** Whoever looks sees all of the file or nothing of it. */
async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.partial`;
  try {
    await writeFile(partial, content, { mode: 0o644 });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function readRecord(path: string): Promise<BuildRecord | undefined> {
  const text = await readFile(path, 'utf8').catch(ifThere);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as BuildRecord;
  } catch {
    return undefined;
  }
}

function ifThere(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error;
}
