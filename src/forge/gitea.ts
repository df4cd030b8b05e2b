import * as v from 'valibot';
import { openApi } from './api.ts';
import type { Forge, PullRequest } from './forge.ts';
import { parseResponse } from './parse-response.ts';
import type { ForgeRepository } from './repository.ts';

const pull = v.object({
  number: v.number(),
  html_url: v.string(),
  title: v.string(),
  body: v.nullish(v.string(), ''),
  head: v.object({ ref: v.string() }),
  base: v.object({ ref: v.string() }),
});

/** Gitea and Forgejo, API v1: `<host>/api/swagger`. Several pages of open pull requests are read. */
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
    find: async (head, base) => {
      const found: PullRequest[] = [];
      for (let page = 1; page <= MOST_PAGES; page += 1) {
        const query = new URLSearchParams({ state: 'open', page: `${page}`, limit: `${PAGE}` });
        const answer = await api.call('list pull requests', 'GET', `${pulls}?${query}`);
        const some = parseResponse('Gitea', v.array(pull), answer);
        const ours = some.filter((one) => one.head.ref === head && one.base.ref === base);
        found.push(...ours.map(toPullRequest));
        // A server may give shorter pages than it was asked for.
        if (some.length === 0) break;
      }
      return found.sort((a, b) => a.number - b.number);
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
const MOST_PAGES = 100;

function toPullRequest({ number, html_url, title, body }: v.InferOutput<typeof pull>): PullRequest {
  return { number, url: html_url, title, body: body ?? '' };
}
