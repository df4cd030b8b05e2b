import type { Branch } from '../names.ts';
import { explainGitError } from './explain-error.ts';
import type { Remote } from './remote.ts';
import type { Oid } from './repository.ts';
import { GitExitError } from './run.ts';

/**
 * What became of a push. `stale`: another push was faster, look again. `unknown`: the connection
 * broke, so it may have arrived or not, look again.
 */
export type PushResult = 'done' | 'stale' | 'unknown';

/** The branch is not what the lease says, or two pushes meet at the lock. */
const STALE =
  /stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value|reference already exists|remote ref updated since checkout|failed to lock/i;
const BROKEN =
  /RPC failed|hung up|unexpected disconnect|early EOF|Connection (reset|closed|timed out)|Empty reply|send-pack: unexpected|error: 5\d\d|transfer closed|recv failure|send failure/i;
/** `!<TAB><from>:<to><TAB>[remote rejected] (pre-receive hook declined)` (git-push(1), OUTPUT). */
const REFUSED = /^!\t[^\t\n]*\t\[(?:remote )?rejected\] \((.*)\)$/m;

/**
 * Pushes one commit to one branch, which must be exactly at `lease` (or not exist): no commit of
 * others is overwritten unseen.
 *
 * @throws Failure when the host refuses for good: no permission, a protected branch, a hook, a
 *   quota, another hash algorithm
 */
export async function pushBranch(
  remote: Remote,
  branch: Branch,
  commit: Oid,
  lease: Oid | undefined,
): Promise<PushResult> {
  try {
    await remote.repository.pushWithLease(branch, commit, lease);
    return 'done';
  } catch (error) {
    if (!(error instanceof GitExitError)) throw error;
    const said = `${error.stdout}\n${error.stderr}`;
    const refusal = REFUSED.exec(error.stdout)?.[1];
    if (STALE.test(refusal ?? said)) return 'stale';
    const failure = explainGitError(`push to the branch '${branch}' of`, remote.name, said, error);
    // A host that says why, and says it to this push, says the same to the next one.
    const isForGood = refusal !== undefined || (failure.advice && failure.reason !== 'network');
    if (!isForGood && BROKEN.test(said)) return 'unknown';
    throw failure;
  }
}
