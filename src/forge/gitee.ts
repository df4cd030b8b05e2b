import * as v from 'valibot';
import { openApi } from './api.ts';
import type { Forge, PullRequest } from './forge.ts';
import { listPulls } from './list.ts';
import { comesFromArchive, pullRequestEnd } from './origin.ts';
import { parseResponse } from './parse-response.ts';
import type { ForgeRepository } from './repository.ts';

const pull = v.object({
  number: v.number(),
  html_url: v.string(),
  title: v.string(),
  body: v.nullish(v.string(), ''),
  head: v.optional(pullRequestEnd, {}),
  base: v.optional(pullRequestEnd, {}),
});

/**
 * Gitee, API v5: https://gitee.com/api/v5/swagger. The token goes into the header, and, as its
 * description wants it, into the body where there is one; never into a URL, which proxies log.
 */
export function gitee(place: ForgeRepository): Forge {
  const { owner, repository, token } = place;
  const api = openApi({
    ...place,
    title: 'Gitee',
    headers: { authorization: `Bearer ${token}` },
    permission: "the right 'pull_requests', and membership as a developer of the repository",
  });
  const pulls = `/repos/${owner}/${repository}/pulls`;
  return {
    name: 'gitee',
    longestBody: 60_000,
    // It filters by the branch's name alone, so forks' branches of that name are among the answers.
    find: async (head, base) => {
      const query = {
        state: 'open',
        head,
        base,
        sort: 'created',
        direction: 'asc',
        per_page: `${PAGE}`,
      };
      const found = await listPulls(api, 'Gitee', pulls, query, pull, (entries) => entries < PAGE);
      return found
        .filter((one) => one.head.ref === head && one.base.ref === base)
        .filter((one) => comesFromArchive('Gitee', place, one.number, one.head, one.base))
        .map(toPullRequest);
    },
    create: async (head, base, text) => {
      const body = { access_token: token, ...text, head, base };
      const made = await api.call('open a pull request', 'POST', pulls, body);
      return toPullRequest(parseResponse('Gitee', pull, made));
    },
    update: async ({ number }, text) => {
      const body = { access_token: token, ...text };
      const changed = await api.call(
        'update the pull request',
        'PATCH',
        `${pulls}/${number}`,
        body,
      );
      return toPullRequest(parseResponse('Gitee', pull, changed));
    },
  };
}

const PAGE = 100;

function toPullRequest({ number, html_url, title, body }: v.InferOutput<typeof pull>): PullRequest {
  return { number, url: html_url, title, body: body ?? '' };
}
