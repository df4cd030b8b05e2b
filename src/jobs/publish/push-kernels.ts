import { type BranchState, readBranchState } from '../../archive/branch-state.ts';
import type { ArchiveContent } from '../../archive/catalog.ts';
import { Failure } from '../../failure.ts';
import type { CommitWriter } from '../../git/commits.ts';
import { pushBranch } from '../../git/push.ts';
import type { Remote } from '../../git/remote.ts';
import type { Oid } from '../../git/repository.ts';
import type { Branch } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import { type Additions, planAdditions } from './additions.ts';
import { commitMessage } from './messages.ts';
import type { ValidatedKernel } from './validate-input.ts';

/** Where and how to push, for the branch of kernels and for the catalog's. */
export interface PublishContext {
  readonly platform: Pick<Platform, 'clock' | 'interrupted'>;
  readonly progress: Progress;
  readonly remote: Remote;
  readonly committer: CommitWriter;
  readonly content: ArchiveContent;
  readonly runUrl: string | undefined;
  readonly dryRun: boolean;
}

export interface PushedKernels {
  readonly state: BranchState;
  readonly additions: Additions;
  /** The branch's new commit; undefined when there was nothing to add. */
  readonly commit: Oid | undefined;
  /** The files of the branch as it is now (or would be, in a dry run). */
  readonly next: BranchState['next'];
}

/** More than the runs that ever meet: a push that is stale so often has another cause than a race. */
const ATTEMPTS = 8;

/**
 * Puts the kernels on the branch, on top of what waits there, and pushes it unless there is nothing
 * to add. When another push was faster, it starts again from the new state.
 */
export async function pushKernels(
  context: PublishContext,
  names: { readonly base: Branch; readonly branch: Branch },
  candidates: readonly ValidatedKernel[],
  replace: boolean,
): Promise<PushedKernels> {
  const { remote, committer } = context;
  let ours: Oid | undefined;
  let before: Additions | undefined;
  return retryPush(context, names.branch, async () => {
    const state = await readBranchState(remote, committer, names.base, names.branch);
    const additions = planAdditions(candidates, state.next, replace);
    if (ours !== undefined && before !== undefined && state.lease === ours) {
      // The answer got lost, and the push had arrived.
      return { state, additions: before, commit: ours, next: state.next };
    }
    if (additions.changes.size === 0) {
      return { state, additions, commit: undefined, next: state.next };
    }
    const tree = await committer.writeTree(state.tip, additions.changes);
    const message = commitMessage(additions, context.runUrl);
    const commit = await committer.commit(tree, state.tip, message);
    const next = await remote.repository.listTree(commit);
    if (context.dryRun) return { state, additions, commit, next };
    [ours, before] = [commit, additions];
    const pushed = await pushBranch(remote, names.branch, commit, state.lease);
    return pushed === 'done' ? { state, additions, commit, next } : pushed;
  });
}

/** Repeats an attempt until its push is neither stale nor unknown, with pauses that grow. */
export async function retryPush<Result extends object>(
  context: Pick<PublishContext, 'platform' | 'progress' | 'remote'>,
  branch: Branch,
  attempt: () => Promise<Result | 'stale' | 'unknown'>,
): Promise<Result> {
  for (let tried = 1; ; tried += 1) {
    const result = await attempt();
    if (result !== 'stale' && result !== 'unknown') return result;
    const why =
      result === 'stale' ? 'another push was faster' : 'the connection broke during the push';
    if (tried === ATTEMPTS) {
      throw new Failure(
        result === 'stale' ? 'bad-archive' : 'network',
        `The branch '${branch}' of ${context.remote.name} could not be pushed in ${ATTEMPTS} attempts: ${why}.`,
        'Run it again: what was checked is checked again, and nothing is pushed twice.',
      );
    }
    context.progress.note(`${branch}: ${why}; looking again`);
    const { clock, interrupted } = context.platform;
    await clock.sleep(250 * 2 ** tried * (0.5 + Math.random()), interrupted);
  }
}
