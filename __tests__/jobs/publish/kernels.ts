import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type BuildRecord, type DwarfRecord, recordPath } from '../../../src/archive/record.ts';
import { checkBtf } from '../../../src/btf/check.ts';
import { packBtf } from '../../../src/btf/tarball.ts';
import { asUname } from '../../../src/names.ts';
import { failureRecord, kernelRecord } from '../../archive/records.ts';
import { EVERY_KIND, paholeBtf, programs } from '../../btf/made.ts';

/** The BTF of a small program, made by pahole once for all: a kernel to those who ask for few types. */
let small: Buffer | undefined;

export function smallBtf(): Buffer {
  if (small === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'btfhub-test-'));
    small = paholeBtf(folder, EVERY_KIND);
    rmSync(folder, { recursive: true });
  }
  return small;
}

export const MINIMUM_TYPES = 10;

const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const packed = new Map<string, Promise<Buffer>>();

/** The small BTF as the tarball of a kernel, which xz packs once for each. */
function smallTarball(name: string): Promise<Buffer> {
  const known = packed.get(name) ?? packBtf(programs, asUname(name), smallBtf());
  packed.set(name, known);
  return known;
}

/** A tarball as build makes it, and the record that is true of it. */
export async function makeKernel(
  name: string,
  changes: Partial<DwarfRecord> = {},
  btf: Buffer = smallBtf(),
): Promise<{ record: DwarfRecord; tarball: Buffer }> {
  const tarball =
    btf === small ? await smallTarball(name) : await packBtf(programs, asUname(name), btf);
  const { kinds } = checkBtf(btf, { kind: 'any' });
  const draft = kernelRecord(name);
  const record = {
    ...draft,
    btf: { size: btf.length, sha256: sum(btf), kinds: { ...kinds } },
    tarball: { path: draft.tarball.path, size: tarball.length, sha256: sum(tarball) },
    ...changes,
  };
  return { record, tarball };
}

export function put(folder: string, path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

export function putRecord(folder: string, record: BuildRecord): void {
  put(folder, recordPath(record.uname), JSON.stringify(record));
}

/** A folder as build leaves it, with these kernels; those after `failed` could not be built. */
export async function putKernels(
  folder: string,
  built: readonly string[],
  failed: readonly string[] = [],
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const name of built) {
    const { record, tarball } = await makeKernel(name);
    put(folder, record.tarball.path, tarball);
    putRecord(folder, record);
  }
  for (const name of failed) putRecord(folder, failureRecord(name));
  return folder;
}
