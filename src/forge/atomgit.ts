import * as v from 'valibot';
import { openApi } from './api.ts';
import type { Forge, PullRequest, PullRequestText } from './forge.ts';
import { parseResponse } from './parse-response.ts';
import type { ForgeRepository } from './repository.ts';

const branch = v.optional(v.object({ ref: v.optional(v.string()) }));

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
  head: branch,
  base: branch,
});
type Pull = v.InferOutput<typeof pull>;

const PAGE = 100;
const MOST_PAGES = 100;

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
      const found: PullRequest[] = [];
      for (let page = 1; page <= MOST_PAGES; page += 1) {
        const query = new URLSearchParams({
          ...{ state: 'open', base, page: `${page}`, per_page: `${PAGE}` },
        });
        const answer = await api.call('list pull requests', 'GET', `${pulls}?${query}`);
        const some = parseResponse('AtomGit', v.array(pull), answer);
        const ours = some.filter(
          (one) =>
            (one.source_branch ?? one.head?.ref) === head &&
            (one.target_branch ?? one.base?.ref) === base,
        );
        found.push(...ours.map((one) => toPullRequest(one)));
        if (some.length < PAGE) break;
      }
      return found.sort((a, b) => a.number - b.number);
    },
    create: async (head, base, text) => {
      const made = await api.call('open a pull request', 'POST', pulls, { ...text, head, base });
      // The answer may leave out what we know.
      return { ...toPullRequest(parseResponse('AtomGit', pull, made)), ...text };
    },
    update: async (pullRequest: PullRequest, text: PullRequestText) => {
      // The answer tells neither number nor page.
      await api.call('update the pull request', 'PATCH', `${pulls}/${pullRequest.number}`, text);
      return { ...pullRequest, ...text };
    },
  };
}

function toPullRequest(one: Pull): PullRequest {
  const number = parseResponse('AtomGit', v.number(), one.number ?? one.iid);
  const url = parseResponse('AtomGit', v.string(), one.html_url ?? one.web_url);
  return { number, url, title: one.title ?? '', body: one.body ?? one.description ?? '' };
}
