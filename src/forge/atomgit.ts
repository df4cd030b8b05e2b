import * as v from 'valibot';
import { openApi } from './api.ts';
import type { Forge, PullRequest, PullRequestText } from './forge.ts';
import { listPulls } from './list.ts';
import { comesFromArchive, type PullRequestEnd, pullRequestEnd } from './origin.ts';
import { parseResponse } from './parse-response.ts';
import type { ForgeRepository } from './repository.ts';

/** Some answers are as GitHub's (`head.ref`, `body`), some as GitLab's (`source_branch`, `description`). */
const pull = v.object({
  number: v.optional(v.number()),
  iid: v.optional(v.number()),
  html_url: v.optional(v.string()),
  web_url: v.optional(v.string()),
  title: v.nullish(v.string()),
  body: v.nullish(v.string()),
  description: v.nullish(v.string()),
  source_branch: v.nullish(v.string()),
  target_branch: v.nullish(v.string()),
  head: v.nullish(pullRequestEnd),
  base: v.nullish(pullRequestEnd),
  source_project_id: v.nullish(v.number()),
  target_project_id: v.nullish(v.number()),
  project_id: v.nullish(v.number()),
});
type Pull = v.InferOutput<typeof pull>;

const PAGE = 100;

/** AtomGit and GitCode, which are one service, API v5: https://docs.atomgit.com/docs/apis. */
export function atomgit(place: ForgeRepository): Forge {
  const { owner, repository, token } = place;
  const api = openApi({
    ...place,
    title: 'AtomGit',
    headers: { authorization: `Bearer ${token}` },
    permission: 'the right to pull requests, and membership as a developer of the repository',
  });
  const pulls = `/repos/${owner}/${repository}/pulls`;
  return {
    name: 'atomgit',
    longestBody: 60_000,
    // There is no filter for the branch it comes from: all that are open to the base are looked at.
    find: async (head, base) => {
      const query = { state: 'open', base, per_page: `${PAGE}` };
      const last = (entries: number) => entries < PAGE;
      const found = await listPulls(api, 'AtomGit', pulls, query, pull, last);
      return found
        .filter(
          (one) =>
            (one.source_branch ?? one.head?.ref) === head &&
            (one.target_branch ?? one.base?.ref) === base,
        )
        .filter((one) => {
          const number = one.number ?? one.iid ?? 0;
          return comesFromArchive('AtomGit', place, number, headOf(one), baseOf(one));
        })
        .map(toPullRequest)
        .sort((a, b) => a.number - b.number);
    },
    create: async (head, base, text) => {
      const made = await api.call('open a pull request', 'POST', pulls, { ...text, head, base });
      // The answer may leave out what we know.
      return { ...toPullRequest(parseResponse('AtomGit', pull, made)), ...text };
    },
    update: async (pullRequest: PullRequest, text: PullRequestText) => {
      // The answer holds neither number nor page.
      await api.call('update the pull request', 'PATCH', `${pulls}/${pullRequest.number}`, text);
      return { ...pullRequest, ...text };
    },
  };
}

/** Where it comes from: `head.repo`, or GitLab's `source_project_id`. */
function headOf({ head, source_project_id: id }: Pull): PullRequestEnd | undefined {
  if (head?.repo !== undefined || id === undefined) return head ?? undefined;
  return { repo: id === null ? null : { id } };
}

function baseOf({ base, target_project_id, project_id }: Pull): PullRequestEnd | undefined {
  const id = target_project_id ?? project_id ?? undefined;
  if (base?.repo !== undefined || id === undefined) return base ?? undefined;
  return { repo: { id } };
}

function toPullRequest(one: Pull): PullRequest {
  const number = parseResponse('AtomGit', v.number(), one.number ?? one.iid);
  const url = parseResponse('AtomGit', v.string(), one.html_url ?? one.web_url);
  return { number, url, title: one.title ?? '', body: one.body ?? one.description ?? '' };
}
