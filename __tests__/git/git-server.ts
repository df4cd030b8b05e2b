import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export type Access = 'read' | 'write';

/** How the server misbehaves; changed by a test while it runs. */
export interface Weather {
  /** Called with each request: git is running then, and can be looked at. */
  onRequest?: () => void;
  /** Called before a push is handed to git: another run can slip in here. */
  beforePush?: () => void | Promise<void>;
  /** Cuts the next so many pushes after that many bytes of their packs have come. */
  cutPushes: number;
  cutAfter: number;
  /** Drops the connection after git has taken the push, before its answer goes out. */
  loseAnswers: number;
  /** Answers everything with this status. */
  status?: number;
  /** Finds a repository elsewhere below the root than its URL says. */
  rewrite?: (path: string) => string;
  /** Sends those who ask for this path prefix to another server. */
  redirect?: (url: string) => string | undefined;
}

export interface GitServer {
  readonly origin: string;
  /** The URL of a repository below the root. */
  url(name: string): string;
  readonly weather: Weather;
  /** Bytes of bodies since the last `reset`, as they went over the wire. */
  readonly wire: { received: number; sent: number; pushes: number; requests: string[] };
  reset(): void;
  close(): Promise<void>;
}

export interface GitServerOptions {
  /** Password -> what it may do. Without any, everything is allowed. */
  readonly users?: Readonly<Record<string, Access>>;
  /** Whether reading needs a password too. */
  readonly closed?: boolean;
  /** Key and certificate of an https server. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer };
  /** Speaks protocol 0 only, as servers before Git 2.18 do. */
  readonly old?: boolean;
}

/**
 * A real git server: `git http-backend` behind node:http, with Basic auth, as the forges have it.
 * The repositories' own hooks say which branches may be pushed.
 */
export async function startGitServer(
  root: string,
  options: GitServerOptions = {},
): Promise<GitServer> {
  const weather: Weather = { cutPushes: 0, cutAfter: 0, loseAnswers: 0 };
  const wire = { received: 0, sent: 0, pushes: 0, requests: [] as string[] };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    serve(root, options, weather, wire, request, response).catch((error) => {
      response.destroy(error);
    });
  };
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = options.tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  return {
    origin,
    url: (name) => `${origin}/${name}`,
    weather,
    wire,
    reset: () => Object.assign(wire, { received: 0, sent: 0, pushes: 0, requests: [] }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  root: string,
  options: GitServerOptions,
  weather: Weather,
  wire: GitServer['wire'],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = weather.rewrite?.(request.url ?? '/') ?? request.url;
  const url = new URL(path ?? '/', 'http://host');
  wire.requests.push(`${request.method} ${request.url}`);
  weather.onRequest?.();
  const elsewhere = weather.redirect?.(request.url ?? '/');
  if (elsewhere !== undefined) return void response.writeHead(302, { location: elsewhere }).end();
  if (weather.status !== undefined) return void response.writeHead(weather.status).end();
  const writes = url.search.includes('git-receive-pack') || url.pathname.endsWith('receive-pack');
  const may = access(options, request.headers.authorization);
  if (may === undefined && (writes || options.closed || request.headers.authorization)) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    return;
  }
  if (writes && may === 'read') return void response.writeHead(403).end('denied');

  const pushes = request.method === 'POST' && writes;
  if (pushes) {
    wire.pushes += 1;
    await weather.beforePush?.();
    if (weather.cutPushes > 0) {
      weather.cutPushes -= 1;
      return cut(request, weather.cutAfter);
    }
  }
  const git = backend(root, url, options, request, may ?? 'anonymous');
  request.on('data', (chunk: Buffer) => {
    wire.received += chunk.length;
  });
  request.pipe(git.stdin);
  git.stdin.on('error', () => {});
  const output: Buffer[] = [];
  for await (const chunk of git.stdout) output.push(chunk as Buffer);
  if (pushes && weather.loseAnswers > 0) {
    weather.loseAnswers -= 1;
    request.socket.destroy();
    return;
  }
  answer(Buffer.concat(output), response, wire);
}

/** Breaks the connection in the middle of what comes, or at its end where there is less. */
function cut(request: IncomingMessage, after: number): void {
  let came = 0;
  request.on('data', (chunk: Buffer) => {
    came += chunk.length;
    if (came > after) request.socket.destroy();
  });
  request.on('end', () => request.socket.destroy());
}

function access(options: GitServerOptions, header: string | undefined): Access | undefined {
  if (options.users === undefined) return 'write';
  const given = Buffer.from((header ?? '').replace(/^Basic /, ''), 'base64').toString('utf8');
  return options.users[given.slice(given.indexOf(':') + 1)];
}

function backend(
  root: string,
  url: URL,
  options: GitServerOptions,
  request: IncomingMessage,
  user: string,
) {
  const protocol = request.headers['git-protocol'];
  const env = {
    PATH: process.env.PATH,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_CONFIG_NOSYSTEM: '1',
    PATH_INFO: decodeURIComponent(url.pathname),
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: request.method,
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    CONTENT_LENGTH: request.headers['content-length'],
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
    REMOTE_USER: user,
    REMOTE_ADDR: '127.0.0.1',
    ...(protocol && !options.old ? { GIT_PROTOCOL: String(protocol) } : {}),
  };
  return spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
}

/** CGI's header and body (RFC 3875), as http-backend writes them. */
function answer(output: Buffer, response: ServerResponse, wire: GitServer['wire']): void {
  const end = output.indexOf('\r\n\r\n');
  if (end < 0) return void response.destroy();
  const headers = output
    .toString('latin1', 0, end)
    .split('\r\n')
    .map((line) => line.split(/:\s*/, 2) as [string, string]);
  const status = Number(headers.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200);
  const body = output.subarray(end + 4);
  wire.sent += body.length;
  response.writeHead(
    status,
    headers.filter(([name]) => name !== 'Status').flat() as unknown as string[],
  );
  response.end(body);
}
