import { type Identity, openCommitter } from '../../archive/commits.ts';
import type { Credential } from '../../archive/credential.ts';
import type { Location } from '../../archive/location.ts';
import { type Oid, openRemote, type Remote } from '../../archive/remote.ts';
import type { Expectation } from '../../btf/check.ts';
import { Failure } from '../../failure.ts';
import { type Ensured, ensurePullRequest, type Forge } from '../../forge/forge.ts';
import type { Branch } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { Additions } from './additions.ts';
import { type Intake, takeIn } from './intake.ts';
import { readCatalog, register } from './register.ts';
import { type Desk, shelve } from './shelve.ts';
import { findWaiting, isWaiting, pullRequestText, type Waiting } from './wording.ts';

export interface PublishRequest {
  /** What build jobs left. */
  readonly folders: readonly string[];
  readonly location: Exclude<Location, { kind: 'folder' }>;
  readonly credential: Credential | undefined;
  readonly base: Branch;
  readonly branch: Branch;
  /** Where the pull request is opened; undefined for a push alone. */
  readonly forge: Forge | undefined;
  readonly replace: boolean;
  readonly dryRun: boolean;
  readonly expectation: Expectation;
  readonly author?: Identity;
  readonly committer?: Identity;
  readonly runUrl: string | undefined;
}

export interface Published {
  readonly additions: Additions;
  readonly intake: Intake;
  /** What waits for review now, of this run and of others. */
  readonly waiting: Waiting;
  /** The new commit of the branch; undefined when nothing was new. */
  readonly commit: Oid | undefined;
  readonly moved: 'no' | 'rebased' | 'afresh';
  /** The new commit of the catalog; undefined when it said all of it already. */
  readonly catalogCommit: Oid | undefined;
  readonly pullRequest: Ensured | PullRequestMissing;
}

/** Why there is no pull request. */
export interface PullRequestMissing {
  readonly action: 'none';
  readonly why: 'nothing-waits' | 'not-asked-for' | 'dry-run' | 'no-base';
}

/**
 * Publishes what build jobs left: checks it, pushes the new kernels to the branch and what is known
 * of them to the catalog, and sees to one pull request. The base branch is only ever read. Run again
 * at any point, it goes on from there: nothing is pushed twice, and nothing that waits is lost.
 */
export async function publish(
  platform: Platform,
  progress: Progress,
  request: PublishRequest,
): Promise<Published> {
  const remote = await openRemote(platform, request.location, request.credential);
  try {
    return await publishTo(platform, progress, request, remote);
  } finally {
    await remote.plumbing.close();
  }
}

async function publishTo(
  platform: Platform,
  progress: Progress,
  request: PublishRequest,
  remote: Remote,
): Promise<Published> {
  const { base, branch, dryRun, runUrl, expectation, author, committer: person } = request;
  const committer = await openCommitter(platform, remote.plumbing, {
    ...(author === undefined ? {} : { author }),
    ...(person === undefined ? {} : { committer: person }),
  });
  // A catalog that cannot be read is told before anything is pushed.
  const seen = await readCatalog(remote);
  const intake = await takeIn(platform, progress, {
    folders: request.folders,
    expectation,
    keep: (tarball) => committer.writeBlob(tarball),
  });
  const desk: Desk = { platform, progress, remote, committer, runUrl, dryRun };
  const shelved = await shelve(desk, { base, branch }, intake.candidates, request.replace);
  const { standing, additions } = shelved;
  if (shelved.commit !== undefined && !dryRun) {
    progress.note(`${branch}: pushed ${shelved.commit.slice(0, 12)}`);
  }
  const registered = await register(
    desk,
    { base: standing.base, next: shelved.next },
    { built: [...additions.added, ...additions.left], failed: intake.failed },
    seen,
  );
  const waiting = findWaiting(standing.base, shelved.next, registered.catalog);
  const pullRequest = await review(request, standing.hasBase, waiting);
  return {
    ...{ additions, intake, waiting, pullRequest, commit: shelved.commit },
    ...{ moved: standing.moved, catalogCommit: registered.commit },
  };
}

async function review(
  request: PublishRequest,
  hasBase: boolean,
  waiting: Waiting,
): Promise<Published['pullRequest']> {
  const { forge, base, branch, dryRun } = request;
  const none = (why: PullRequestMissing['why']) => ({ action: 'none', why }) as const;
  if (!isWaiting(waiting)) return none('nothing-waits');
  if (forge === undefined) return none('not-asked-for');
  if (!hasBase) return none('no-base');
  if (dryRun) return none('dry-run');
  const text = pullRequestText(waiting, forge.longestBody);
  try {
    return await ensurePullRequest(forge, branch, base, text);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(
      error.reason,
      `'${branch}' is pushed, but it has no up-to-date pull request: ${error.message}`,
      `${error.advice ?? ''} Then run it again.`.trim(),
      error,
    );
  }
}
