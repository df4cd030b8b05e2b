import { randomBytes } from 'node:crypto';

/** A real Gitea or Forgejo, by API v1 (`<host>/api/swagger`), with an administrator's token. */

export interface PullRequest {
  readonly number: number;
  readonly state: 'open' | 'closed';
  readonly merged: boolean;
  readonly title: string;
  readonly body: string;
  readonly html_url: string;
  readonly head: { readonly ref: string; readonly repo: { readonly full_name: string } | null };
  readonly base: { readonly ref: string };
}

type Json = Readonly<Record<string, unknown>>;

/** One answer: its status, and its document where it is JSON. */
interface Answer {
  readonly status: number;
  readonly text: string;
}

/** `http://127.0.0.1:3000`, without a slash at the end. jest.forge.config.mjs sees to it that both variables are set. */
export function forgeUrl(): string {
  return (process.env.BTFHUB_TEST_FORGE_URL ?? '').replace(/\/+$/, '');
}

async function send(authorization: string, method: string, path: string, body?: Json) {
  const response = await fetch(`${forgeUrl()}/api/v1${path}`, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() } satisfies Answer;
}

/** Asks and reads the document. Throws when the forge refuses. */
async function call<Document>(authorization: string, method: string, path: string, body?: Json) {
  const { status, text } = await send(authorization, method, path, body);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as Document;
}

const administrator = () => `token ${process.env.BTFHUB_TEST_FORGE_TOKEN}`;

/** A user that the test makes, and removes in the end with everything that the user owns. */
export interface User {
  readonly name: string;
  readonly password: string;
  /** A new token of this user. `write:repository` is all that publish needs. */
  token(scope?: string): Promise<{ readonly secret: string; revoke(): Promise<void> }>;
  call<Document>(method: string, path: string, body?: Json): Promise<Document>;
  /** What a path of the API answers, where that is no JSON. */
  text(path: string): Promise<string>;
  remove(): Promise<void>;
}

export async function createUser(): Promise<User> {
  const name = `btfhub-test-${randomBytes(6).toString('hex')}`;
  const password = randomBytes(18).toString('base64url');
  await call(administrator(), 'POST', '/admin/users', {
    username: name,
    email: `${name}@example.org`,
    password,
    must_change_password: false,
  });
  const basic = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  return {
    name,
    password,
    token: async (scope = 'write:repository') => {
      const title = randomBytes(4).toString('hex');
      const path = `/users/${name}/tokens`;
      const body = { name: title, scopes: [scope] };
      const { sha1 } = await call<{ sha1: string }>(basic, 'POST', path, body);
      return {
        secret: sha1,
        revoke: () => call<void>(basic, 'DELETE', `${path}/${title}`),
      };
    },
    call: (method, path, body) => call(basic, method, path, body),
    text: async (path) => (await send(basic, 'GET', path)).text,
    remove: () => call<void>(administrator(), 'DELETE', `/admin/users/${name}?purge=true`),
  };
}

/** A repository of a user, with a README on `master`, which is protected against pushes unless a test says otherwise. */
export interface Repository {
  readonly owner: User;
  name: string;
  /** The git URL. */
  url(): string;
  /** The HTTP root of the files of a branch. */
  raw(branch: string): string;
  /** All pull requests, the oldest first. */
  pulls(): Promise<readonly PullRequest[]>;
  open(): Promise<readonly PullRequest[]>;
  comment(number: number, text: string): Promise<void>;
  comments(number: number): Promise<readonly { readonly body: string }[]>;
  edit(number: number, change: Json): Promise<void>;
  merge(number: number, way: 'merge' | 'squash' | 'rebase'): Promise<void>;
  /** Paths of all files of a branch. */
  files(branch: string): Promise<readonly string[]>;
  read(branch: string, path: string): Promise<string>;
  /** The commit of a branch; undefined where there is no such branch. */
  head(branch: string): Promise<string | undefined>;
  write(branch: string, path: string, text: string): Promise<void>;
  /** Makes a branch where another one is. */
  branch(name: string, from: string): Promise<void>;
  deleteBranch(branch: string): Promise<void>;
  rename(name: string): Promise<void>;
}

export async function createRepository(
  owner: User,
  options: { readonly private?: boolean; readonly protect?: boolean } = {},
): Promise<Repository> {
  const repository = repositoryOf(owner, `archive-${randomBytes(4).toString('hex')}`);
  await owner.call('POST', '/user/repos', {
    name: repository.name,
    private: options.private ?? false,
    auto_init: true,
    readme: 'Default',
    default_branch: 'master',
  });
  if (options.protect === false) return repository;
  await owner.call('POST', `/repos/${owner.name}/${repository.name}/branch_protections`, {
    rule_name: 'master',
    enable_push: false,
  });
  return repository;
}

export function repositoryOf(owner: User, name: string): Repository {
  const repository: Repository = {
    owner,
    name,
    url: () => `${forgeUrl()}/${owner.name}/${repository.name}.git`,
    raw: (branch) => `${forgeUrl()}/${owner.name}/${repository.name}/raw/branch/${branch}`,
    pulls: async () => {
      const found = await owner.call<PullRequest[]>('GET', api('/pulls?state=all&limit=50'));
      return found.toSorted((a, b) => a.number - b.number);
    },
    open: async () => (await repository.pulls()).filter(({ state }) => state === 'open'),
    comment: (number, body) => owner.call('POST', api(`/issues/${number}/comments`), { body }),
    comments: (number) => owner.call('GET', api(`/issues/${number}/comments`)),
    edit: (number, change) => owner.call('PATCH', api(`/pulls/${number}`), change),
    merge: (number, way) => untilMergeable(() => mergeOnce(number, way)),
    files: async (branch) => {
      const path = api(`/git/trees/${branch}?recursive=true&per_page=10000`);
      const { tree } = await owner.call<{ tree: { path: string; type: string }[] }>('GET', path);
      return tree.filter(({ type }) => type === 'blob').map((one) => one.path);
    },
    read: async (branch, path) => {
      const file = await owner.call<{ content: string }>(
        'GET',
        api(`/contents/${path}?ref=${branch}`),
      );
      return Buffer.from(file.content, 'base64').toString('utf8');
    },
    head: async (branch) => {
      const all = await owner.call<{ name: string; commit: { id: string } }[]>(
        'GET',
        api('/branches?limit=50'),
      );
      return all.find((one) => one.name === branch)?.commit.id;
    },
    write: (branch, path, text) =>
      owner.call('POST', api(`/contents/${path}`), {
        branch,
        content: Buffer.from(text).toString('base64'),
        message: `Add ${path}`,
      }),
    branch: (name, from) =>
      owner.call('POST', api('/branches'), { new_branch_name: name, old_branch_name: from }),
    deleteBranch: (branch) => owner.call('DELETE', api(`/branches/${branch}`)),
    rename: async (newName) => {
      await owner.call('PATCH', api(''), { name: newName });
      repository.name = newName;
    },
  };
  const api = (path: string) => `/repos/${owner.name}/${repository.name}${path}`;
  const mergeOnce = async (number: number, way: string) => {
    const body = { Do: way, force_merge: true };
    await owner.call('POST', api(`/pulls/${number}/merge`), body);
  };
  return repository;
}

/** Gitea computes in the background whether a pull request can be merged, and answers 405 until it knows. */
async function untilMergeable(merge: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await merge();
    } catch (error) {
      if (attempt === 200 || !/: (405|409) /.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
