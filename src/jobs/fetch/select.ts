import { entryPath } from '../../archive/catalog.ts';
import type { KernelName } from '../../archive/layout.ts';
import type { ArchiveReader } from '../../archive/reader.ts';
import { Failure } from '../../failure.ts';
import { selector } from '../../sources/glob.ts';

/** Selects kernels of an archive by globs; an empty list selects all. */
export interface Selection {
  /** By `uname -r`. */
  readonly kernels: readonly string[];
  readonly arches: readonly string[];
  /** VERSION_ID (`22.03`), or release (`22.03-LTS-SP1`) if the archive has a catalog. */
  readonly releases: readonly string[];
}

/** The selected kernels in the order of their paths. Throws `not-found` if there are none. */
export async function selectKernels(
  reader: ArchiveReader,
  selection: Selection,
): Promise<readonly KernelName[]> {
  const all = await reader.list();
  const catalog = await reader.catalog();
  const [byKernel, byArch, byRelease] = [
    selector(selection.kernels),
    selector(selection.arches),
    selector(selection.releases),
  ];
  const selected = all.filter((kernel) => {
    const releases = catalog?.get(entryPath(kernel))?.releases ?? [];
    return (
      byKernel(kernel.uname) &&
      byArch(kernel.arch) &&
      [kernel.versionId, ...releases].some((name) => byRelease(name))
    );
  });
  if (selected.length > 0) return selected;
  const versions = [...new Set(all.map(({ versionId }) => versionId))];
  throw new Failure(
    'not-found',
    `--kernel, --arch and --release select none of the ${all.length} kernels of ${reader.name}.`,
    `It has kernels of ${versions.join(', ') || 'nothing'}${catalog ? '' : '; without a catalog --release is the VERSION_ID'}.`,
  );
}
