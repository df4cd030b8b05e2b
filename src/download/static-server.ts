import { createReadStream, type Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

export interface Served {
  /** `http://127.0.0.1:<port>/` */
  readonly url: string;
  close(): Promise<void>;
}

type Asked = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Serves a folder on the loopback interface as a mirror does: files with ranges, ETag and
 * Last-Modified, folders with an autoindex page in nginx's form.
 */
export async function serveFolder(root: string): Promise<Served> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://h').pathname));
    answer(join(root, path), path, request.headers, response).catch(() => {
      if (response.headersSent) response.destroy();
      else response.writeHead(404).end('404 Not Found\n');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  file: string,
  path: string,
  asked: Asked,
  response: ServerResponse,
): Promise<void> {
  const found = await stat(file);
  if (!found.isDirectory()) return answerFile(file, found, asked, response);
  if (!path.endsWith('/')) {
    response.writeHead(301, { location: `${path}/` }).end();
    return;
  }
  const entries = await readdir(file, { withFileTypes: true });
  response.writeHead(200, { 'content-type': 'text/html' }).end(indexPage(path, entries));
}

function answerFile(file: string, found: Stats, asked: Asked, response: ServerResponse): void {
  const { size, mtime, mtimeMs } = found;
  const headers = {
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    etag: `"${Math.floor(mtimeMs / 1000).toString(16)}-${size.toString(16)}"`,
    'last-modified': mtime.toUTCString(),
  };
  if (asked['if-none-match'] === headers.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(String(asked.range ?? ''));
  const start = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
  if (range && start > end) {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'content-length': end - start + 1,
    ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}),
  });
  if (size === 0) response.end();
  // Pieces of a MiB cost a third less than those of 64 KiB that it reads unless told.
  else
    createReadStream(file, { start, end, highWaterMark: 1024 * 1024 })
      .on('error', () => response.destroy())
      .pipe(response);
}

function indexPage(
  path: string,
  entries: readonly { name: string; isDirectory(): boolean }[],
): string {
  const links = entries
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort()
    .map((name) => `<a href="${encodeURI(name)}">${name}</a>\n`);
  const title = `Index of ${path}`;
  const body = `<h1>${title}</h1><hr><pre><a href="../">../</a>\n${links.join('')}</pre><hr>`;
  return `<html>\n<head><title>${title}</title></head>\n<body>\n${body}</body>\n</html>\n`;
}
