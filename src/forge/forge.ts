import { Failure } from '../failure.ts';
import type { Branch } from '../names.ts';

/** A pull request that is open. */
export interface PullRequest {
  readonly number: number;
  /** The page for people. */
  readonly url: string;
  readonly title: string;
  readonly body: string;
}

export interface PullRequestText {
  readonly title: string;
  readonly body: string;
}

/** What a forge can do for us; one file each says how. Every method throws Failure `forge`. */
export interface Forge {
  readonly name: ForgeName;
  /** How many characters the body of a pull request may have. */
  readonly longestBody: number;
  /** The open pull requests from one branch to the other, the oldest first. */
  find(head: Branch, base: Branch): Promise<PullRequest[]>;
  create(head: Branch, base: Branch, text: PullRequestText): Promise<PullRequest>;
  update(pullRequest: PullRequest, text: PullRequestText): Promise<PullRequest>;
}

export const FORGES = ['gitee', 'atomgit', 'github', 'gitea'] as const;
export type ForgeName = (typeof FORGES)[number];

/** How often a creation whose answer got lost is tried. */
const ROUNDS = 3;

export interface PullRequestResult {
  readonly pullRequest: PullRequest;
  readonly action: 'created' | 'updated' | 'unchanged';
}

/**
 * Sees to it that there is one open pull request from `head` to `base` that says `text`: the oldest is
 * brought up to date, and where there is none one is opened. When another run opens one at the same
 * time, the forge refuses ours, and that one is taken.
 */
export async function ensurePullRequest(
  forge: Forge,
  head: Branch,
  base: Branch,
  text: PullRequestText,
): Promise<PullRequestResult> {
  const adopt = async (found: PullRequest): Promise<PullRequestResult> => {
    // Forges store line ends and the last of them in ways of their own.
    const plain = (body: string) => body.replace(/\r\n/g, '\n').trim();
    const same = found.title === text.title && plain(found.body) === plain(text.body);
    if (same) return { pullRequest: found, action: 'unchanged' };
    return { pullRequest: await forge.update(found, text), action: 'updated' };
  };
  for (let round = 1; ; round += 1) {
    const [known] = await forge.find(head, base);
    if (known !== undefined) return adopt(known);
    try {
      return { pullRequest: await forge.create(head, base, text), action: 'created' };
    } catch (error) {
      // Refused because another run was faster, or cut off after it was made: then it is there now.
      const [other] = await forge.find(head, base).catch(() => []);
      if (other !== undefined) return adopt(other);
      const broken = error instanceof Failure && error.reason === 'network';
      if (!broken || round === ROUNDS) throw error;
    }
  }
}
