import { type Catalog, type CatalogEntry, entryPath } from '../../archive/catalog.ts';
import type { KernelName } from '../../archive/layout.ts';
import type { ArchiveReader } from '../../archive/reader.ts';
import { asUname, type Release, type Uname } from '../../names.ts';
import { nearestKernels } from './nearest.ts';
import { filterKernels, nothingSelected, type Selection } from './select.ts';

/** One kernel that an archive or its catalog has. */
export interface ListedKernel extends KernelName {
  /** `pending`: waits for review. `failed`: its BTF could not be made. */
  readonly state: CatalogEntry['state'];
  /** By the catalog; empty without one. */
  readonly releases: readonly Release[];
  /** The catalog's entry; undefined for a kernel that it does not have. */
  readonly entry: CatalogEntry | undefined;
}

/** A kernel that was asked for by its full name, and that the archive does not have. */
export interface MissingKernel {
  readonly uname: Uname;
  readonly nearest: readonly KernelName[];
}

export interface ArchiveListing {
  readonly kernels: readonly ListedKernel[];
  readonly missing: readonly MissingKernel[];
}

/**
 * The selected kernels of an archive, in the order of their paths, with what its catalog says about them.
 *
 * @throws Failure `not-found` when globs select nothing, or the archive cannot be listed
 */
export async function listKernels(
  reader: ArchiveReader,
  selection: Selection,
): Promise<ArchiveListing> {
  const catalog = await reader.catalog();
  const all = withCatalog(await reader.list(), catalog);
  const kernels = filterKernels(all, catalog, selection);
  const wanted = selection.kernels.filter(isFullName);
  if (kernels.length === 0 && wanted.length === 0) {
    throw nothingSelected(reader.name, all, catalog, selection);
  }
  const missing = wanted
    .filter((name) => !kernels.some(({ uname }) => uname === name))
    .map((uname) => ({ uname, nearest: nearestTo(all, uname) }));
  return { kernels, missing };
}

function withCatalog(
  archived: readonly KernelName[],
  catalog: Catalog | undefined,
): readonly ListedKernel[] {
  const found = new Map<string, ListedKernel>();
  for (const kernel of archived) {
    const entry = catalog?.get(entryPath(kernel));
    const releases = entry?.releases ?? [];
    found.set(entryPath(kernel), { ...kernel, state: 'archived', releases, entry });
  }
  for (const [path, entry] of catalog ?? []) {
    if (found.has(path) || entry.state === 'archived') continue;
    const { distribution, versionId, arch, uname, releases, state } = entry;
    found.set(path, { distribution, versionId, arch, uname, releases, state, entry });
  }
  return [...found].sort(([one], [two]) => (one < two ? -1 : 1)).map(([, kernel]) => kernel);
}

/** A name without the special characters of globs. */
function isFullName(name: string): name is Uname {
  try {
    return asUname(name) === name;
  } catch {
    return false;
  }
}

/** The nearest kernels that are in the archive, of all architectures unless the name ends with one. */
function nearestTo(all: readonly ListedKernel[], name: Uname): readonly KernelName[] {
  const archived = all.filter(({ state }) => state === 'archived');
  const arches = [...new Set(archived.map(({ arch }) => arch))];
  const own = arches.filter((arch) => name.includes(`.${arch}`));
  return (own.length > 0 ? own : arches)
    .flatMap((arch) => nearestKernels(archived, { uname: name, arch }))
    .map(({ distribution, versionId, arch, uname }) => ({ distribution, versionId, arch, uname }));
}
