import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { sha256 as sum, uname } from '../../archive/shapes.ts';
import { isSystemError } from '../../failure.ts';
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

/** What the folder of install records holds. */
export interface InstallRecords {
  /** A kernel can have several, one for each path. */
  readonly records: readonly InstallRecord[];
  /** Files that are no install records. They say nothing about the others. */
  readonly invalid: readonly string[];
}

/** The install records of one kernel, or of all kernels. */
export async function readInstallRecords(
  state: InstallState,
  wanted?: Uname,
): Promise<InstallRecords> {
  const folder = await resolveInImage(state.root, state.folder);
  const names = await readdir(folder).catch((error) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  const isWanted = (name: string) => wanted === undefined || name.startsWith(`${wanted}.`);
  const files = names.filter((name) => name.endsWith('.json') && isWanted(name)).sort();
  const records: InstallRecord[] = [];
  const invalid: string[] = [];
  for (const name of files) {
    const record = parse(await readFile(join(folder, name), 'utf8'));
    if (record !== undefined) records.push(record);
    else invalid.push(join(folder, name));
  }
  return { records, invalid };
}

function parse(text: string): InstallRecord | undefined {
  try {
    return v.parse(InstallRecordShape, JSON.parse(text));
  } catch {
    return undefined;
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
