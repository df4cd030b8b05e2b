import { type LoadedBtf, type LoadPlatform, loadAnyBtf } from '../boot-image/load.ts';
import { type BtfSummary, checkBtf } from '../btf/check.ts';
import { type Comparison, compareBtf } from '../btf/compare.ts';
import { Btf } from '../btf/reader.ts';
import { sha256 } from '../sha256.ts';

/** One of the two that are compared. */
export interface ComparedFile {
  readonly path: string;
  readonly from: LoadedBtf['from'];
  readonly uname?: string;
  readonly btf: Pick<BtfSummary, 'size' | 'types' | 'kinds'> & { readonly sha256: string };
}

export interface FileComparison extends Comparison {
  readonly first: ComparedFile;
  readonly second: ComparedFile;
  /** Whether the raw BTF is the same to the byte. */
  readonly identical: boolean;
}

/** Loads and checks two files and compares their BTF. Throws what is wrong with either of them. */
export async function compareFiles(
  platform: LoadPlatform,
  paths: readonly [string, string],
): Promise<FileComparison> {
  const [first, second] = [await load(platform, paths[0]), await load(platform, paths[1])];
  const { equal, kinds } = compareBtf(new Btf(first.btf), new Btf(second.btf));
  const identical = first.btf.equals(second.btf);
  return { first: first.file, second: second.file, identical, equal, kinds };
}

async function load(platform: LoadPlatform, path: string) {
  const { btf, from, uname } = await loadAnyBtf(platform, path, 0);
  const { size, types, kinds } = checkBtf(btf, { kind: 'any' });
  const summary = { size, types, kinds, sha256: sha256(btf) };
  const file: ComparedFile =
    uname === undefined ? { path, from, btf: summary } : { path, from, uname, btf: summary };
  return { btf, file };
}
