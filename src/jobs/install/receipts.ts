import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { sha256, uname } from '../../archive/shapes.ts';
import { Failure, isSystemError } from '../../failure.ts';
import type { Uname } from '../../names.ts';
import { insideOf } from './place.ts';
import { writeWhole } from './write.ts';

/** What was installed for a kernel, so that this and nothing else can be taken away. */
const ReceiptShape = v.strictObject({
  uname,
  /** As the machine sees it. */
  path: v.pipe(v.string(), v.check(isPlain, 'is no absolute path')),
  /** SHA-256 of what was put there, the last first: an interruption leaves the one before. */
  sums: v.pipe(v.array(sha256), v.minLength(1)),
  /** Folders that were made for it, the deepest first; as the machine sees them. */
  folders: v.array(v.pipe(v.string(), v.check(isPlain, 'is no absolute path'))),
});

export type Receipt = Readonly<v.InferOutput<typeof ReceiptShape>>;

/** Where things are put, and where it is written down. */
export interface Ledger {
  /** The folder that stands for `/`. */
  readonly root: string;
  /** The folder of the receipts, as the machine sees it. */
  readonly state: string;
}

/** State of the machine that a program keeps (Filesystem Hierarchy Standard 3.0, 5.8). */
export const MACHINE_STATE = '/var/lib/btfhub/installed';

function isPlain(path: string): boolean {
  return path.startsWith('/') && !path.split('/').includes('..');
}

/** The receipts of one kernel, or of all. A kernel may have several, in several places. */
export async function readReceipts(
  { root, state }: Ledger,
  wanted?: Uname,
): Promise<readonly Receipt[]> {
  const folder = await insideOf(root, state);
  const names = await readdir(folder).catch((error) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  const receipts = await Promise.all(
    files.map(async (name) =>
      parse(await readFile(join(folder, name), 'utf8'), join(folder, name)),
    ),
  );
  return receipts.filter((one) => wanted === undefined || one.uname === wanted);
}

function parse(text: string, file: string): Receipt {
  try {
    return v.parse(ReceiptShape, JSON.parse(text));
  } catch (error) {
    const advice = 'Look at it, and delete it if the file that it names is gone.';
    throw new Failure('usage', `${file} does not say what was installed.`, advice, error);
  }
}

export async function writeReceipt({ root, state }: Ledger, receipt: Receipt): Promise<void> {
  const file = await insideOf(root, fileOf(state, receipt));
  await mkdir(dirname(file), { recursive: true });
  await writeWhole(file, `${JSON.stringify(receipt, null, 2)}\n`, 0o644);
}

export async function removeReceipt({ root, state }: Ledger, receipt: Receipt): Promise<void> {
  await rm(await insideOf(root, fileOf(state, receipt)), { force: true });
}

/** One for each path: a kernel may be in several places. */
function fileOf(state: string, { uname: kernel, path }: Receipt): string {
  const digest = createHash('sha256').update(path).digest('hex').slice(0, 12);
  return `${state}/${kernel}.${digest}.json`;
}
