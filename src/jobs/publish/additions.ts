import { archivePaths, TARBALL_SUFFIX, twinPath } from '../../archive/layout.ts';
import type { GitEntry } from '../../archive/remote.ts';
import type { Listing } from '../../archive/waiting.ts';
import { Failure } from '../../failure.ts';
import type { Candidate } from './intake.ts';

/** What becomes of the kernels of a run, given the files that the branch has already. */
export interface Additions {
  /** New in the archive, or in the place of other bytes with `replace`. */
  readonly added: readonly Candidate[];
  /** There already, with the same bytes. */
  readonly left: readonly Candidate[];
  /** There already with other bytes, which stay. */
  readonly refused: readonly Candidate[];
  /** `arm64` tarballs of earlier times that get their `aarch64` twin. */
  readonly twins: readonly string[];
  /** Every path to write. */
  readonly changes: ReadonlyMap<string, GitEntry>;
}

const REGULAR = '100644';

/**
 * Decides what to write: the archive's contract by construction. Nothing that is there is changed
 * unless `replace` says so, and every tarball of Arm stands under both of its names.
 *
 * @throws Failure `bad-archive` when a file or link stands where a folder belongs
 */
export function planAdditions(
  candidates: readonly Candidate[],
  listing: Listing,
  replace: boolean,
): Additions {
  const changes = new Map<string, GitEntry>();
  const added: Candidate[] = [];
  const left: Candidate[] = [];
  const refused: Candidate[] = [];
  for (const candidate of candidates) {
    const { record, blob } = candidate;
    const entry = { mode: REGULAR, oid: blob };
    const news = archivePaths(record, record.uname).filter((path) => {
      checkFolders(path, listing);
      return !same(listing.get(path), entry);
    });
    const differs = news.some((path) => listing.has(path));
    // A twin that is not there yet comes below, with those of earlier times.
    const [path = ''] = archivePaths(record, record.uname);
    if (!differs && listing.has(path)) left.push(candidate);
    else if (differs && !replace) refused.push(candidate);
    else {
      added.push(candidate);
      for (const path of news) changes.set(path, entry);
    }
  }
  const twins = missingTwins(listing).filter(({ twin }) => !changes.has(twin));
  for (const { twin, entry } of twins) changes.set(twin, entry);
  return { added, left, refused, twins: twins.map(({ twin }) => twin), changes };
}

function same(a: GitEntry | undefined, b: GitEntry): boolean {
  return a?.oid === b.oid && a.mode === b.mode;
}

/** The twins of regular tarballs that have none: the same blob under one name more. */
function missingTwins(listing: Listing): { twin: string; entry: GitEntry }[] {
  return [...listing].flatMap(([path, entry]) => {
    const twin = path.endsWith(TARBALL_SUFFIX) ? twinPath(path) : undefined;
    if (twin === undefined || entry.mode !== REGULAR || listing.has(twin)) return [];
    checkFolders(twin, listing);
    return [{ twin, entry }];
  });
}

function checkFolders(path: string, listing: Listing): void {
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
