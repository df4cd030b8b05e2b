import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packBtf } from '../../../src/btf/tarball.ts';
import type { SiteManifest } from '../../../src/explorer/manifest.ts';
import type { ExplorerKernel } from '../../../src/explorer/queries.ts';
import { listKernels } from '../../../src/explorer/queries.ts';
import { type OpenDatabase, openDatabase } from '../../../src/jobs/site/sqlite.ts';
import { asUname } from '../../../src/names.ts';
import { archiveFiles, writeFiles } from '../../archive/archive-files.ts';
import { paholeBtf, programs } from '../../btf/made.ts';

/** C of a kernel whose parts change from version to version. */
const sources: Readonly<Record<string, string>> = {
  '4.19.90-1.oe1.x86_64':
    'struct task { volatile long state; void *stack; int flags; }; int run(struct task *t) { return t->flags; }',
  '5.10.0-60.1.0.30.oe2203.x86_64':
    'struct task { volatile long state; void *stack; int flags; unsigned idle:1, busy:2; }; enum color { RED, BLUE = 7 }; int run(struct task *t, enum color c) { return t->flags + c; }',
  '5.10.0-60.9.0.31.oe2203.x86_64':
    'struct task { unsigned __state; void *stack; int flags; unsigned idle:1, busy:2; }; enum color { RED, BLUE = 7 }; int run(struct task *t, enum color c) { return t->flags + c; }',
  '5.10.0-60.10.0.32.oe2203.x86_64':
    'struct task { unsigned __state; void *stack; int flags; struct { int count; } inner; }; enum color { RED, GREEN, BLUE = 7 }; int run(struct task *t, enum color c) { return t->flags + c; }',
  '5.10.0-60.10.0.32.oe2203.aarch64':
    'struct task { unsigned __state; void *stack; int flags; }; int run(struct task *t) { return t->flags; } long only_arm(void) { return 1; }',
  '6.6.0-28.0.0.34.oe2403.x86_64':
    'struct task { unsigned __state; void *stack; int flags; struct { int count; } inner; }; int walk(struct task *t) { return t->flags; }',
};

/** The kernels of the tests; the second, third and fourth are a series. */
export const UNAMES = Object.keys(sources);

/** Tarballs of these kernels by `uname -r`, made by gcc and pahole. */
export async function makeTarballs(folder: string): Promise<Readonly<Record<string, Buffer>>> {
  const tarballs = UNAMES.map(async (uname) => {
    const btf = paholeBtf(folder, sources[uname] ?? '');
    return [uname, await packBtf(programs, asUname(uname), btf)] as const;
  });
  return Object.fromEntries(await Promise.all(tarballs));
}

/** Writes an archive with some of the tarballs. */
export function writeArchive(
  folder: string,
  tarballs: Readonly<Record<string, Buffer>>,
  unames: readonly string[],
): string {
  const some = Object.entries(tarballs).filter(([uname]) => unames.includes(uname));
  writeFiles(folder, archiveFiles(Object.fromEntries(some)));
  return folder;
}

/** What `site` wrote. */
export async function readSite(folder: string): Promise<OpenDatabase & { bytes: Buffer }> {
  const manifest: SiteManifest = JSON.parse(readFileSync(join(folder, 'site.json'), 'utf8'));
  const bytes = readFileSync(join(folder, manifest.database.file));
  const { rows, close } = await openDatabase(bytes, folder);
  return { rows, close, bytes };
}

export function kernelNamed({ rows }: OpenDatabase, uname: string): ExplorerKernel {
  const kernel = listKernels(rows).find((one) => one.uname === uname);
  if (kernel === undefined) throw new Error(`the site has no ${uname}`);
  return kernel;
}
