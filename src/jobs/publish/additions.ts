import { aliasPath, archivePaths, TARBALL_SUFFIX } from '../../archive/layout.ts';
import { Failure } from '../../failure.ts';
import type { TreeEntry, TreeListing } from '../../git/repository.ts';
import type { ValidatedKernel } from './validate-input.ts';

/** What becomes of the kernels of a run, given the files that the branch has already. */
export interface Additions {
  /** New in the archive, or in the place of other bytes with `replace`. */
  readonly added: readonly ValidatedKernel[];
  /** There already, with the same bytes. */
  readonly left: readonly ValidatedKernel[];
  /** There already with other bytes, which stay. */
  readonly refused: readonly ValidatedKernel[];
  /** `arm64` tarballs of earlier times that get the alias `aarch64`. */
  readonly aliases: readonly string[];
  /** Every path to write. */
  readonly changes: ReadonlyMap<string, TreeEntry>;
}

const REGULAR = '100644';

/**
 * Decides what to write: the archive's contract by construction. Nothing that is there is changed
 * unless `replace` says so, and every tarball of Arm stands under both of its names.
 *
 * @throws Failure `bad-archive` when a file or link stands where a folder belongs
 */
export function planAdditions(
  candidates: readonly ValidatedKernel[],
  listing: TreeListing,
  replace: boolean,
): Additions {
  const changes = new Map<string, TreeEntry>();
  const added: ValidatedKernel[] = [];
  const left: ValidatedKernel[] = [];
  const refused: ValidatedKernel[] = [];
  for (const candidate of candidates) {
    const { record, blob } = candidate;
    const entry = { mode: REGULAR, oid: blob };
    const news = archivePaths(record, record.uname).filter((path) => {
      checkFolders(path, listing);
      return !same(listing.get(path), entry);
    });
    const differs = news.some((path) => listing.has(path));
    // A alias that is not there yet comes below, with those of earlier times.
    const [path = ''] = archivePaths(record, record.uname);
    if (!differs && listing.has(path)) left.push(candidate);
    else if (differs && !replace) refused.push(candidate);
    else {
      added.push(candidate);
      for (const path of news) changes.set(path, entry);
    }
  }
  const aliases = missingAliases(listing).filter(({ alias }) => !changes.has(alias));
  for (const { alias, entry } of aliases) changes.set(alias, entry);
  return { added, left, refused, aliases: aliases.map(({ alias }) => alias), changes };
}

function same(a: TreeEntry | undefined, b: TreeEntry): boolean {
  return a?.oid === b.oid && a.mode === b.mode;
}

/** The aliases of regular tarballs that have none: the same blob under one name more. */
function missingAliases(listing: TreeListing): { alias: string; entry: TreeEntry }[] {
  return [...listing].flatMap(([path, entry]) => {
    const alias = path.endsWith(TARBALL_SUFFIX) ? aliasPath(path) : undefined;
    if (alias === undefined || entry.mode !== REGULAR || listing.has(alias)) return [];
    checkFolders(alias, listing);
    return [{ alias, entry }];
  });
}

function checkFolders(path: string, listing: TreeListing): void {
  const parts = path.split('/');
  for (let depth = 1; depth < parts.length; depth += 1) {
    const folder = parts.slice(0, depth).join('/');
    const entry = listing.get(folder);
    if (entry === undefined) continue;
    const kind = entry.mode === '120000' ? 'a link' : 'a file';
    throw new Failure(
      'bad-archive',
      `${folder} is ${kind} in the archive, and should be a folder.`,
      'Those who read the archive see nothing behind it: replace it by a folder.',
    );
  }
}
