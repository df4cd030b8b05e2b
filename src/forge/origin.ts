import * as v from 'valibot';
import { Failure } from '../failure.ts';
import type { ForgeRepository } from './repository.ts';

/** One end of a pull request, as GitHub, Gitee and Gitea answer it, and AtomGit in lists. */
export const pullRequestEnd = v.object({
  ref: v.optional(v.string()),
  /** `null`: the fork is deleted. */
  repo: v.nullish(
    v.object({
      id: v.optional(v.union([v.number(), v.string()])),
      full_name: v.optional(v.string()),
    }),
  ),
});

export type PullRequestEnd = v.InferOutput<typeof pullRequestEnd>;

/**
 * Whether a pull request from a branch of ours to a branch of ours comes from the archive itself. A
 * fork may have a branch of the same name, whose commits are not the ones that were checked.
 *
 * @param title what people call the forge
 * @throws Failure `forge` when the answer does not say where the pull request comes from
 */
export function comesFromArchive(
  title: string,
  { owner, repository }: Pick<ForgeRepository, 'owner' | 'repository'>,
  number: number,
  head: PullRequestEnd | undefined,
  base: PullRequestEnd | undefined,
): boolean {
  if (head?.repo === null) return false;
  const from = head?.repo;
  const to = base?.repo;
  if (from?.id !== undefined && to?.id !== undefined) return `${from.id}` === `${to.id}`;
  const archive = to?.full_name ?? decodeURIComponent(`${owner}/${repository}`);
  if (from?.full_name !== undefined) return from.full_name.toLowerCase() === archive.toLowerCase();
  throw new Failure(
    'forge',
    `${title} does not say whether pull request ${number} comes from the archive or from a fork.`,
    'Close that pull request if it is not yours; or give --no-pull-request, and open one by hand.',
  );
}
