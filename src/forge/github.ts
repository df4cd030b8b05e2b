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
 * GitHub and GitHub Enterprise Server, REST API of 2022-11-28.
 * https://docs.github.com/rest/pulls/pulls
 */
export function github(place: ForgeRepository): Forge {
  const { owner, repository } = place;
  const api = openApi({
    ...place,
    title: 'GitHub',
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${place.token}`,
      'x-github-api-version': '2022-11-28',
    },
    permission: "the right 'pull requests: write' on the repository",
  });
  const pulls = `/repos/${owner}/${repository}/pulls`;
  return {
    name: 'github',
    longestBody: 65_536,
    // An organization may have a fork of its own archive: the owner's name alone does not tell.
    find: async (head, base) => {
      const query = {
        state: 'open',
        head: `${decodeURIComponent(owner)}:${head}`,
        base,
        sort: 'created',
        direction: 'asc',
        per_page: `${PAGE}`,
      };
      const found = await listPulls(api, 'GitHub', pulls, query, pull, (entries) => entries < PAGE);
      return found
        .filter((one) => one.head.ref === head && one.base.ref === base)
        .filter((one) => comesFromArchive('GitHub', place, one.number, one.head, one.base))
        .map(toPullRequest);
    },
    create: async (head, base, text) => {
      const made = await api.call('open a pull request', 'POST', pulls, { ...text, head, base });
      return toPullRequest(parseResponse('GitHub', pull, made));
    },
    update: async ({ number }, text) => {
      const path = `${pulls}/${number}`;
      const changed = await api.call('update the pull request', 'PATCH', path, text);
      return toPullRequest(parseResponse('GitHub', pull, changed));
    },
  };
}

const PAGE = 100;

function toPullRequest({ number, html_url, title, body }: v.InferOutput<typeof pull>): PullRequest {
  return { number, url: html_url, title, body: body ?? '' };
}
