import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import { credentialFor, type GitCredential } from './credential.ts';
import { explainGitError } from './explain-error.ts';
import type { RepositoryLocation } from './location.ts';
import { createScratchRepository, GitExitError, type GitRepository } from './repository.ts';

/** The name of a git object: 40 (SHA-1) or 64 (SHA-256) hex digits. */
export type Oid = string;

export interface ArchiveEntry {
  /** The blob's name; undefined where the archive is a folder that git knows nothing of. */
  readonly oid: Oid | undefined;
  /** `100644` for a regular file; 100755, 120000 (link) and 160000 (submodule) break the contract. */
  readonly mode: string;
}

export type GitPlatform = Pick<Platform, 'env' | 'programs' | 'interrupted'>;

/** The credential for a location, out of the options or else out of the URL; none for what is local. */
export function credentialOf(
  location: RepositoryLocation,
  token?: string,
  user?: string,
): GitCredential | undefined {
  if (location.kind !== 'remote' || location.origin === undefined) return undefined;
  const secret = token ?? location.password;
  if (secret === undefined) return undefined;
  return credentialFor(location.origin, secret, user ?? location.user);
}

/** A scratch repository that knows one remote, and brings from it what is asked for. */
export interface Remote {
  readonly name: string;
  readonly repository: GitRepository;
  /** All branches as the remote has them now, and `HEAD`, the default one. */
  branches(): Promise<ReadonlyMap<string, Oid>>;
  /**
   * Makes commits and trees of these branches, which exist, present, without blobs where the server
   * can leave them out. `depth` 1 leaves out history too. Returns their commits, in the same order.
   */
  fetchBranches(branches: readonly string[], depth: 1 | 'all'): Promise<Oid[]>;
  /** Makes these blobs of a branch that was obtained present, in one go. */
  fetchBlobs(branch: string, oids: readonly Oid[]): Promise<void>;
  /** Runs git towards the remote, with its refusals told in our words. */
  run(attempt: string, args: readonly string[]): Promise<string>;
}

/** The name that the remote has in the scratch repository. */
export const REMOTE = 'archive';
const FETCH = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--recurse-submodules=no'];
const WITHOUT_BLOBS = '--filter=blob:none';
/** Servers of protocol 0 give what a branch points to, and no blob by its name. */
const UNADVERTISED = /unadvertised object|not our ref/;

function remoteRef(branch: string): string {
  return branch === 'HEAD' ? 'HEAD' : `refs/heads/${branch}`;
}

/** Where the scratch repository keeps a branch of the remote. */
function localRef(branch: string): string {
  return `refs/archive/${branch}`;
}

/**
 * Opens a remote. Close its repository.
 * @param options `tracking`: of a clone on this machine, also the branches that it knows of its origin,
 *   for reading: a checkout of one branch still knows the others
 */
export async function openRemote(
  platform: GitPlatform,
  location: Exclude<RepositoryLocation, { kind: 'folder' }>,
  credential: GitCredential | undefined,
  options: { readonly tracking: boolean } = { tracking: false },
): Promise<Remote> {
  const repository = await createScratchRepository(platform, credential);
  try {
    if (location.kind === 'repository') await addAlternates(platform, location.url, repository);
    await repository.run(['remote', 'add', REMOTE, location.url]);
    return remoteOf(repository, location, options.tracking);
  } catch (error) {
    await repository.close();
    throw error;
  }
}

/** What lies on this machine is not copied: git looks into the other repository's objects by itself. */
async function addAlternates(
  platform: GitPlatform,
  folder: string,
  repository: GitRepository,
): Promise<void> {
  const asked = await platform.programs.run({
    program: 'git',
    args: ['rev-parse', '--git-path', 'objects'],
    cwd: folder,
    env: { GIT_DIR: undefined, GIT_OBJECT_DIRECTORY: undefined },
  });
  if (asked.status !== 0) throw explainGitError('read', folder, asked.stderr);
  const objects = resolve(folder, asked.stdout.toString('utf8').trim());
  await mkdir(join(repository.folder, 'objects/info'), { recursive: true });
  await writeFile(join(repository.folder, 'objects/info/alternates'), `${objects}\n`);
}

function remoteOf(
  repository: GitRepository,
  location: Exclude<RepositoryLocation, { kind: 'folder' }>,
  tracking: boolean,
): Remote {
  const name = location.url;
  const here = location.kind === 'repository';
  const run = async (attempt: string, args: readonly string[]) => {
    try {
      return await repository.run(args);
    } catch (error) {
      if (!(error instanceof GitExitError)) throw error;
      throw explainGitError(attempt, name, error.message, error);
    }
  };
  const lsRemote = async () => {
    const lines = (await run('list the branches of', ['ls-remote', '--quiet', REMOTE])).split('\n');
    const refs = lines.filter(Boolean).map((line) => {
      const [oid = '', ref = ''] = line.split('\t');
      return [ref, oid] as const;
    });
    return branchesOf(new Map(refs), tracking);
  };
  const missingBlobs = async (branch: string): Promise<ReadonlySet<Oid>> => {
    const walk = ['rev-list', '--objects', '--no-walk', '--missing=print', localRef(branch)];
    const lines = (await repository.run(walk)).split('\n');
    return new Set(lines.filter((line) => line.startsWith('?')).map((line) => line.slice(1)));
  };
  return {
    name,
    repository,
    run,
    branches: lsRemote,
    fetchBranches: async (branches, depth) => {
      if (branches.length === 0) return [];
      if (here) {
        const known = await lsRemote();
        return branches.map((branch) => known.get(branch) as Oid);
      }
      const specs = branches.map((branch) => `+${remoteRef(branch)}:${localRef(branch)}`);
      const isShallow = existsSync(join(repository.folder, 'shallow'));
      const shallow = depth === 1 ? ['--depth=1'] : isShallow ? ['--unshallow'] : [];
      await run('read', [...FETCH, ...shallow, WITHOUT_BLOBS, REMOTE, ...specs]);
      const heads = await repository.run(['rev-parse', ...branches.map(localRef)]);
      return heads.trim().split('\n');
    },
    fetchBlobs: async (branch, oids) => {
      if (here || oids.length === 0) return;
      const missing = await missingBlobs(branch);
      const wanted = [...new Set(oids)].filter((oid) => missing.has(oid));
      try {
        // 400 names of 64 digits are far from any limit on the length of a command line.
        for (let start = 0; start < wanted.length; start += 400) {
          const noop = ['-c', 'fetch.negotiationAlgorithm=noop'];
          const some = wanted.slice(start, start + 400);
          await run('read files of', [...noop, ...FETCH, WITHOUT_BLOBS, REMOTE, ...some]);
        }
      } catch (error) {
        if (!UNADVERTISED.test(describe(error))) throw error;
        const spec = `+${remoteRef(branch)}:${localRef(branch)}`;
        const whole = [...FETCH, '--refetch', '--no-filter', '--depth=1', REMOTE, spec];
        await run('read files of', whole);
      }
    },
  };
}

/** Branches, and `HEAD`. */
function branchesOf(refs: ReadonlyMap<string, Oid>, tracking: boolean): ReadonlyMap<string, Oid> {
  const branches = new Map<string, Oid>();
  for (const prefix of [...(tracking ? ['refs/remotes/origin/'] : []), 'refs/heads/']) {
    for (const [ref, oid] of refs) {
      if (ref.startsWith(prefix)) branches.set(ref.slice(prefix.length), oid);
    }
  }
  const head = refs.get('HEAD');
  if (head !== undefined) branches.set('HEAD', head);
  return branches;
}

/** All files of a commit or tree, by path. */
export async function listTree(
  repository: GitRepository,
  oid: Oid,
): Promise<Map<string, TreeEntry>> {
  const listing = await repository.run(['ls-tree', '-r', '-z', '--full-tree', oid]);
  return new Map(
    listing
      .split('\0')
      .filter(Boolean)
      .map((line) => {
        const tab = line.indexOf('\t');
        const [mode = '', , blob = ''] = line.slice(0, tab).split(' ');
        return [line.slice(tab + 1), { mode, oid: blob }];
      }),
  );
}

export interface TreeEntry extends ArchiveEntry {
  readonly oid: Oid;
}

/** The contents of blobs, by one process: `<oid> SP blob SP <size> LF <bytes> LF` (git-cat-file(1)). */
export async function readBlobs(
  repository: GitRepository,
  oids: readonly Oid[],
): Promise<Buffer[]> {
  if (oids.length === 0) return [];
  const output = await repository.catFile(['--batch'], { input: `${oids.join('\n')}\n` });
  let at = 0;
  return oids.map((oid) => {
    const end = output.indexOf(0x0a, at);
    const [, type, size] = output.toString('latin1', at, end).split(' ');
    if (type !== 'blob') {
      throw new Failure(
        'bad-archive',
        `The archive lacks the contents of a file that it lists (blob ${oid}).`,
        'If it is a folder that was cloned with a filter, give the URL it came from.',
      );
    }
    at = end + 1 + Number(size) + 1;
    return output.subarray(end + 1, at - 1);
  });
}
