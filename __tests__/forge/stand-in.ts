import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import type { ForgeName } from '../../src/forge/forge.ts';
import { description } from './descriptions.ts';

/** A pull request as the stand-in keeps it. */
export interface Kept {
  number: number;
  title: string;
  body: string;
  head: string;
  base: string;
  open: boolean;
  /** The repository of `head`: the archive where it is left out, `null` for a fork that is deleted. */
  from?: string | null;
  /** Leaves out where it comes from, as no description of a forge says. */
  unsaid?: boolean;
}

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, string>;
}

export interface StandIn {
  /** The root of its API. */
  readonly root: string;
  readonly origin: string;
  readonly pulls: Kept[];
  readonly asked: Asked[];
  /** What broke the published description. */
  readonly violations: string[];
  /** Answers before anything else does; undefined lets the request through. */
  intercept?: (asked: Asked) => Reply | 'drop' | 'do-and-drop' | undefined;
  /** Answers every request with this body, as fast as it is read. */
  stream?: () => AsyncIterable<Buffer>;
  close(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const ROOTS = { github: '', gitee: '/api/v5', atomgit: '/api/v5', gitea: '/api/v1' };
export const BRANCHES = ['master', 'next'];

/** A forge with one repository, `owner/archive`, that behaves as the real one is known to. */
export async function startForge(forge: ForgeName, token: string): Promise<StandIn> {
  const validator = validatorOf(forge);
  const state: StandIn = {
    root: '',
    origin: '',
    pulls: [],
    asked: [],
    violations: [],
    close: async () => {},
  };
  const server = createServer((request, response) => void serve(request, response));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const content = await text(request);
    const { method = '', url = '', headers } = request;
    const asked: Asked = { method, url, headers, body: content === '' ? {} : JSON.parse(content) };
    state.asked.push(asked);
    const path = url.slice(ROOTS[forge].length);
    const [pathname = '', query = ''] = path.split('?');
    const complaint = await validator?.check({
      method,
      path: pathname,
      query,
      headers,
      ...(content === '' ? {} : { body: asked.body }),
    });
    if (complaint !== undefined) state.violations.push(`${method} ${url}: ${complaint}`);
    if (state.stream !== undefined) {
      response.writeHead(200, { 'content-type': 'application/json' });
      return pipeline(state.stream(), response).catch(() => {});
    }
    const early = state.intercept?.(asked);
    if (early === 'drop') return void request.socket.destroy();
    const reply =
      typeof early === 'object' ? early : answer(forge, state, token, asked, pathname, query);
    if (early === 'do-and-drop') return void request.socket.destroy();
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(state, {
    origin,
    root: `${origin}${ROOTS[forge]}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

type Validator = ReturnType<typeof startValidator>;
const validators = new Map<ForgeName, Validator | undefined>();
afterAll(() => Promise.all([...validators.values()].map((one) => one?.close())));

/** One thread a forge and test file: starting one takes a second. */
function validatorOf(forge: ForgeName): Validator | undefined {
  if (!validators.has(forge)) {
    const definition = description(forge);
    validators.set(forge, definition && startValidator(definition));
  }
  return validators.get(forge);
}

function startValidator(definition: object) {
  const worker = new Worker(join(import.meta.dirname, 'validator.mjs'), { workerData: definition });
  const waiting: ((complaint: string | undefined) => void)[] = [];
  worker.on('message', ({ id, complaint }) => waiting[id]?.(complaint));
  return {
    /** What is wrong with a request by the description; undefined when nothing is. */
    check: (request: object): Promise<string | undefined> =>
      new Promise((resolve) => {
        worker.postMessage({ id: waiting.push(resolve) - 1, request });
      }),
    close: () => worker.terminate(),
  };
}

function answer(
  forge: ForgeName,
  state: StandIn,
  token: string,
  asked: Asked,
  path: string,
  search: string,
): Reply {
  const scheme = forge === 'gitea' ? 'token' : 'Bearer';
  if (asked.headers.authorization !== `${scheme} ${token}`)
    return refusal(forge, 401, 'Unauthorized');
  const query = new URLSearchParams(search);
  const [, number] = /^\/repos\/owner\/archive\/pulls(?:\/(\d+))?$/.exec(path) ?? [path, 'none'];
  if (number === 'none') return refusal(forge, 404, 'Not Found');
  if (asked.method === 'GET') return { status: 200, body: listed(forge, state, query) };
  if (asked.method === 'POST') return created(forge, state, asked.body);
  const known = state.pulls.find((one) => one.number === Number(number));
  if (!known) return refusal(forge, 404, 'Not Found');
  Object.assign(known, { title: asked.body.title, body: asked.body.body });
  const brief = { body: known.body, state: 'open', created_at: '', updated_at: '' };
  return { status: 200, body: forge === 'atomgit' ? brief : shown(forge, state, known) };
}

function listed(forge: ForgeName, state: StandIn, query: URLSearchParams): unknown[] {
  const head = query.get('head');
  const filtered = state.pulls.filter((one) => {
    const isOpen =
      one.open || (query.get('state') ?? (forge === 'atomgit' ? 'all' : 'open')) === 'all';
    const isHead =
      forge === 'github'
        ? head === `${(one.from ?? 'owner/archive').split('/')[0]}:${one.head}`
        : forge !== 'gitee' || head === one.head;
    const base = forge === 'gitea' ? null : query.get('base');
    return isOpen && isHead && (base === null || base === one.base);
  });
  const size = Number(query.get('per_page') ?? query.get('limit') ?? 30);
  const page = Number(query.get('page') ?? 1);
  const some = filtered.slice((page - 1) * size, page * size);
  return some.map((one) => shown(forge, state, one));
}

function created(forge: ForgeName, state: StandIn, body: Record<string, string>): Reply {
  const { title = '', head = '', base = '' } = body;
  if (!BRANCHES.includes(head) || !BRANCHES.includes(base)) {
    return refusal(forge, forge === 'gitea' ? 404 : 422, 'No such branch');
  }
  const isSame = (one: Kept) =>
    one.open && one.from === undefined && one.head === head && one.base === base;
  if (state.pulls.some(isSame)) {
    const status = { github: 422, gitea: 409, gitee: 400, atomgit: 409 }[forge];
    return refusal(forge, status, 'A pull request already exists for owner:next.');
  }
  const made = {
    number: state.pulls.length + 1,
    title,
    body: body.body ?? '',
    head,
    base,
    open: true,
  };
  state.pulls.push(made);
  return { status: forge === 'atomgit' ? 200 : 201, body: shown(forge, state, made) };
}

function shown(forge: ForgeName, { origin }: StandIn, one: Kept): unknown {
  const { number, title, body, head, base } = one;
  const page = `${origin}/owner/archive/pulls/${number}`;
  const ends = one.unsaid ? { head: { ref: head }, base: { ref: base } } : endsOf(one);
  if (forge === 'atomgit') {
    return {
      number,
      web_url: page,
      html_url: page,
      title,
      description: body,
      source_branch: head,
      target_branch: base,
      ...ends,
    };
  }
  // Forges keep the lines of the web.
  const stored = forge === 'github' ? body.replaceAll('\n', '\r\n') : body;
  return { number, html_url: page, title, body: stored, ...ends };
}

/** Both ends as all four forges answer them: the branch and its repository. */
function endsOf({ head, base, from = 'owner/archive' }: Kept): object {
  const repository = (name: string) => ({ id: name.length, full_name: name });
  return {
    head: { ref: head, repo: from === null ? null : repository(from) },
    base: { ref: base, repo: repository('owner/archive') },
  };
}

function refusal(forge: ForgeName, status: number, message: string): Reply {
  const body =
    forge === 'atomgit'
      ? { error_code: status, error_message: message }
      : forge === 'github' && status === 422
        ? { message: 'Validation Failed', errors: [{ message }] }
        : { message };
  return { status, body };
}
