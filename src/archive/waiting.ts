import { Failure } from '../failure.ts';
import type { Branch } from '../names.ts';
import type { Changes, Committer } from './commits.ts';
import type { Plumbing } from './plumbing.ts';
import { type GitEntry, listTree, type Oid, type Remote } from './remote.ts';

export type Listing = ReadonlyMap<string, GitEntry>;

/** The base branch, and what waits for review on top of it. */
export interface Standing {
  readonly base: Listing;
  /** The present commit of the branch, for the lease; undefined when it does not exist. */
  readonly lease: Oid | undefined;
  /** What the branch is to be built on; undefined in an archive without a commit. */
  readonly tip: Oid | undefined;
  /** The files at `tip`: those of the base branch, and what waits. */
  readonly next: Listing;
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
export async function takeStanding(
  remote: Remote,
  committer: Committer,
  baseBranch: Branch,
  branch: Branch,
): Promise<Standing> {
  const { plumbing } = remote;
  const heads = await remote.branches();
  const wanted = [baseBranch, branch].filter((name) => heads.has(name));
  // History is of use only where two histories meet.
  const oids = await remote.obtain(wanted, wanted.length > 1 ? 'all' : 1);
  const at = (name: Branch) => oids[wanted.indexOf(name)];
  const base = at(baseBranch);
  const lease = at(branch);
  const listing = async (oid: Oid | undefined) =>
    oid === undefined ? new Map<string, GitEntry>() : listTree(plumbing, oid);
  const baseListing = await listing(base);
  const standing = { base: baseListing, lease, hasBase: base !== undefined };
  if (base === undefined || lease === undefined || base === lease) {
    const next = lease === undefined || lease === base ? baseListing : await listing(lease);
    return { ...standing, tip: lease ?? base, next, moved: 'no' };
  }

  const ahead = await count(plumbing, [`${base}..${lease}`]);
  if (ahead === 0) return { ...standing, tip: base, next: baseListing, moved: 'afresh' };
  const behind = await count(plumbing, [`${lease}..${base}`]);
  const merges = await count(plumbing, ['--merges', `${base}..${lease}`]);
  if (behind === 0 && merges === 0) {
    return { ...standing, tip: lease, next: await listing(lease), moved: 'no' };
  }
  const waiting = await findWaiting(plumbing, base, lease, { baseBranch, branch });
  if (waiting.size === 0) return { ...standing, tip: base, next: baseListing, moved: 'afresh' };
  const tip = await replay(plumbing, committer, base, lease, waiting);
  return { ...standing, tip, next: await listing(tip), moved: 'rebased' };
}

async function count(plumbing: Plumbing, args: readonly string[]): Promise<number> {
  return Number(await plumbing.run(['rev-list', '--count', ...args]));
}

const same = (a: GitEntry | undefined, b: GitEntry | undefined) =>
  a?.oid === b?.oid && a?.mode === b?.mode;

/** What the branch changed since it left the base branch, without what the base branch has or had. */
async function findWaiting(
  plumbing: Plumbing,
  base: Oid,
  lease: Oid,
  names: { readonly baseBranch: Branch; readonly branch: Branch },
): Promise<Changes> {
  const fork = await forkPoint(plumbing, base, lease);
  const [before, there, here] = [
    fork === undefined ? new Map<string, GitEntry>() : await listTree(plumbing, fork),
    await listTree(plumbing, base),
    await listTree(plumbing, lease),
  ];
  const waiting = new Map<string, GitEntry | null>();
  const disputed: string[] = [];
  for (const path of new Set([...before.keys(), ...here.keys()])) {
    const mine = here.get(path);
    if (same(mine, before.get(path)) || same(mine, there.get(path))) continue;
    if (same(there.get(path), before.get(path))) waiting.set(path, mine ?? null);
    else if (!(await wasThere(plumbing, fork, base, path, mine))) disputed.push(path);
  }
  if (disputed.length > 0) {
    const { baseBranch, branch } = names;
    throw new Failure(
      'bad-archive',
      `'${baseBranch}' and '${branch}' both changed ${disputed.slice(0, 10).join(', ')}${
        disputed.length > 10 ? ` and ${disputed.length - 10} more` : ''
      }, each in its own way.`,
      `A person has to decide: make '${branch}' hold what is right, or delete it to go on from '${baseBranch}'.`,
    );
  }
  return waiting;
}

async function forkPoint(plumbing: Plumbing, a: Oid, b: Oid): Promise<Oid | undefined> {
  // Status 1 and no word: the histories have nothing in common.
  const found = await plumbing.run(['merge-base', a, b]).catch(() => '');
  return found.trim() || undefined;
}

/** Whether the base branch once took this very version, and went on from there. */
async function wasThere(
  plumbing: Plumbing,
  fork: Oid | undefined,
  base: Oid,
  path: string,
  entry: GitEntry | undefined,
): Promise<boolean> {
  if (entry === undefined) return false;
  const range = fork === undefined ? base : `${fork}..${base}`;
  const log = ['log', '--format=', '--raw', '--no-abbrev', '--no-renames', '-m', range];
  const changes = await plumbing.run([...log, '--', `:(literal)${path}`]);
  return changes.split('\n').some((line) => line.split(' ')[3] === entry.oid);
}

/**
 * The commits of the branch again, one on top of the other, on the base branch: each with what is
 * left of it, without those of which nothing is. In the end the files are what `waiting` says.
 */
async function replay(
  plumbing: Plumbing,
  committer: Committer,
  base: Oid,
  lease: Oid,
  waiting: Changes,
): Promise<Oid> {
  const range = ['rev-list', '--reverse', '--topo-order', '--no-merges', `${base}..${lease}`];
  const originals = (await plumbing.run(range)).split('\n').filter(Boolean);
  let tip = base;
  let now: Listing = await listTree(plumbing, base);
  const apply = async (changes: Changes, commit: (tree: Oid) => Promise<Oid>) => {
    const news = new Map(
      [...changes].filter(([path, entry]) => !same(now.get(path), entry ?? undefined)),
    );
    if (news.size === 0) return;
    tip = await commit(await committer.writeTree(tip, news));
    now = await listTree(plumbing, tip);
  };
  for (const original of originals) {
    const changes = await changesOf(plumbing, original);
    const left = new Map([...changes].filter(([path]) => waiting.has(path)));
    await apply(left, (tree) => committer.recommit(original, tree, tip));
  }
  // What a person put into a merge commit stands in no other commit.
  await apply(waiting, (tree) => committer.recommit(lease, tree, tip));
  return tip;
}

/** What a commit changed against its first parent (git-diff-tree(1), raw format with -z). */
async function changesOf(plumbing: Plumbing, commit: Oid): Promise<Changes> {
  const raw = ['diff-tree', '-r', '-z', '--root', '--no-commit-id', '--no-renames', commit];
  const fields = (await plumbing.run(raw)).split('\0');
  const changes = new Map<string, GitEntry | null>();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode = '', , oid = '', status] = (fields[at] as string).split(' ');
    changes.set(fields[at + 1] as string, status === 'D' ? null : { mode, oid });
  }
  return changes;
}
