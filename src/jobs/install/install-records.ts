import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { sha256 as sum, uname } from '../../archive/shapes.ts';
import { Failure, isSystemError } from '../../failure.ts';
import type { Uname } from '../../names.ts';
import { replaceFile } from '../../platform/replace-file.ts';
import { sha256 } from '../../sha256.ts';
import { resolveInImage } from '../fetch/image.ts';

/** What was installed for a kernel. `install --remove` removes exactly this. */
const InstallRecordShape = v.strictObject({
  uname,
  /** As the machine sees it: absolute, without the folder that stands for its root. */
  path: v.pipe(v.string(), v.check(isPlain, 'is no absolute path')),
  /** SHA-256 of the file, the newest first. A second one is there when an update was interrupted. */
  sums: v.pipe(v.array(sum), v.minLength(1)),
  /** Folders that were created for the file, the deepest first; as the machine sees them. */
  folders: v.array(v.pipe(v.string(), v.check(isPlain, 'is no absolute path'))),
});

export type InstallRecord = Readonly<v.InferOutput<typeof InstallRecordShape>>;

/** The machine to install on, and where its install records are. */
export interface InstallState {
  /** The folder that stands for `/`. */
  readonly root: string;
  /** The folder of the install records, as the machine sees it. */
  readonly folder: string;
}

/** State of the machine that a program keeps (Filesystem Hierarchy Standard 3.0, 5.8). */
export const MACHINE_STATE = '/var/lib/btfhub/installed';

function isPlain(path: string): boolean {
  return path.startsWith('/') && !path.split('/').includes('..');
}

/** The install records of one kernel, or of all kernels. A kernel can have several, one for each path. */
export async function readInstallRecords(
  state: InstallState,
  wanted?: Uname,
): Promise<readonly InstallRecord[]> {
  const folder = await resolveInImage(state.root, state.folder);
  const names = await readdir(folder).catch((error) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  const records = await Promise.all(
    files.map(async (name) =>
      parse(await readFile(join(folder, name), 'utf8'), join(folder, name)),
    ),
  );
  return records.filter((one) => wanted === undefined || one.uname === wanted);
}

function parse(text: string, file: string): InstallRecord {
  try {
    return v.parse(InstallRecordShape, JSON.parse(text));
  } catch (error) {
    const advice = 'Read it, and delete it if the file that it names does not exist.';
    throw new Failure('usage', `${file} is not a valid install record.`, advice, error);
  }
}

export async function writeInstallRecord(
  state: InstallState,
  record: InstallRecord,
): Promise<void> {
  const file = await resolveInImage(state.root, fileOf(state.folder, record));
  await mkdir(dirname(file), { recursive: true });
  await replaceFile(file, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o644, sync: true });
}

export async function removeInstallRecord(
  state: InstallState,
  record: InstallRecord,
): Promise<void> {
  await rm(await resolveInImage(state.root, fileOf(state.folder, record)), { force: true });
}

/** One file for each path: a kernel's BTF can be installed in several places. */
function fileOf(folder: string, { uname: kernel, path }: InstallRecord): string {
  const digest = sha256(path).slice(0, 12);
  return `${folder}/${kernel}.${digest}.json`;
}
