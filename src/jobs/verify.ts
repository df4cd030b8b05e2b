import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TARBALL_SUFFIX } from '../archive/layout.ts';
import { parseRecord } from '../archive/parse-record.ts';
import { isFailureRecord, recordPath } from '../archive/record.ts';
import { loadAnyBtf } from '../boot-image/load.ts';
import { type BtfSummary, checkBtf, type Expectation } from '../btf/check.ts';
import { bytesSource } from '../btf/elf.ts';
import { MAX_BTF_BYTES, readBtf } from '../btf/load.ts';
import { unpackBtf } from '../btf/tarball.ts';
import { asFailure, Failure, isSystemError } from '../failure.ts';
import { asUname, type Uname } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';

/** A file that is sound, and what is in it. */
export interface Sound {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** The kernel that a tarball's member is named after, or that a boot image holds. */
  readonly uname?: Uname;
  readonly btf: BtfSummary & { readonly sha256: string };
  /** Whether a record of its making was found, and so agrees. */
  readonly record: 'agrees' | 'none';
}

export interface Unsound {
  readonly path: string;
  readonly error: Failure;
}

export type Finding = Sound | Unsound;

export function isSound(finding: Finding): finding is Sound {
  return 'btf' in finding;
}

/**
 * Checks files, and in folders every `*.btf` and `*.btf.tar.xz`, one after the other. What is wrong
 * with one of them is in its finding; `not-found` is thrown when there is nothing to check.
 */
export async function verifyFiles(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  progress: Progress,
  request: { readonly paths: readonly string[]; readonly expectation: Expectation },
): Promise<readonly Finding[]> {
  const files = (await Promise.all(request.paths.map(filesAt))).flat();
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const task = progress.begin('verify');
  task.stage('check', total);
  const findings: Finding[] = [];
  for (const file of files) {
    platform.interrupted.throwIfAborted();
    findings.push(await verifyFile(platform, file, request.expectation));
    task.advance(file.size);
  }
  const bad = findings.filter((finding) => !isSound(finding)).length;
  task.end(bad === 0 ? 'sound' : 'unsound', `${findings.length} files, ${bad} of them unsound`);
  return findings;
}

interface File {
  readonly path: string;
  readonly size: number;
}

async function filesAt(path: string): Promise<File[]> {
  try {
    const facts = await stat(path);
    if (!facts.isDirectory()) return [{ path, size: facts.size }];
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    throw new Failure('not-found', `There is no ${path}.`, 'Is the path right?');
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && /\.btf(\.tar\.xz)?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (paths.length === 0) {
    throw new Failure('not-found', `There is no *.btf and no *${TARBALL_SUFFIX} below ${path}.`);
  }
  return Promise.all(paths.map(async (one) => ({ path: one, size: (await stat(one)).size })));
}

async function verifyFile(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  file: File,
  expectation: Expectation,
): Promise<Finding> {
  const { path } = file;
  try {
    return path.endsWith(TARBALL_SUFFIX)
      ? await verifyTarball(platform, file, expectation)
      : await verifyOther(platform, file, expectation);
  } catch (thrown) {
    platform.interrupted.throwIfAborted();
    return { path, error: asFailure(thrown) };
  }
}

/** Raw BTF, an ELF file, or a boot image, which says whose kernel it is. */
async function verifyOther(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  { path, size }: File,
  expectation: Expectation,
): Promise<Sound> {
  const least = expectation.kind === 'kernel' ? expectation.minimumTypes : 0;
  const loaded = await loadAnyBtf(platform, path, least);
  const btf = summarise(loaded.btf, expectation);
  if (loaded.uname === undefined) return { path, size, btf, record: 'none' };
  return { path, size, uname: asUname(loaded.uname), btf, record: 'none' };
}

async function verifyTarball(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  { path, size }: File,
  expectation: Expectation,
): Promise<Sound> {
  if (size > MAX_BTF_BYTES)
    throw new Failure('bad-archive', `${path} is too large: ${size} bytes.`);
  const tarball = await readFile(path);
  const signal = platform.interrupted;
  const { uname, btf: raw } = await unpackBtf(platform.programs, tarball, { signal });
  if (basename(path) !== `${uname}${TARBALL_SUFFIX}`) {
    throw new Failure('bad-archive', `${path} holds the BTF of another kernel: ${uname}.`);
  }
  const btf = summarise(await readBtf(bytesSource(path, raw)), expectation);
  const record = await compareWithRecord(path, uname, {
    tarball: sha256(tarball),
    btf: btf.sha256,
  });
  return { path, size, uname, btf, record };
}

function summarise(btf: Buffer, expectation: Expectation): Sound['btf'] {
  return { ...checkBtf(btf, expectation), sha256: sha256(btf) };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `<output>/openEuler/<VERSION_ID>/<arch>/<tarball>` has its record in `<output>/records`. */
async function compareWithRecord(
  path: string,
  uname: Uname,
  sums: { readonly tarball: string; readonly btf: string },
): Promise<Sound['record']> {
  const name = recordPath(uname);
  const file = join(dirname(path), '..', '..', '..', name);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return 'none';
    throw error;
  }
  const record = parseRecord(text, name);
  if (isFailureRecord(record)) {
    throw new Failure(
      'bad-archive',
      `${path} is there, and ${file} says that it could not be made.`,
    );
  }
  for (const part of ['tarball', 'btf'] as const) {
    if (record[part].sha256 !== sums[part]) {
      const what = `The ${part === 'btf' ? 'BTF in' : 'tarball'} ${path}`;
      throw new Failure('checksum-mismatch', `${what} is not the one that ${file} describes.`);
    }
  }
  return 'agrees';
}
