import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tarballPath } from '../../archive/layout.ts';
import { parseRecord } from '../../archive/parse-record.ts';
import {
  type BuildRecord,
  isFailureRecord,
  type KernelRecord,
  recordPath,
} from '../../archive/record.ts';
import { Failure, isSystemError } from '../../failure.ts';
import type { Uname } from '../../names.ts';
import { replaceFile } from '../../platform/replace-file.ts';
import { sha256 } from '../../sha256.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import type { Built } from './build-kernel.ts';

/** What decides the bytes of a kernel's BTF, besides its package. */
export interface EncoderSettings {
  readonly version: string;
  readonly flags: readonly string[];
}

/**
 * The record of a kernel that an earlier run finished: made from the same package with the same settings, and its
 * tarball is there and unchanged. Undefined when the kernel must be built again.
 */
export async function finishedBefore(
  output: string,
  kernel: KernelPackage,
  encoder: EncoderSettings,
): Promise<KernelRecord | undefined> {
  const record = await readRecord(output, kernel.uname);
  if (!record || isFailureRecord(record)) return undefined;
  const samePackage =
    record.nvra === kernel.nvra &&
    (kernel.checksum.algorithm !== 'sha256' ||
      kernel.checksumOf === 'header' ||
      [kernel, ...(kernel.alternatives ?? [])].some(
        ({ checksum }) => checksum.value === record.package.sha256,
      ));
  const sameEncoder =
    record.pahole.version === encoder.version &&
    record.pahole.flags.join(' ') === encoder.flags.join(' ');
  if (!samePackage || !sameEncoder) return undefined;
  const tarball = await readFile(join(output, tarballPath(kernel, kernel.uname))).catch(
    undefinedIfMissing,
  );
  if (!tarball) return undefined;
  const sum = sha256(tarball);
  return sum === record.tarball.sha256 ? record : undefined;
}

/** Writes the tarball first and the record last: where there is a record, the kernel is finished. */
export async function writeBuilt(output: string, { record, tarball }: Built): Promise<void> {
  await replaceFile(join(output, record.tarball.path), tarball);
  await writeRecord(output, record);
}

/** Writes the record of a kernel that failed, and removes a tarball of an earlier run. */
export async function writeFailed(output: string, record: BuildRecord): Promise<void> {
  await rm(join(output, tarballPath(record, record.uname)), { force: true });
  await writeRecord(output, record);
}

async function writeRecord(output: string, record: BuildRecord): Promise<void> {
  await replaceFile(join(output, recordPath(record.uname)), `${JSON.stringify(record, null, 2)}\n`);
}

/** The record of an earlier run; undefined when there is none, or when the file is no record of this kernel. */
async function readRecord(output: string, uname: Uname): Promise<BuildRecord | undefined> {
  const file = recordPath(uname);
  const text = await readFile(join(output, file), 'utf8').catch(undefinedIfMissing);
  if (text === undefined) return undefined;
  try {
    return parseRecord(text, file);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error;
}
