import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface PullRequest {
  readonly number: number;
  readonly html_url: string;
  title: string;
  body: string;
  readonly head: { readonly ref: string; readonly repo: object };
  readonly base: { readonly ref: string; readonly repo: object };
}

/** The pull requests of one repository, asked for as Gitea's API v1 has it. */
export interface GiteaStandIn {
  /** `--api-url` */
  readonly root: string;
  readonly pulls: readonly PullRequest[];
  close(): Promise<void>;
}

export async function startGitea(token: string): Promise<GiteaStandIn> {
  const pulls: PullRequest[] = [];
  const server = createServer((request, response) => {
    const answer = (status: number, document: unknown) =>
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify(document));
    let text = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      if (request.headers.authorization !== `token ${token}`) return answer(401, { message: 'no' });
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://host');
      const given = text === '' ? {} : JSON.parse(text);
      const [, number] = /\/pulls\/(\d+)$/.exec(pathname) ?? [];
      if (request.method === 'GET')
        return answer(200, searchParams.get('page') === '1' ? pulls : []);
      if (request.method === 'PATCH') {
        const pull = pulls.find((one) => `${one.number}` === number);
        return pull ? answer(201, Object.assign(pull, given)) : answer(404, {});
      }
      const same = pulls.some(({ head }) => head.ref === given.head);
      if (same) return answer(409, { message: 'pull request already exists for these targets' });
      const pull = {
        number: pulls.length + 1,
        title: given.title,
        body: given.body ?? '',
        html_url: `https://forge.test/openeuler/archive/pulls/${pulls.length + 1}`,
        head: { ref: given.head, repo: { id: 1, full_name: 'openeuler/archive' } },
        base: { ref: given.base, repo: { id: 1, full_name: 'openeuler/archive' } },
      };
      pulls.push(pull);
      return answer(201, pull);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    root: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`,
    pulls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
