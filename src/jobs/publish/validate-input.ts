import { readdir, readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import pMap from 'p-map';
import type { ArchiveContent } from '../../archive/catalog.ts';
import { TARBALL_SUFFIX } from '../../archive/layout.ts';
import { parseRecord } from '../../archive/parse-record.ts';
import {
  type BuildRecord,
  type FailureRecord,
  isFailureRecord,
  type KernelRecord,
  recordPath,
} from '../../archive/record.ts';
import { checkPublishable, type Expectation } from '../../btf/check.ts';
import { unpackBtf } from '../../btf/tarball.ts';
import { describe, Failure, isSystemError, type Reason } from '../../failure.ts';
import type { Oid } from '../../git/repository.ts';
import { printable } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import { PARTIAL_FILE } from '../../platform/replace-file.ts';
import type { Progress } from '../../report/progress.ts';
import { sha256 } from '../../sha256.ts';

/** A kernel whose tarball was opened, checked and kept as a git blob. */
export interface ValidatedKernel {
  readonly record: KernelRecord;
  readonly blob: Oid;
}

export interface ValidatedInput {
  /** By path in the archive. */
  readonly candidates: readonly ValidatedKernel[];
  readonly failed: readonly FailureRecord[];
}

/** What says nothing about the file that is checked. */
const OF_THE_MACHINE: readonly Reason[] = [
  'no-space',
  'missing-program',
  'out-of-memory',
  'internal',
];

/** A record is a few thousand bytes, and a tarball of a kernel's BTF below two million. */
const LARGEST = { record: 1024 * 1024, tarball: 64 * 1024 * 1024 };

/**
 * Takes in what build jobs left, and trusts none of it: in each folder there are records and their
 * tarballs, all regular files in their places, and nothing else; each tarball is opened, its one
 * member's BTF is checked again, and every sum, size and count agrees with its record.
 *
 * @param keep takes the very bytes that were checked
 * @throws Failure `usage` that names every file that is not as it should be; then nothing is published
 */
export async function validateInput(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  progress: Progress,
  request: {
    readonly folders: readonly string[];
    /** Takes a folder without a record: there may have been nothing to build. */
    readonly allowEmpty: boolean;
    readonly content: ArchiveContent;
    readonly expectation: Expectation;
    readonly keep: (tarball: Buffer) => Promise<Oid>;
  },
): Promise<ValidatedInput> {
  const problems: string[] = [];
  const found: InputFile[] = [];
  for (const folder of request.folders) {
    const some = await readFolder(folder, problems);
    if (some.length === 0 && problems.length === 0 && !request.allowEmpty) throw empty(folder);
    found.push(...some);
  }
  checkContent(found, request.content, problems);
  const records = uniqueRecords(found, problems);
  throwProblems(problems);

  const failed = records.map(({ record }) => record).filter(isFailureRecord);
  const built = records.flatMap(({ folder, record }) =>
    isFailureRecord(record) ? [] : [{ folder, record }],
  );
  const candidates = await pMap(
    built,
    async ({ folder, record }): Promise<ValidatedKernel | undefined> => {
      const task = progress.begin(record.uname);
      task.stage('check', record.btf.size);
      try {
        const tarball = await readFile(join(folder, record.tarball.path));
        await checkTarball(platform, tarball, record, request.expectation);
        const blob = await request.keep(tarball);
        task.end('checked');
        return { record, blob };
      } catch (error) {
        platform.interrupted.throwIfAborted();
        if (error instanceof Failure && OF_THE_MACHINE.includes(error.reason)) throw error;
        task.end('refused', describe(error));
        problems.push(`${join(folder, record.tarball.path)}: ${describe(error)}`);
        return undefined;
      }
    },
    { concurrency: availableParallelism() },
  );
  throwProblems(problems);
  return { candidates: candidates.filter((one) => one !== undefined), failed };
}

function throwProblems(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const shown = problems.slice(0, 20).map((problem) => `\n  ${problem}`);
  const more = problems.length > 20 ? `\n  and ${problems.length - 20} more` : '';
  throw new Failure(
    'usage',
    `Nothing is published, because not all is as \`btfhub build\` leaves it:${shown.join('')}${more}\n`,
    'Build these kernels again, or take away what does not belong there.',
  );
}

function empty(folder: string): Failure {
  return new Failure(
    'usage',
    `${folder} holds no record: an artifact may be lost, or it is not the output of \`btfhub build\`.`,
    'Check --input; or give --allow-empty, to bring the catalog alone up to date.',
  );
}

interface InputFile {
  readonly folder: string;
  readonly record: BuildRecord;
}

/** The records of one folder, after a look at everything that is in it. */
async function readFolder(folder: string, problems: string[]): Promise<InputFile[]> {
  const files = await regularFiles(folder, problems);
  const found: InputFile[] = [];
  const expected = new Set<string>();
  for (const file of files) {
    if (!/^records\/[^/]+\.json$/.test(file)) continue;
    expected.add(file);
    try {
      await checkSize(folder, file, LARGEST.record);
      const record = parseRecord(await readFile(join(folder, file), 'utf8'), file);
      found.push({ folder, record });
    } catch (error) {
      problems.push(`${join(folder, printable(file))}: ${describe(error)}`);
    }
  }
  for (const { record } of found) {
    if (isFailureRecord(record)) continue;
    const { path } = record.tarball;
    expected.add(path);
    if (!files.has(path))
      problems.push(`${join(folder, path)}: it has a record, and is not there.`);
    else await checkSize(folder, path, LARGEST.tarball).catch((e) => problems.push(describe(e)));
  }
  for (const file of files) {
    if (expected.has(file)) continue;
    const why = file.endsWith(TARBALL_SUFFIX)
      ? `it has no record (${recordPath('<uname -r>' as never)}) of its own.`
      : 'it is neither a record nor the tarball of one.';
    problems.push(`${join(folder, printable(file))}: ${why}`);
  }
  return found;
}

/** The paths of all regular files below a folder; links and the like are problems, and not followed. */
async function regularFiles(folder: string, problems: string[]): Promise<ReadonlySet<string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    if (!isSystemError(error, 'ENOENT') && !isSystemError(error, 'ENOTDIR')) throw error;
    throw new Failure('usage', `${folder} is not a folder.`, 'Check --input.');
  });
  const files = new Set<string>();
  for (const entry of entries) {
    const path = relative(folder, join(entry.parentPath, entry.name));
    // A build that was killed leaves these; its next run writes the file anew.
    if (PARTIAL_FILE.test(entry.name)) continue;
    if (entry.isFile()) files.add(path);
    else if (!entry.isDirectory()) {
      const kind = entry.isSymbolicLink() ? 'a link' : 'no regular file';
      problems.push(`${join(folder, printable(path))}: it is ${kind}.`);
    }
  }
  return files;
}

async function checkSize(folder: string, file: string, most: number): Promise<void> {
  const { size } = await stat(join(folder, file));
  if (size > most) throw new Error(`${join(folder, file)}: ${size} bytes are too many.`);
}

/** Files with modules and files without have the same names: neither may get onto the other's branch. */
function checkContent(
  found: readonly InputFile[],
  content: ArchiveContent,
  problems: string[],
): void {
  for (const { folder, record } of found) {
    if (isFailureRecord(record)) continue;
    const { path } = record.tarball;
    if (content === 'modules' && record.modules === undefined) {
      problems.push(`${join(folder, path)}: its record names no modules, and --modules is given.`);
    }
    if (content === 'kernels' && record.modules !== undefined) {
      problems.push(`${join(folder, path)}: it holds modules, and --modules is not given.`);
    }
  }
}

/** One record a kernel: the same one may come twice, from two folders; two that differ may not. */
function uniqueRecords(found: readonly InputFile[], problems: string[]): InputFile[] {
  const byUname = new Map<string, InputFile>();
  for (const one of found) {
    const { uname } = one.record;
    const other = byUname.get(uname);
    if (other === undefined || isFailureRecord(other.record)) byUname.set(uname, one);
    else if (!isFailureRecord(one.record) && !sameTarball(one.record, other.record)) {
      problems.push(`${uname} stands in ${other.folder} and in ${one.folder} with other bytes.`);
    }
  }
  return [...byUname.values()].sort((a, b) => (a.record.uname < b.record.uname ? -1 : 1));
}

function sameTarball(a: BuildRecord, b: BuildRecord): boolean {
  return !isFailureRecord(a) && !isFailureRecord(b) && a.tarball.sha256 === b.tarball.sha256;
}

async function checkTarball(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  tarball: Buffer,
  record: KernelRecord,
  expectation: Expectation,
): Promise<void> {
  expectSame('bytes', tarball.length, record.tarball.size);
  expectSame('SHA-256', sha256(tarball), record.tarball.sha256);
  const { uname, btf } = await unpackBtf(platform.programs, tarball, {
    signal: platform.interrupted,
  });
  expectSame('name of the member', uname, record.uname);
  expectSame('bytes of BTF', btf.length, record.btf.size);
  expectSame('SHA-256 of the BTF', sha256(btf), record.btf.sha256);
  const { kinds } = checkPublishable(btf, expectation);
  if (!isDeepStrictEqual({ ...kinds }, { ...record.btf.kinds })) {
    throw new Error('the types are not as many as its record says.');
  }
}

function expectSame<T extends string | number>(what: string, actual: T, recorded: T): void {
  if (actual === recorded) return;
  throw new Error(`${what}: ${actual}, but its record says ${recorded}.`);
}
