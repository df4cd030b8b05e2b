import type { Rows } from '../../explorer/port.ts';
import { type ExplorerKernel, listKernels as listExplorerKernels } from '../../explorer/queries.ts';
import { Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import { selector } from '../../sources/glob.ts';
import { noMatch } from '../../sources/nearest.ts';
import { openReader } from '../fetch/open.ts';
import type { Selection } from '../fetch/select.ts';
import { readDatabaseFile } from './previous.ts';
import { gatherSite, makeDatabase } from './site.ts';
import { openDatabase } from './sqlite.ts';

type ExplorerPlatform = Pick<Platform, 'env' | 'programs' | 'http' | 'clock' | 'interrupted'>;

/** Where the definitions of kernels are read: out of a site, or out of the kernels of an archive. */
export type ExplorerPlace =
  | { readonly kind: 'site'; readonly folder: string }
  | { readonly kind: 'archive'; readonly archive: string };

/** Definitions of the selected kernels, open for questions. Close it. */
export interface Explorer {
  readonly rows: Rows;
  /** The selected kernels that have definitions, in the order of their positions. */
  readonly kernels: readonly ExplorerKernel[];
  close(): void;
}

/**
 * Opens the definitions of the selected kernels. Out of an archive, every selected kernel is read now.
 *
 * @param isWanted the names that will be asked for; an archive's kernels are read for no others
 * @throws Failure `not-found` when nothing is selected or there is no site, or what is wrong with a kernel
 */
export async function openExplorer(
  platform: ExplorerPlatform,
  progress: Progress,
  place: ExplorerPlace,
  selection: Selection,
  isWanted?: (name: string) => boolean,
): Promise<Explorer> {
  if (place.kind === 'site') return openSite(place.folder, selection);
  const reader = await openReader(platform, place.archive);
  try {
    const request = isWanted === undefined ? { selection } : { selection, isWanted };
    const content = await gatherSite(platform, progress, reader, request);
    const unread = content.others.find(({ error }) => error !== undefined)?.error;
    if (unread !== undefined) throw unread;
    const bytes = await makeDatabase(content, { archive: '', raw: '' });
    const { rows, close } = await openDatabase(bytes, reader.name);
    return { rows, kernels: storedKernels(rows), close };
  } finally {
    await reader.close();
  }
}

async function openSite(folder: string, selection: Selection): Promise<Explorer> {
  const bytes = await readDatabaseFile(folder);
  if (bytes === undefined) {
    throw new Failure(
      'not-found',
      `${folder} has no site: there is no site.json in it.`,
      "Build one with 'btfhub site', or leave out --site to read the archive.",
    );
  }
  const { rows, close } = await openDatabase(bytes, folder);
  const all = storedKernels(rows);
  const options = [
    {
      name: '--kernel',
      globs: selection.kernels,
      valuesOf: ({ uname }: ExplorerKernel) => [uname],
    },
    { name: '--arch', globs: selection.arches, valuesOf: ({ arch }: ExplorerKernel) => [arch] },
    {
      name: '--release',
      globs: selection.releases,
      valuesOf: ({ versionId, releases }: ExplorerKernel) => [versionId, ...releases],
    },
  ];
  let kernels = all;
  for (const { name, globs, valuesOf } of options) {
    const isSelected = selector(globs);
    const left = kernels.filter((kernel) => valuesOf(kernel).some(isSelected));
    if (left.length === 0) {
      close();
      throw noMatch(name, globs.join(' '), kernels.flatMap<string>(valuesOf));
    }
    kernels = left;
  }
  return { rows, kernels, close };
}

function storedKernels(rows: Rows): readonly ExplorerKernel[] {
  return listExplorerKernels(rows).filter(({ position }) => position !== undefined);
}
