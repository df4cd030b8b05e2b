import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../failure.ts';
import { parseLocation } from '../git/location.ts';
import { credentialOf, openRemote, type Remote } from '../git/remote.ts';
import type { Oid, TreeEntry } from '../git/repository.ts';
import type { GitPlatform } from '../git/run.ts';
import type { Branch } from '../names.ts';

/** A file of an archive. */
export interface ArchiveEntry {
  /** The blob's name; undefined where the archive is a folder without git. */
  readonly oid: Oid | undefined;
  /** As git writes it: `100644` for a regular file. */
  readonly mode: string;
}

/** An archive to read from: names first, contents only of what is asked for. */
export interface Archive {
  /** For messages: the URL or folder, without credentials. */
  readonly name: string;
  /** The branch's commit; undefined when there is no such branch, or the archive is a folder. */
  head(branch?: Branch): Promise<Oid | undefined>;
  /** Every file of the branch (the default branch without one) by path; empty when there is no such branch. */
  listPaths(branch?: Branch): Promise<ReadonlyMap<string, ArchiveEntry>>;
  /** The bytes of one file, or undefined when the branch has none of that name. */
  readFile(branch: Branch | undefined, path: string): Promise<Buffer | undefined>;
  /**
   * The bytes of many files, of which those that are there come, in the order asked for. All that is
   * missing is fetched in one go before the first comes; few are in memory at a time.
   */
  readFiles(
    branch: Branch | undefined,
    paths: readonly string[],
  ): AsyncGenerator<{ readonly path: string; readonly bytes: Buffer }>;
  close(): Promise<void>;
}

/**
 * Opens an archive by its git URL, or by a folder: a repository, bare or with a work tree (its
 * commits count, not what lies in the work tree), or a plain folder with the archive's layout, which
 * is the same on every branch. Nothing is moved yet. Close it.
 *
 * @param token for a remote that wants one; a password in the URL counts as one
 * @throws Failure `usage`, `not-found`, `network`, or `bad-archive` with what git said
 */
export async function openArchive(
  platform: GitPlatform,
  where: string,
  options: { readonly token?: string; readonly user?: string } = {},
): Promise<Archive> {
  const location = parseLocation(where);
  if (location.kind === 'folder') return folderArchive(location.folder);
  const credential = credentialOf(location, options.token, options.user);
  const remote = await openRemote(platform, location, credential, { tracking: true });
  return gitArchive(remote);
}

function gitArchive(remote: Remote): Archive {
  const { repository } = remote;
  let known: Promise<ReadonlyMap<string, Oid>> | undefined;
  const listings = new Map<string, Promise<ReadonlyMap<string, TreeEntry>>>();
  const head = async (branch: string = 'HEAD') => {
    known ??= remote.branches();
    return (await known).get(branch);
  };
  const list = async (branch: string) => {
    if ((await head(branch)) === undefined) return new Map<string, TreeEntry>();
    const [commit] = await remote.fetchBranches([branch], 1);
    return repository.listTree(commit as Oid);
  };
  const listPaths = (branch: string = 'HEAD') => {
    const listing = listings.get(branch) ?? list(branch);
    listings.set(branch, listing);
    return listing;
  };
  async function* readFiles(branch: Branch | undefined, paths: readonly string[]) {
    const listing = await listPaths(branch);
    const found = paths.flatMap((path) => {
      const entry = listing.get(path);
      return entry ? [{ path, oid: entry.oid }] : [];
    });
    const commit = await head(branch);
    if (commit === undefined || found.length === 0) return;
    await remote.fetchBlobs(
      branch ?? 'HEAD',
      found.map(({ oid }) => oid),
    );
    for (let start = 0; start < found.length; start += 32) {
      const some = found.slice(start, start + 32);
      const contents = await repository.readBlobs(some.map(({ oid }) => oid));
      for (const [index, bytes] of contents.entries()) {
        yield { path: (some[index] as { path: string }).path, bytes };
      }
    }
  }
  return {
    name: remote.name,
    head,
    listPaths,
    readFiles,
    readFile: async (branch, path) => {
      for await (const { bytes } of readFiles(branch, [path])) return bytes;
      return undefined;
    },
    close: () => repository.close(),
  };
}

/** A folder without git: the same files whatever the branch. */
function folderArchive(folder: string): Archive {
  const listPaths = async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return new Map(
      files.map((entry) => [
        join(entry.parentPath, entry.name).slice(folder.length + 1),
        { oid: undefined, mode: '100644' },
      ]),
    );
  };
  const read = async (path: string) => {
    try {
      return await readFile(join(folder, path));
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].some((code) => isSystemError(error, code)))
        return undefined;
      throw error;
    }
  };
  return {
    name: folder,
    head: async () => undefined,
    listPaths,
    readFile: (_branch, path) => read(path),
    readFiles: async function* (_branch, paths) {
      for (const path of paths) {
        const bytes = await read(path);
        if (bytes !== undefined) yield { path, bytes };
      }
    },
    close: async () => {},
  };
}
