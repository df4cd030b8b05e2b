import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  builtEntry,
  type CatalogEntry,
  entryPath,
  serialiseCatalog,
} from '../../src/archive/catalog.ts';
import { archivePaths, type KernelName, tarballPath } from '../../src/archive/layout.ts';
import { asArch, asDistributionId, asUname, asVersionId } from '../../src/names.ts';
import { kernelRecord } from './records.ts';

/** A kernel of openEuler by its `uname -r`: `5.10` is of 22.03, `6.6` of 24.03, all else of 20.03. */
export function kernelOf(uname: string): KernelName {
  const version = uname.startsWith('6.6') ? '24.03' : uname.startsWith('5.10') ? '22.03' : '20.03';
  return {
    distribution: asDistributionId('openEuler'),
    versionId: asVersionId(version),
    arch: asArch(uname.slice(uname.lastIndexOf('.') + 1)),
    uname: asUname(uname),
  };
}

/** The files of an archive: on Arm under both names. */
export function archiveFiles(tarballs: Readonly<Record<string, Buffer>>): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(tarballs).flatMap(([uname, tarball]) => {
      const kernel = kernelOf(uname);
      return archivePaths(kernel, kernel.uname).map((path) => [path, tarball]);
    }),
  );
}

/** The catalog that promises these tarballs. */
export function catalogOf(
  tarballs: Readonly<Record<string, Buffer>>,
  state: 'archived' | 'pending' = 'archived',
): string {
  const entries = Object.entries(tarballs).map(([uname, tarball]): CatalogEntry => {
    const kernel = kernelOf(uname);
    const sha256 = createHash('sha256').update(tarball).digest('hex');
    const path = tarballPath(kernel, kernel.uname);
    const record = kernelRecord(uname, {
      versionId: kernel.versionId,
      tarball: { path, size: tarball.length, sha256 },
    });
    return { ...builtEntry(record, '0'.repeat(40)), state };
  });
  return serialiseCatalog(new Map(entries.map((entry) => [entryPath(entry), entry])));
}

export function writeFiles(folder: string, files: Readonly<Record<string, Buffer | string>>): void {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}
