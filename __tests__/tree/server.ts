import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface TreeServer extends AsyncDisposable {
  readonly url: string;
  /** `<status> <path>` of every answer so far; cleared by the test. */
  readonly answers: string[];
}

type Fault = (path: string, request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Serves a folder as nginx with autoindex does: pages of folders whose link text is cut, ETags and
 * Last-Modified with 304 for what did not change (pages of folders included, which nginx has not).
 * `fault` may answer instead, and then says so by true.
 */
export async function serveTree(root: string, fault: Fault = () => false): Promise<TreeServer> {
  const answers: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/');
    response.on('close', () => answers.push(`${response.statusCode} ${path}`));
    if (!fault(path, request, response)) answer(root, path, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    answers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(root: string, path: string, request: IncomingMessage, response: ServerResponse) {
  let body: Buffer;
  const file = join(root, path);
  try {
    const stat = statSync(file);
    if (stat.isDirectory() && !path.endsWith('/')) {
      return response.writeHead(301, { location: `${path}/` }).end();
    }
    body = stat.isDirectory()
      ? Buffer.from(autoindex(path, readdirSync(file, { withFileTypes: true })))
      : readFileSync(file);
  } catch {
    return response.writeHead(404).end('<html>404</html>');
  }
  const etag = `"${createHash('sha1').update(body).digest('hex')}"`;
  if (request.headers['if-none-match'] === etag) return response.writeHead(304, { etag }).end();
  return response
    .writeHead(200, {
      etag,
      'last-modified': 'Mon, 02 Nov 2026 00:00:00 GMT',
      'content-length': body.length,
    })
    .end(body);
}

/** The page of a folder as ngx_http_autoindex_module writes it. */
export function autoindex(
  path: string,
  entries: readonly { readonly name: string; isDirectory(): boolean }[],
): string {
  const lines = entries.map((entry) => {
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name;
    const shown = name.length > 50 ? `${name.slice(0, 47)}..&gt;` : name;
    const href = name.split('/').map(encodeURIComponent).join('/');
    return `<a href="${href}">${shown}</a> 02-Nov-2026 00:00 -\r\n`;
  });
  return `<html>\r\n<head><title>Index of ${path}</title></head>\r\n<body>\r\n<h1>Index of ${path}</h1><hr><pre><a href="../">../</a>\r\n${lines.join('')}</pre><hr></body>\r\n</html>\r\n`;
}
