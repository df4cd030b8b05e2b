import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

export interface HostSettings {
  /** Whether it answers a range with a range, as most hosts do. */
  ranges: boolean;
  /** Status of the answer for paths that match, in place of the file. */
  failing: { readonly path: RegExp; readonly status: number } | undefined;
}

/** A static host of files, without compression. */
export interface StaticHost {
  readonly url: string;
  readonly settings: HostSettings;
  /** Bytes of bodies that were sent, and the paths that were asked for, since `reset`. */
  readonly sent: { bytes: number; paths: string[] };
  reset(): void;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

export async function startStaticHost(root: string): Promise<StaticHost> {
  const settings: HostSettings = { ranges: true, failing: undefined };
  const sent = { bytes: 0, paths: [] as string[] };
  const server = createServer((request, response) => {
    answer(root, settings, request, response, sent).catch(() => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    settings,
    sent,
    reset: () => {
      sent.bytes = 0;
      sent.paths = [];
      settings.ranges = true;
      settings.failing = undefined;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  root: string,
  { ranges, failing }: HostSettings,
  request: IncomingMessage,
  response: ServerResponse,
  sent: { bytes: number; paths: string[] },
): Promise<void> {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://h').pathname));
  sent.paths.push(path);
  if (failing?.path.test(path)) {
    response.writeHead(failing.status).end();
    return;
  }
  const name = path === '/' ? '/index.html' : path;
  const file = await readFile(join(root, name));
  const range = ranges ? /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') : null;
  const [first, last] = range
    ? [Number(range[1]), Math.min(Number(range[2]), file.length - 1)]
    : [];
  const body = first === undefined || last === undefined ? file : file.subarray(first, last + 1);
  sent.bytes += body.length;
  response
    .writeHead(range ? 206 : 200, {
      'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
      'content-length': body.length,
      'cache-control': 'no-store',
      ...(range ? { 'content-range': `bytes ${first}-${last}/${file.length}` } : {}),
    })
    .end(body);
}
