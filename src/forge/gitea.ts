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

/** Gitea and Forgejo, API v1: `<host>/api/swagger`. It filters by no branch: all that are open are read. */
export function gitea(place: ForgeRepository): Forge {
  const api = openApi({
    ...place,
    title: 'Gitea',
    headers: { authorization: `token ${place.token}` },
    permission: "the scope 'write:repository', and the right to write to the repository",
  });
  const pulls = `/repos/${place.owner}/${place.repository}/pulls`;
  return {
    name: 'gitea',
    longestBody: 60_000,
    // A server may give shorter pages than it was asked for: an empty one is the end.
    find: async (head, base) => {
      const query = { state: 'open', limit: `${PAGE}` };
      const found = await listPulls(api, 'Gitea', pulls, query, pull, (entries) => entries === 0);
      return found
        .filter((one) => one.head.ref === head && one.base.ref === base)
        .filter((one) => comesFromArchive('Gitea', place, one.number, one.head, one.base))
        .map(toPullRequest)
        .sort((a, b) => a.number - b.number);
    },
    create: async (head, base, text) => {
      const made = await api.call('open a pull request', 'POST', pulls, { ...text, head, base });
      return toPullRequest(parseResponse('Gitea', pull, made));
    },
    update: async ({ number }, text) => {
      const path = `${pulls}/${number}`;
      const changed = await api.call('update the pull request', 'PATCH', path, text);
      return toPullRequest(parseResponse('Gitea', pull, changed));
    },
  };
}

const PAGE = 50;

function toPullRequest({ number, html_url, title, body }: v.InferOutput<typeof pull>): PullRequest {
  return { number, url: html_url, title, body: body ?? '' };
}
