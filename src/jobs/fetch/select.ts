import { type Catalog, entryPath } from '../../archive/catalog.ts';
import type { KernelName } from '../../archive/layout.ts';
import type { ArchiveReader } from '../../archive/reader.ts';
import { Failure } from '../../failure.ts';
import { selector } from '../../sources/glob.ts';
import { noMatch } from '../../sources/nearest.ts';

/** Selects kernels of an archive by globs; an empty list selects all. */
export interface Selection {
  /** By `uname -r`. */
  readonly kernels: readonly string[];
  readonly arches: readonly string[];
  /** VERSION_ID (`22.03`), or release (`22.03-LTS-SP1`) if the archive has a catalog. */
  readonly releases: readonly string[];
}

/** The selected kernels in the order of their paths. Throws `not-found` if there are none, naming the option. */
export async function selectKernels(
  reader: ArchiveReader,
  selection: Selection,
): Promise<readonly KernelName[]> {
  const all = await reader.list();
  const catalog = await reader.catalog();
  const selected = filterKernels(all, catalog, selection);
  if (selected.length > 0) return selected;
  throw nothingSelected(reader.name, all, catalog, selection);
}

/** The kernels that every option selects. */
export function filterKernels<Kernel extends KernelName>(
  all: readonly Kernel[],
  catalog: Catalog | undefined,
  selection: Selection,
): readonly Kernel[] {
  const options = optionsOf(catalog, selection);
  return all.filter((kernel) =>
    options.every(({ globs, valuesOf }) => valuesOf(kernel).some(selector(globs))),
  );
}

interface SelectionOption {
  readonly name: string;
  readonly globs: readonly string[];
  valuesOf(kernel: KernelName): readonly string[];
}

function optionsOf(
  catalog: Catalog | undefined,
  { releases, arches, kernels }: Selection,
): readonly SelectionOption[] {
  const releasesOf = (kernel: KernelName): readonly string[] => [
    kernel.versionId,
    ...(catalog?.get(entryPath(kernel))?.releases ?? []),
  ];
  return [
    { name: '--release', globs: releases, valuesOf: releasesOf },
    { name: '--arch', globs: arches, valuesOf: ({ arch }) => [arch] },
    { name: '--kernel', globs: kernels, valuesOf: ({ uname }) => [uname] },
  ];
}

/** Names the option that matches nothing, with the nearest values, or says that no kernel matches all of them. */
export function nothingSelected(
  archive: string,
  all: readonly KernelName[],
  catalog: Catalog | undefined,
  selection: Selection,
): Failure {
  const options = optionsOf(catalog, selection);
  if (all.length === 0) return new Failure('not-found', `${archive} has no kernels.`);
  for (const { name, globs, valuesOf } of options) {
    const existing = all.flatMap(valuesOf);
    if (!existing.some(selector(globs))) return noMatch(name, globs.join(' '), existing);
  }
  const given = options.flatMap(({ name, globs }) =>
    globs.filter((glob) => glob !== 'all').map((glob) => `${name} ${glob}`),
  );
  return new Failure(
    'not-found',
    `${given.join(' ')} matches none of the ${all.length} kernels of ${archive}.`,
    'Each of them matches some kernels, but no kernel matches all of them.',
  );
}
