import type { Branch } from '../names.ts';
import { explainGitError } from './explain-error.ts';
import { type Oid, REMOTE, type Remote } from './remote.ts';
import { GitExitError } from './repository.ts';

/**
 * What became of a push. `lost`: somebody else was faster, look again. `unknown`: the connection
 * broke, so it may have arrived or not, look again.
 */
export type PushResult = 'done' | 'lost' | 'unknown';

/** Git and the forges, when the branch is not what the lease says, or two pushes meet at the lock. */
const LOST =
  /stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value|reference already exists|remote ref updated since checkout|failed to lock/i;
const BROKEN =
  /RPC failed|hung up|unexpected disconnect|early EOF|Connection (reset|closed|timed out)|Empty reply|send-pack: unexpected|error: 5\d\d|transfer closed|recv failure|send failure/i;

/**
 * Pushes one commit to one branch, which must be exactly at `lease` (or not be there): nobody's work
 * is overwritten unseen.
 *
 * @throws Failure when the host refuses: no permission, a protected branch, a token that is none
 */
export async function pushBranch(
  remote: Remote,
  branch: Branch,
  commit: Oid,
  lease: Oid | undefined,
): Promise<PushResult> {
  const ref = `refs/heads/${branch}`;
  const args = [
    ...['push', '--porcelain', '--no-thin', '--no-verify', '--recurse-submodules=no'],
    ...[`--force-with-lease=${ref}:${lease ?? ''}`, REMOTE, `${commit}:${ref}`],
  ];
  try {
    // Tarballs are compressed as far as they go, and none is like another: no search for likeness.
    await remote.repository.run(['-c', 'core.bigFileThreshold=256k', ...args]);
    return 'done';
  } catch (error) {
    if (!(error instanceof GitExitError)) throw error;
    const said = `${error.stdout}\n${error.stderr}`;
    if (LOST.test(said)) return 'lost';
    if (BROKEN.test(said)) return 'unknown';
    throw explainGitError(`push to the branch '${branch}' of`, remote.name, said, error);
  }
}
