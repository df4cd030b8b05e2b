import { constants } from 'node:fs';
import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tarballPath } from '../../archive/layout.ts';
import { parseRecord } from '../../archive/parse-record.ts';
import {
  type BuildRecord,
  isFailureRecord,
  type KernelRecord,
  recordPath,
} from '../../archive/record.ts';
import { describe, Failure, isSystemError, noSpace } from '../../failure.ts';
import type { Uname } from '../../names.ts';
import { replaceFile } from '../../platform/replace-file.ts';
import { sha256 } from '../../sha256.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import type { Built } from './build-kernel.ts';
import type { SignaturePolicy } from './signature-verifier.ts';

/** What an earlier result must satisfy to be kept. */
export interface Requirements {
  /** What decides the bytes of a kernel's BTF, besides its package: pahole's version and its arguments. */
  readonly version: string;
  readonly flags: readonly string[];
  readonly minimumTypes: number;
  readonly signature: SignaturePolicy;
  /** Whether a file that the other method made is built again. */
  readonly replaceMethod: boolean;
}

/**
 * The record of a kernel that an earlier run finished: made from the same package in the same way, or by the other
 * method, it satisfies what is required now, and its tarball is there and unchanged. What the other method made is
 * replaced only with `replaceMethod`. Undefined when the kernel must be built again.
 * Throws `usage` for a record of another distribution's kernel of that name.
 * @param modules the globs of the modules that are to be in it; undefined for none
 */
export async function finishedBefore(
  output: string,
  kernel: KernelPackage,
  required: Requirements,
  modules: readonly string[] | undefined,
): Promise<KernelRecord | undefined> {
  const record = await readRecord(output, kernel.uname);
  if (record !== undefined) expectSameKernel(output, record, kernel);
  if (!record || isFailureRecord(record)) return undefined;
  if (methodOf(record) === kernel.method) {
    if (!samePackage(record, kernel) || !sameEncoder(record, required)) return undefined;
  } else {
    const fallback = kernel.method === 'dwarf' ? kernel.bootPackage : undefined;
    const isFallback = fallback !== undefined && samePackage(record, fallback);
    if (required.replaceMethod && !isFallback) return undefined;
  }
  if (record.modules?.requested.join(' ') !== modules?.join(' ')) return undefined;
  if (!satisfies(record, kernel, required)) return undefined;
  const tarball = await readFile(join(output, tarballPath(kernel, kernel.uname))).catch(
    undefinedIfMissing,
  );
  if (!tarball) return undefined;
  const sum = sha256(tarball);
  return sum === record.tarball.sha256 ? record : undefined;
}

/** Rocky and AlmaLinux call their kernels the same: the record of one would replace the other's. */
function expectSameKernel(output: string, record: BuildRecord, kernel: KernelPackage): void {
  const { distribution, arch } = record;
  if (distribution === kernel.distribution && arch === kernel.arch) return;
  throw new Failure(
    'usage',
    `${output} has a record of ${record.uname} of ${distribution} for ${arch}, not of ${kernel.distribution} for ${kernel.arch}.`,
    'Name another folder with --output: one archive may hold both, published one after the other.',
  );
}

/** Records of before there was another method do not say it. */
function methodOf(record: KernelRecord): KernelRecord['method'] {
  return record.method ?? 'dwarf';
}

function samePackage(record: KernelRecord, kernel: KernelPackage): boolean {
  if (record.nvra !== kernel.nvra) return false;
  if (kernel.checksumOf === 'header' || kernel.checksum.algorithm !== 'sha256') return true;
  const versions = [kernel, ...(kernel.alternatives ?? [])];
  return versions.some(({ checksum }) => checksum.value === record.package.sha256);
}

function sameEncoder(record: KernelRecord, required: Requirements): boolean {
  if (record.method === 'embedded') return true;
  const { version, flags } = record.pahole;
  return version === required.version && flags.join(' ') === required.flags.join(' ');
}

function satisfies(
  { btf, verified }: KernelRecord,
  kernel: KernelPackage,
  { minimumTypes, signature: policy }: Requirements,
): boolean {
  const types = Object.values(btf.kinds).reduce((sum, count) => sum + count, 0);
  const { status } = verified.signature;
  const mayBeUnsigned = policy === 'prefer' && kernel.trustedKeys.length === 0;
  const signed = policy === 'off' || status === 'good' || (status === 'unsigned' && mayBeUnsigned);
  return types >= minimumTypes && signed;
}

/** Makes the folder for the output. Throws `usage` when it is none, or cannot be written. */
export async function openOutput(output: string): Promise<void> {
  try {
    await mkdir(output, { recursive: true });
    await access(output, constants.W_OK);
  } catch (error) {
    throw notWritable(output, error);
  }
}

/** Writes the tarball first and the record last: where there is a record, the kernel is finished. */
export async function writeBuilt(output: string, { record, tarball }: Built): Promise<void> {
  await write(join(output, record.tarball.path), tarball);
  await writeRecord(output, record);
}

/** Writes the record of a kernel that failed, and removes a tarball of an earlier run. */
export async function writeFailed(output: string, record: BuildRecord): Promise<void> {
  const tarball = join(output, tarballPath(record, record.uname));
  await rm(tarball, { force: true }).catch((error: unknown) => {
    throw notWritable(tarball, error);
  });
  await writeRecord(output, record);
}

async function writeRecord(output: string, record: BuildRecord): Promise<void> {
  await write(join(output, recordPath(record.uname)), `${JSON.stringify(record, null, 2)}\n`);
}

async function write(path: string, content: Uint8Array | string): Promise<void> {
  await replaceFile(path, content).catch((error: unknown) => {
    throw notWritable(path, error);
  });
}

/** What stops writing is no defect: a full disk, a file where a folder should be, a folder of another user. */
function notWritable(path: string, error: unknown): Failure {
  const why = `${path} cannot be written: ${describe(error)}.`;
  const full = isSystemError(error, 'ENOSPC') || isSystemError(error, 'EDQUOT');
  if (full) return noSpace(why, error);
  return new Failure('usage', why, 'Name a folder that can be written with --output.', error);
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
  if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return;
  const why = `The output of an earlier run cannot be read: ${describe(error)}.`;
  throw new Failure('usage', why, 'Name another folder with --output.', error);
}
