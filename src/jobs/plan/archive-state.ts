import { type Archive, openArchive } from '../../archive/archive.ts';
import {
  type ArchiveContent,
  CATALOG_BRANCH,
  catalogFileOf,
  EMPTY_CATALOG,
  MODULES_BRANCH,
  MODULES_NEXT_BRANCH,
  parseCatalog,
} from '../../archive/catalog.ts';
import { parseTarballPath } from '../../archive/layout.ts';
import { Failure } from '../../failure.ts';
import { parseLocation } from '../../git/location.ts';
import type { Branch } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { ArchiveState, ArchiveStates, PastBuild, PastFailure } from './kernel-state.ts';

export interface ArchiveQuery {
  /** Git URL or folder. */
  readonly where: string;
  /** The branch with reviewed files; without it the archive's default branch. */
  readonly base?: Branch;
  /** The branch with files that wait for review. */
  readonly branch: Branch;
  /** Accept an archive without any BTF and without a catalog. */
  readonly allowEmpty: boolean;
  /** Whether to look for files with modules too, on the branches of their own. */
  readonly modules: boolean;
}

/**
 * Lists the archive's branches and reads its catalog; no tarball is fetched. Rejects with `not-found`
 * when the archive or the base branch does not exist, with `network`, with `bad-archive`, or with `usage` where
 * files with modules are asked for and the archive has no branches.
 */
export async function readArchiveState(
  platform: Platform,
  query: ArchiveQuery,
  progress: Progress,
): Promise<ArchiveStates> {
  if (query.modules && parseLocation(query.where).kind === 'folder') {
    throw new Failure(
      'usage',
      `${query.where} is a folder without git, so it has no branch '${MODULES_BRANCH}' to compare with.`,
      'Name a git repository with --archive, or leave out --modules.',
    );
  }
  const archive = await openArchive(platform, query.where);
  const task = progress.begin(`archive ${archive.name}`);
  task.stage('listing');
  try {
    await expectBase(archive, query.base);
    const kernels = await readState(archive, query.base, query.branch, 'kernels', progress.warn);
    const { archived, pending, failed } = kernels;
    if (!query.allowEmpty) expectContent(archive, [...archived, ...pending], failed);
    const modules = query.modules
      ? await readState(archive, MODULES_BRANCH, MODULES_NEXT_BRANCH, 'modules', progress.warn)
      : undefined;
    const withModules =
      modules === undefined
        ? ''
        : `; with modules ${modules.archived.size}, ${modules.pending.size} more under review`;
    task.end(
      'read',
      `${archived.size} files on the base branch, ${pending.size} more under review${withModules}`,
    );
    return { kernels, modules };
  } catch (error) {
    task.end('failed');
    throw error;
  } finally {
    await archive.close();
  }
}

async function readState(
  archive: Archive,
  base: Branch | undefined,
  branch: Branch,
  content: ArchiveContent,
  warn: (line: string) => void,
): Promise<ArchiveState> {
  const archived = new Set((await archive.listPaths(base)).keys());
  const next = await archive.listPaths(branch);
  const pending = new Set([...next.keys()].filter((path) => !archived.has(path)));
  const { built, failed } = await readCatalog(archive, content, warn);
  return { archived, pending, built, failed };
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

type Known = Pick<ArchiveState, 'built' | 'failed'>;

async function readCatalog(
  archive: Archive,
  content: ArchiveContent,
  warn: (line: string) => void,
): Promise<Known> {
  const bytes = await archive.readFile(CATALOG_BRANCH, catalogFileOf(content));
  const catalog = bytes ? parseCatalog(bytes.toString('utf8'), archive.name, warn) : EMPTY_CATALOG;
  const built = new Map<string, PastBuild>();
  const failed = new Map<string, PastFailure>();
  for (const [path, entry] of catalog) {
    if (entry.state === 'failed') failed.set(path, entry);
    else built.set(path, { method: entry.method, nvra: entry.nvra });
  }
  return { built, failed };
}
