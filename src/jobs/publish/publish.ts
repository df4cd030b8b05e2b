import type { ArchiveContent } from '../../archive/catalog.ts';
import type { AttestationBundle } from '../../attestation/bundle.ts';
import { bundlesFor } from '../../attestation/verify.ts';
import type { Expectation } from '../../btf/check.ts';
import { Failure } from '../../failure.ts';
import { ensurePullRequest, type Forge, type PullRequestResult } from '../../forge/forge.ts';
import { type GitIdentity, openCommitWriter } from '../../git/commits.ts';
import type { GitCredential } from '../../git/credential.ts';
import type { RepositoryLocation } from '../../git/location.ts';
import { openRemote, type Remote } from '../../git/remote.ts';
import type { Oid } from '../../git/repository.ts';
import type { Branch } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { Additions } from './additions.ts';
import { findPending, hasPending, type PendingChanges, pullRequestText } from './messages.ts';
import { type PublishContext, pushKernels } from './push-kernels.ts';
import { readCatalog, updateCatalog } from './update-catalog.ts';
import { type ValidatedInput, validateInput } from './validate-input.ts';

export interface PublishRequest {
  /** What build jobs left. */
  readonly folders: readonly string[];
  /** Takes a folder without a record. */
  readonly allowEmpty: boolean;
  readonly location: Exclude<RepositoryLocation, { kind: 'folder' }>;
  readonly credential: GitCredential | undefined;
  /** What the folders hold, and so the branches. */
  readonly content: ArchiveContent;
  readonly base: Branch;
  readonly branch: Branch;
  /** Where the pull request is opened; undefined for a push alone. */
  readonly forge: Forge | undefined;
  /** Attestations of the tarballs, which must cover every one that is added; undefined for none. */
  readonly attestations: readonly AttestationBundle[] | undefined;
  readonly replace: boolean;
  readonly dryRun: boolean;
  readonly expectation: Expectation;
  readonly author: GitIdentity | undefined;
  readonly committer: GitIdentity | undefined;
  readonly runUrl: string | undefined;
}

export interface Published {
  readonly additions: Additions;
  readonly input: ValidatedInput;
  /** What waits for review now, of this run and of others. */
  readonly waiting: PendingChanges;
  /** The new commit of the branch; undefined when nothing was new. */
  readonly commit: Oid | undefined;
  readonly moved: 'no' | 'rebased' | 'afresh';
  /** The new commit of the catalog; undefined when it said all of it already. */
  readonly catalogCommit: Oid | undefined;
  readonly pullRequest: PullRequestResult | PullRequestMissing;
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
    await remote.repository.close();
  }
}

async function publishTo(
  platform: Platform,
  progress: Progress,
  request: PublishRequest,
  remote: Remote,
): Promise<Published> {
  const { content, base, branch, dryRun, runUrl, expectation, author, committer: person } = request;
  const committer = await openCommitWriter(platform, remote.repository, {
    author,
    committer: person,
  });
  // A catalog that cannot be read ends the run before anything is pushed.
  const seen = await readCatalog(remote, content);
  const input = await validateInput(platform, progress, {
    folders: request.folders,
    allowEmpty: request.allowEmpty,
    content,
    expectation,
    keep: (tarball) => committer.writeBlob(tarball),
  });
  const attestations = bundlesFor(
    request.attestations,
    input.candidates.map(({ record: { uname, tarball } }) => ({
      name: uname,
      sha256: tarball.sha256,
    })),
  );
  const context: PublishContext = {
    platform,
    progress,
    remote,
    committer,
    content,
    runUrl,
    dryRun,
  };
  const pushed = await pushKernels(context, { base, branch }, input.candidates, request.replace);
  const { state, additions } = pushed;
  if (pushed.commit !== undefined && !dryRun) {
    progress.note(`${branch}: pushed ${pushed.commit.slice(0, 12)}`);
  }
  const updated = await updateCatalog(
    context,
    { base: state.base, next: pushed.next },
    { built: [...additions.added, ...additions.left], failed: input.failed, attestations },
    seen,
  );
  const waiting = findPending(state.base, pushed.next, updated.catalog);
  const pullRequest = await ensureReview(request, state.hasBase, waiting);
  return {
    additions,
    input,
    waiting,
    commit: pushed.commit,
    moved: state.moved,
    catalogCommit: updated.commit,
    pullRequest,
  };
}

async function ensureReview(
  request: PublishRequest,
  hasBase: boolean,
  waiting: PendingChanges,
): Promise<Published['pullRequest']> {
  const { forge, base, branch, dryRun } = request;
  const none = (why: PullRequestMissing['why']) => ({ action: 'none', why }) as const;
  if (!hasPending(waiting)) return none('nothing-waits');
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
