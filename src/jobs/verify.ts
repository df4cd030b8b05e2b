import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TARBALL_SUFFIX } from '../archive/layout.ts';
import { parseRecord } from '../archive/parse-record.ts';
import { isFailureRecord, recordPath } from '../archive/record.ts';
import { type AttestationDemand, type Attested, verifyAttestation } from '../attestation/verify.ts';
import { loadAnyBtf } from '../boot-image/load.ts';
import { type BtfSummary, checkBtf, type Expectation } from '../btf/check.ts';
import { bytesSource } from '../btf/elf.ts';
import { MAX_BTF_BYTES, readBtf } from '../btf/load.ts';
import { Btf } from '../btf/reader.ts';
import { unpackBtf } from '../btf/tarball.ts';
import { asFailure, Failure, isSystemError } from '../failure.ts';
import { asUname, type Uname } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { counted } from '../report/units.ts';
import { sha256 } from '../sha256.ts';
import type { Method } from '../sources/kernels.ts';

/** A file that is sound, and what is in it. */
export interface SoundFile {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** The kernel that a tarball's member is named after, or that a boot image holds. */
  readonly uname?: Uname;
  readonly btf: BtfSummary & { readonly sha256: string };
  /** For the BTF of a module: what its ids were checked against. */
  readonly base?: 'kernel' | 'distilled';
  /** Whether a record of its making was found, and so agrees. */
  readonly record: 'agrees' | 'none';
  /** How it was made, as its record says. */
  readonly method?: Method;
  /** Who made the tarball; absent where it was not asked. */
  readonly attested?: Attested;
}

/** A file that is not, and why. */
export interface UnsoundFile {
  readonly path: string;
  readonly error: Failure;
}

export type VerifiedFile = SoundFile | UnsoundFile;

export function isSound(file: VerifiedFile): file is SoundFile {
  return 'btf' in file;
}

export interface VerifyRequest {
  readonly paths: readonly string[];
  readonly expectation: Expectation;
  /** The kernel's BTF, where the files hold the split BTF of its modules. */
  readonly base: string | undefined;
  /** The proof that every file must have, and the text of the Sigstore bundles with it. */
  readonly attestation?: (AttestationDemand & { readonly bundles: string | undefined }) | undefined;
}

/** What every file is held against. */
interface Target {
  readonly expectation: Expectation;
  readonly base: Btf | undefined;
  readonly attestation: VerifyRequest['attestation'];
}

/**
 * Checks files, and in folders every `*.btf` and `*.btf.tar.xz`, one after the other. What is wrong
 * with one of them stands in its result; `not-found` is thrown when there is nothing to check, and
 * `bad-btf` when the base is not sound.
 */
export async function verifyFiles(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  progress: Progress,
  request: VerifyRequest,
): Promise<readonly VerifiedFile[]> {
  const base = request.base === undefined ? undefined : await loadBase(platform, request.base);
  const { expectation, attestation } = request;
  const target = { expectation, base, attestation };
  const files = (await Promise.all(request.paths.map(filesAt))).flat();
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const task = progress.begin('verify');
  task.stage('check', total);
  const results: VerifiedFile[] = [];
  for (const file of files) {
    platform.interrupted.throwIfAborted();
    results.push(await verifyFile(platform, file, target));
    task.advance(file.size);
  }
  const bad = results.filter((result) => !isSound(result)).length;
  task.end(
    bad === 0 ? 'sound' : 'unsound',
    `${counted(results.length, 'file')}, ${bad} of them unsound`,
  );
  return results;
}

async function loadBase(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  path: string,
): Promise<Btf> {
  const { btf: bytes } = await loadAnyBtf(platform, path, 0);
  try {
    checkBtf(bytes, { kind: 'any' });
  } catch (thrown) {
    const { message } = asFailure(thrown);
    throw new Failure('bad-btf', `The base ${path} is not sound. ${message}`, undefined, thrown);
  }
  return new Btf(bytes);
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
  target: Target,
): Promise<VerifiedFile> {
  const { path } = file;
  try {
    if (path.endsWith(TARBALL_SUFFIX)) return await verifyTarball(platform, file, target);
    if (target.attestation === undefined) return await verifyOther(platform, file, target);
    throw new Failure('no-attestation', `${path} is no tarball, and only tarballs are attested.`);
  } catch (thrown) {
    platform.interrupted.throwIfAborted();
    return { path, error: asFailure(thrown) };
  }
}

/** Raw BTF, an ELF file, or a boot image, which says whose kernel it is. */
async function verifyOther(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  { path, size }: File,
  { expectation, base }: Target,
): Promise<SoundFile> {
  const minimumTypes = expectation.kind === 'kernel' ? expectation.minimumTypes : 0;
  const loaded = await loadAnyBtf(platform, path, minimumTypes);
  if (loaded.distilledBase !== undefined) {
    checkBtf(loaded.distilledBase, ANY);
    const btf = summarise(loaded.btf, ANY, new Btf(loaded.distilledBase));
    return { path, size, btf, base: 'distilled', record: 'none' };
  }
  if (base !== undefined) {
    // A module has none of what makes BTF that of a whole kernel.
    return { path, size, btf: summarise(loaded.btf, ANY, base), base: 'kernel', record: 'none' };
  }
  const btf = summarise(loaded.btf, expectation);
  if (loaded.uname === undefined) return { path, size, btf, record: 'none' };
  return { path, size, uname: asUname(loaded.uname), btf, record: 'none' };
}

const ANY = { kind: 'any' } as const;

async function verifyTarball(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  { path, size }: File,
  { expectation, attestation }: Target,
): Promise<SoundFile> {
  if (size > MAX_BTF_BYTES) {
    throw new Failure('bad-archive', `${path} is too large: ${size} bytes.`);
  }
  const tarball = await readFile(path);
  const sum = sha256(tarball);
  const attested =
    attestation && (await verifyAttestation(path, sum, attestation.bundles, attestation));
  const signal = platform.interrupted;
  const { uname, btf: raw } = await unpackBtf(platform.programs, tarball, { signal });
  if (basename(path) !== `${uname}${TARBALL_SUFFIX}`) {
    throw new Failure('bad-archive', `${path} holds the BTF of another kernel: ${uname}.`);
  }
  const btf = summarise(await readBtf(bytesSource(path, raw)), expectation);
  const method = await compareWithRecord(path, uname, { tarball: sum, btf: btf.sha256 });
  const made =
    method === undefined ? { record: 'none' as const } : { record: 'agrees' as const, method };
  return attested === undefined
    ? { path, size, uname, btf, ...made }
    : { path, size, uname, btf, ...made, attested };
}

function summarise(btf: Buffer, expectation: Expectation, base?: Btf): SoundFile['btf'] {
  return { ...checkBtf(btf, expectation, base), sha256: sha256(btf) };
}

/**
 * `<output>/openEuler/<VERSION_ID>/<arch>/<tarball>` has its record in `<output>/records`. Returns how the record says
 * that it was made; undefined where there is no record.
 */
async function compareWithRecord(
  path: string,
  uname: Uname,
  sums: { readonly tarball: string; readonly btf: string },
): Promise<Method | undefined> {
  const name = recordPath(uname);
  const file = join(dirname(path), '..', '..', '..', name);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
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
  return record.method;
}
