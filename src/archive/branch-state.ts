import { Failure } from '../failure.ts';
import type { CommitWriter } from '../git/commits.ts';
import type { Remote } from '../git/remote.ts';
import type { GitRepository, Oid, TreeChanges, TreeEntry, TreeListing } from '../git/repository.ts';
import type { Branch } from '../names.ts';

/** The base branch, and what waits for review on top of it. */
export interface BranchState {
  readonly base: TreeListing;
  /** The present commit of the branch, for the lease; undefined when it does not exist. */
  readonly lease: Oid | undefined;
  /** What the branch is to be built on; undefined in an archive without a commit. */
  readonly tip: Oid | undefined;
  /** The files at `tip`: those of the base branch, and what waits. */
  readonly next: TreeListing;
  /** Whether the base branch exists. */
  readonly hasBase: boolean;
  /** Why `tip` is not simply the branch as it stands. */
  readonly moved: 'no' | 'rebased' | 'afresh';
}

/**
 * Looks at the archive as it is now, and works out the linear history that the branch is to have: the
 * base branch, and on it whatever the branch holds that the base branch has not taken, be it by a
 * merge, a squash or a rebase. Nothing is pushed, and no blob is moved.
 *
 * @throws Failure `bad-archive` when both branches changed a file in different ways
 */
export async function readBranchState(
  remote: Remote,
  committer: CommitWriter,
  baseBranch: Branch,
  branch: Branch,
): Promise<BranchState> {
  const { repository } = remote;
  const heads = await remote.branches();
  const wanted = [baseBranch, branch].filter((name) => heads.has(name));
  // History is of use only where two histories meet.
  const oids = await remote.fetchBranches(wanted, wanted.length > 1 ? 'all' : 1);
  const at = (name: Branch) => oids[wanted.indexOf(name)];
  const base = at(baseBranch);
  const lease = at(branch);
  const listing = async (oid: Oid | undefined) =>
    oid === undefined ? new Map<string, TreeEntry>() : repository.listTree(oid);
  const baseListing = await listing(base);
  const state = { base: baseListing, lease, hasBase: base !== undefined };
  if (base === undefined || lease === undefined || base === lease) {
    const next = lease === undefined || lease === base ? baseListing : await listing(lease);
    return { ...state, tip: lease ?? base, next, moved: 'no' };
  }

  const ahead = await repository.countCommits(`${base}..${lease}`);
  if (ahead === 0) return { ...state, tip: base, next: baseListing, moved: 'afresh' };
  const behind = await repository.countCommits(`${lease}..${base}`);
  const merges = await repository.countCommits(`${base}..${lease}`, ['--merges']);
  if (behind === 0 && merges === 0) {
    return { ...state, tip: lease, next: await listing(lease), moved: 'no' };
  }
  const waiting = await findPending(repository, base, lease, { baseBranch, branch });
  if (waiting.size === 0) return { ...state, tip: base, next: baseListing, moved: 'afresh' };
  const tip = await rebase(repository, committer, base, lease, waiting);
  return { ...state, tip, next: await listing(tip), moved: 'rebased' };
}

const same = (a: TreeEntry | undefined, b: TreeEntry | undefined) =>
  a?.oid === b?.oid && a?.mode === b?.mode;

/** What the branch changed since it left the base branch, without what the base branch has or had. */
async function findPending(
  repository: GitRepository,
  base: Oid,
  lease: Oid,
  names: { readonly baseBranch: Branch; readonly branch: Branch },
): Promise<TreeChanges> {
  const fork = await repository.mergeBase(base, lease);
  const [before, there, here] = [
    fork === undefined ? new Map<string, TreeEntry>() : await repository.listTree(fork),
    await repository.listTree(base),
    await repository.listTree(lease),
  ];
  const waiting = new Map<string, TreeEntry | null>();
  const conflicts: string[] = [];
  for (const path of new Set([...before.keys(), ...here.keys()])) {
    const mine = here.get(path);
    if (same(mine, before.get(path)) || same(mine, there.get(path))) continue;
    if (same(there.get(path), before.get(path))) waiting.set(path, mine ?? null);
    else if (!(await wasInHistory(repository, fork, base, path, mine))) conflicts.push(path);
  }
  if (conflicts.length > 0) {
    const { baseBranch, branch } = names;
    throw new Failure(
      'bad-archive',
      `'${baseBranch}' and '${branch}' both changed ${conflicts.slice(0, 10).join(', ')}${
        conflicts.length > 10 ? ` and ${conflicts.length - 10} more` : ''
      }, each in its own way.`,
      `A person has to decide: make '${branch}' hold what is right, or delete it to go on from '${baseBranch}'.`,
    );
  }
  return waiting;
}

/** Whether the base branch once took this very version, and went on from there. */
async function wasInHistory(
  repository: GitRepository,
  fork: Oid | undefined,
  base: Oid,
  path: string,
  entry: TreeEntry | undefined,
): Promise<boolean> {
  if (entry === undefined) return false;
  const range = fork === undefined ? base : `${fork}..${base}`;
  return (await repository.blobsOf(range, path)).has(entry.oid);
}

/**
 * The commits of the branch again, one on top of the other, on the base branch: each with what is
 * left of it, without those of which nothing is. In the end the files are what `waiting` says.
 */
async function rebase(
  repository: GitRepository,
  committer: CommitWriter,
  base: Oid,
  lease: Oid,
  waiting: TreeChanges,
): Promise<Oid> {
  const originals = await repository.listCommits(`${base}..${lease}`);
  let tip = base;
  let now: TreeListing = await repository.listTree(base);
  const apply = async (changes: TreeChanges, commit: (tree: Oid) => Promise<Oid>) => {
    const news = new Map(
      [...changes].filter(([path, entry]) => !same(now.get(path), entry ?? undefined)),
    );
    if (news.size === 0) return;
    tip = await commit(await committer.writeTree(tip, news));
    now = await repository.listTree(tip);
  };
  for (const original of originals) {
    const changes = await repository.changesOf(original);
    const left = new Map([...changes].filter(([path]) => waiting.has(path)));
    await apply(left, (tree) => committer.copyCommit(original, tree, tip));
  }
  // What a person put into a merge commit stands in no other commit.
  await apply(waiting, (tree) => committer.copyCommit(lease, tree, tip));
  return tip;
}
