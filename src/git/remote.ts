import { describe } from '../failure.ts';
import { credentialFor, type GitCredential } from './credential.ts';
import { explainGitError } from './explain-error.ts';
import type { RepositoryLocation } from './location.ts';
import { GitRepository, type Oid } from './repository.ts';
import { GitExitError, type GitPlatform } from './run.ts';

/** A repository that can be reached by git: all locations but plain folders. */
export type GitLocation = Exclude<RepositoryLocation, { kind: 'folder' }>;

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

/** A remote, and the repository that holds what was fetched from it. Close the repository. */
export interface Remote {
  readonly name: string;
  readonly repository: GitRepository;
  /** All branches as the remote has them now, and `HEAD`, the default one. */
  branches(): Promise<ReadonlyMap<string, Oid>>;
  /** As GitRepository's, without moving anything where the remote is on this machine. */
  fetchBranches(branches: readonly string[], depth: 1 | 'all'): Promise<Oid[]>;
  /** Makes these blobs of a fetched branch present, in one go. */
  fetchBlobs(branch: string, oids: readonly Oid[]): Promise<void>;
}

/** Servers of protocol 0 give what a branch points to, and no blob by its name. */
const UNADVERTISED = /unadvertised object|not our ref/;

/**
 * Opens a remote.
 * @param options `tracking`: of a clone on this machine, also the branches that it knows of its origin,
 *   for reading: a checkout of one branch still knows the others
 */
export async function openRemote(
  platform: GitPlatform,
  location: GitLocation,
  credential: GitCredential | undefined,
  options: { readonly tracking: boolean } = { tracking: false },
): Promise<Remote> {
  const isLocal = location.kind === 'repository';
  const name = location.url;
  const repository = await GitRepository.open(platform, name, isLocal, credential);
  const branches = async () => branchesOf(await repository.lsRemote(), options.tracking);
  return {
    name,
    repository,
    branches,
    fetchBranches: async (wanted, depth) => {
      if (wanted.length === 0) return [];
      if (!isLocal) return repository.fetchBranches(wanted, depth);
      const known = await branches();
      return wanted.map((branch) => known.get(branch) as Oid);
    },
    fetchBlobs: async (branch, oids) => {
      if (isLocal || oids.length === 0) return;
      try {
        await repository.fetchBlobs(branch, oids);
      } catch (error) {
        if (!(error instanceof GitExitError)) throw error;
        if (UNADVERTISED.test(describe(error))) return repository.fetchWhole(branch);
        throw explainGitError('read files of', name, error.message, error);
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
