import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CATALOG_FILE, EMPTY_CATALOG, parseCatalog } from '../../archive/catalog.ts';
import { parseRecord } from '../../archive/parse-record.ts';
import { isFailureRecord } from '../../archive/record.ts';
import { type LoadedBtf, loadAnyBtf } from '../../boot-image/load.ts';
import { Failure } from '../../failure.ts';
import { asUname, type Uname } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import { sha256 } from '../../sha256.ts';

/** The BTF of a file, and what says which kernel it belongs to. */
export interface BtfFile {
  readonly btf: Buffer;
  readonly claims: readonly KernelClaim[];
}

/** One statement about the kernel of a file. */
export interface KernelClaim {
  /** For messages: `its file name`, `the record ...`. */
  readonly by: string;
  /** Usually one; kernels with the same BTF share a sum. */
  readonly unames: readonly Uname[];
}

/** How a file itself says which kernel it belongs to. */
const CLAIMED_BY: Readonly<Record<LoadedBtf['from'], string>> = {
  raw: 'its content',
  ELF: 'its content',
  tarball: 'the file in the tarball',
  'boot image': 'the banner of the boot image',
};

/**
 * Reads raw BTF, an ELF file with a `.BTF` section, a tarball of the archive, or a boot image. The kernel is claimed by
 * the name of the file, by the tarball's member or the boot image's banner, and by the sums of a catalog or of records in the same folder or, in the layout
 * of an archive or of build's output, three folders above.
 *
 * @param minimumTypes see `loadAnyBtf`
 * @throws Failure `not-found`, `bad-btf`, `bad-elf`, `bad-archive`
 */
export async function readBtfFile(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  path: string,
  minimumTypes: number,
): Promise<BtfFile> {
  const { btf, from, uname } = await loadAnyBtf(platform, path, minimumTypes);
  const named = unameOfFile(path);
  const inside = validUname(uname);
  const tarball = from === 'tarball' ? await readFile(path) : undefined;
  const sums = { btf: sha256(btf), tarball: tarball && sha256(tarball) };
  const folder = dirname(resolve(path));
  const claims: KernelClaim[] = [
    ...(named === undefined ? [] : [{ by: 'its file name', unames: [named] }]),
    ...(inside === undefined ? [] : [{ by: CLAIMED_BY[from], unames: [inside] }]),
  ];
  for (const above of [folder, resolve(folder, '..', '..', '..')]) {
    claims.push(...(await claimsOfCatalog(join(above, CATALOG_FILE), sums)));
    claims.push(...(await claimsOfRecords(join(above, 'records'), sums)));
  }
  return { btf, claims };
}

/**
 * Refuses a file that belongs to another kernel. Returns whether anything says that it belongs to this one.
 *
 * @throws Failure `usage`
 */
export function checkKernel(path: string, { claims }: BtfFile, uname: Uname): boolean {
  const other = claims.find(({ unames }) => !unames.includes(uname));
  if (other === undefined) return claims.length > 0;
  throw new Failure(
    'usage',
    `${path} is the BTF of ${other.unames.join(', ')} by ${other.by}, and it is to be installed for ${uname}.`,
    `Get the right one with 'btfhub fetch --uname ${uname}', or add --allow-other-kernel.`,
  );
}

/** `<uname>.btf`, `<uname>.btf.tar.xz`, and `vmlinux-<uname>` as distributions name it. */
function unameOfFile(path: string): Uname | undefined {
  const name = basename(path);
  const uname = /^(.+)\.btf(?:\.tar\.xz)?$/.exec(name)?.[1] ?? /^vmlinux-(.+)$/.exec(name)?.[1];
  return validUname(uname);
}

function validUname(text: string | undefined): Uname | undefined {
  return text === undefined ? undefined : tryParse(() => asUname(text));
}

interface Sums {
  readonly btf: string;
  readonly tarball: string | undefined;
}

async function claimsOfCatalog(file: string, sums: Sums): Promise<KernelClaim[]> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return [];
  const catalog = tryParse(() => parseCatalog(text, file, () => {})) ?? EMPTY_CATALOG;
  const unames = [...catalog.values()].flatMap((entry) =>
    entry.state !== 'failed' && hasSum(entry, sums) ? [entry.uname] : [],
  );
  return unames.length > 0 ? [{ by: `the catalog ${file}`, unames }] : [];
}

async function claimsOfRecords(folder: string, sums: Sums): Promise<KernelClaim[]> {
  const names = await readdir(folder).catch(() => []);
  const unames: Uname[] = [];
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    const record = tryParse(() => parseRecord(text, `records/${name}`));
    if (record && !isFailureRecord(record) && hasSum(record, sums)) unames.push(record.uname);
  }
  return unames.length > 0 ? [{ by: `the records in ${folder}`, unames }] : [];
}

/** Another file of that name says nothing about the BTF. */
function tryParse<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function hasSum(
  entry: {
    readonly btf: { readonly sha256: string };
    readonly tarball: { readonly sha256: string };
  },
  { btf, tarball }: Sums,
): boolean {
  return entry.btf.sha256 === btf || entry.tarball.sha256 === tarball;
}
