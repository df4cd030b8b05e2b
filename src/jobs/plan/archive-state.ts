import { type Archive, openArchive } from '../../archive/archive.ts';
import {
  CATALOG_BRANCH,
  CATALOG_FILE,
  EMPTY_CATALOG,
  parseCatalog,
} from '../../archive/catalog.ts';
import { parseTarballPath } from '../../archive/layout.ts';
import { Failure } from '../../failure.ts';
import type { Branch } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { ArchiveState, PastFailure } from './kernel-state.ts';

export interface ArchiveQuery {
  /** Git URL or folder. */
  readonly where: string;
  /** The branch with reviewed files; without it the archive's default branch. */
  readonly base?: Branch;
  /** The branch with files that wait for review. */
  readonly branch: Branch;
  /** Accept an archive without any BTF and without a catalog. */
  readonly allowEmpty: boolean;
}

/**
 * Lists the archive's branches and reads its catalog; no tarball is fetched. Rejects with `not-found`
 * when the archive or the base branch does not exist, with `network`, or with `bad-archive`.
 */
export async function readArchiveState(
  platform: Platform,
  query: ArchiveQuery,
  progress: Progress,
): Promise<ArchiveState> {
  const archive = await openArchive(platform, query.where);
  const task = progress.begin(`archive ${archive.name}`);
  task.stage('listing');
  try {
    await expectBase(archive, query.base);
    const base = await archive.listPaths(query.base);
    const next = await archive.listPaths(query.branch);
    const failed = await readFailures(archive);
    const archived = new Set(base.keys());
    if (!query.allowEmpty) expectContent(archive, [...base.keys(), ...next.keys()], failed);
    const pending = new Set([...next.keys()].filter((path) => !archived.has(path)));
    task.end(
      'read',
      `${archived.size} files on the base branch, ${pending.size} more under review`,
    );
    return { archived, pending, failed };
  } catch (error) {
    task.end('failed');
    throw error;
  } finally {
    await archive.close();
  }
}

/** A misspelt base branch looks like an empty archive, and everything would be built again. */
async function expectBase(archive: Archive, base: Branch | undefined): Promise<void> {
  if (base === undefined || (await archive.head(base)) !== undefined) return;
  if ((await archive.head()) === undefined) return; // a plain folder, or a repository without commits
  throw new Failure(
    'not-found',
    `The archive ${archive.name} has no branch '${base}'.`,
    'Check --base.',
  );
}

/** A wrong folder or URL looks like an empty archive, and everything would be built again. */
function expectContent(
  archive: Archive,
  paths: readonly string[],
  failed: ReadonlyMap<string, PastFailure>,
): void {
  if (failed.size > 0 || paths.some((path) => parseTarballPath(path) !== undefined)) return;
  throw new Failure(
    'bad-archive',
    `${archive.name} is no archive: it has no <ID>/<VERSION_ID>/<arch>/<uname -r>.btf.tar.xz and no catalog.`,
    'Check --archive. For a new archive, give --allow-empty.',
  );
}

async function readFailures(archive: Archive): Promise<ReadonlyMap<string, PastFailure>> {
  const bytes = await archive.readFile(CATALOG_BRANCH, CATALOG_FILE);
  const catalog = bytes ? parseCatalog(bytes.toString('utf8'), archive.name) : EMPTY_CATALOG;
  const failed = new Map<string, PastFailure>();
  for (const [path, entry] of catalog) if (entry.state === 'failed') failed.set(path, entry);
  return failed;
}
