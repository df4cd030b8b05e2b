import type { Committer } from '../../archive/commits.ts';
import { pushBranch } from '../../archive/push.ts';
import { listTree, type Oid, type Remote } from '../../archive/remote.ts';
import { type Standing, takeStanding } from '../../archive/waiting.ts';
import { Failure } from '../../failure.ts';
import type { Branch } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import { type Additions, planAdditions } from './additions.ts';
import type { Candidate } from './intake.ts';
import { commitMessage } from './wording.ts';

/** Where and how to push, for the branch of kernels and for the catalog's. */
export interface Desk {
  readonly platform: Pick<Platform, 'clock' | 'interrupted'>;
  readonly progress: Progress;
  readonly remote: Remote;
  readonly committer: Committer;
  readonly runUrl: string | undefined;
  readonly dryRun: boolean;
}

export interface Shelved {
  readonly standing: Standing;
  readonly additions: Additions;
  /** The branch's new commit; undefined when there was nothing to add. */
  readonly commit: Oid | undefined;
  /** The files of the branch as it is now (or would be, in a dry run). */
  readonly next: Standing['next'];
}

/** More than ever meet; whoever loses so often has another trouble than a race. */
const ATTEMPTS = 8;

/**
 * Puts the kernels on the branch, on top of what waits there, and pushes it unless there is nothing
 * to add. When somebody else was faster, all is looked at again.
 */
export async function shelve(
  desk: Desk,
  names: { readonly base: Branch; readonly branch: Branch },
  candidates: readonly Candidate[],
  replace: boolean,
): Promise<Shelved> {
  const { remote, committer } = desk;
  let ours: Oid | undefined;
  let before: Additions | undefined;
  return again(desk, names.branch, async () => {
    const standing = await takeStanding(remote, committer, names.base, names.branch);
    const additions = planAdditions(candidates, standing.next, replace);
    if (ours !== undefined && before !== undefined && standing.lease === ours) {
      // The answer got lost, and the push had arrived.
      return { standing, additions: before, commit: ours, next: standing.next };
    }
    if (additions.changes.size === 0) {
      return { standing, additions, commit: undefined, next: standing.next };
    }
    const tree = await committer.writeTree(standing.tip, additions.changes);
    const message = commitMessage(additions, desk.runUrl);
    const commit = await committer.commit(tree, standing.tip, message);
    const next = await listTree(remote.plumbing, commit);
    if (desk.dryRun) return { standing, additions, commit, next };
    [ours, before] = [commit, additions];
    const pushed = await pushBranch(remote, names.branch, commit, standing.lease);
    return pushed === 'done' ? { standing, additions, commit, next } : pushed;
  });
}

/** Until it is neither lost nor unknown, with pauses that grow. */
export async function again<Result extends object>(
  desk: Pick<Desk, 'platform' | 'progress' | 'remote'>,
  branch: Branch,
  attempt: () => Promise<Result | 'lost' | 'unknown'>,
): Promise<Result> {
  for (let tried = 1; ; tried += 1) {
    const result = await attempt();
    if (result !== 'lost' && result !== 'unknown') return result;
    const why =
      result === 'lost' ? 'another push was faster' : 'the connection broke during the push';
    if (tried === ATTEMPTS) {
      throw new Failure(
        result === 'lost' ? 'bad-archive' : 'network',
        `The branch '${branch}' of ${desk.remote.name} could not be pushed in ${ATTEMPTS} attempts: ${why}.`,
        'Run it again: what was checked is checked again, and nothing is pushed twice.',
      );
    }
    desk.progress.note(`${branch}: ${why}; looking again`);
    const { clock, interrupted } = desk.platform;
    await clock.sleep(250 * 2 ** tried * (0.5 + Math.random()), interrupted);
  }
}
