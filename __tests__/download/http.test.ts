import { lookup } from 'node:dns/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { undiciHttp } from '../../src/download/http.ts';
import { describe as messageOf } from '../../src/failure.ts';
import type { Http } from '../../src/platform/http.ts';
import { makeCertificate } from './certificate.ts';
import { readAll } from './conditions.ts';

const open: Server[] = [];
let folder: string;
let tls: { key: Buffer; cert: Buffer };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'btfhub-tls-'));
  tls = makeCertificate(folder);
});

afterAll(() => rmSync(folder, { recursive: true }));

afterEach(async () => {
  for (const server of open) server.closeAllConnections();
  await Promise.all(open.splice(0).map((server) => new Promise((end) => server.close(end))));
});

async function listening(server: Server): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, resolve));
  return (server.address() as AddressInfo).port;
}

const echo = (answer: string) =>
  createServer((asked, response) => response.end(`${answer} ${asked.httpVersion} ${asked.url}`));
const echoTls = () => createTlsServer(tls, (_, response) => response.end('over tls'));

/** A proxy as Squid is one: forwards plain requests, tunnels to TLS ports, refuses to tunnel elsewhere. */
async function proxy(tlsPort: number, password?: string) {
  const seen: string[] = [];
  const mayPass = ({ headers }: IncomingMessage) =>
    password === undefined || headers['proxy-authorization'] === `Basic ${btoa(password)}`;
  const server = createServer((asked, response) => {
    seen.push(`${asked.method} ${asked.url}`);
    if (!mayPass(asked)) return void response.writeHead(407).end();
    const { method, headers } = asked;
    asked.pipe(
      request(asked.url ?? '', { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  server.on('connect', (asked: IncomingMessage, socket) => {
    seen.push(`CONNECT ${asked.url}`);
    const { port } = new URL(`http://${asked.url}`);
    if (Number(port) !== tlsPort || !mayPass(asked)) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const other = connect(tlsPort, 'localhost', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      other.pipe(socket);
      socket.pipe(other);
    });
    other.on('error', () => socket.destroy());
    socket.on('error', () => other.destroy());
  });
  return { port: await listening(server), seen };
}

async function get(http: Http, url: string, headers = {}) {
  const answer = await http.request({ url, headers });
  return { ...answer, text: (await readAll(answer.body)).toString() };
}

describe('a request', () => {
  test('speaks HTTP/1.1 and asks for the bytes as they are', async () => {
    const server = createServer((asked, response) => {
      response.end(`${asked.httpVersion} ${asked.headers['accept-encoding']}`);
    });
    const port = await listening(server);
    expect((await get(undiciHttp({}), `http://localhost:${port}/`)).text).toBe('1.1 identity');
  });

  test('names the program, its version and where it is described', async () => {
    const port = await listening(
      createServer((asked, response) => response.end(`${asked.headers['user-agent']}`)),
    );
    const http = undiciHttp({}, { version: '1.2.3' });
    expect((await get(http, `http://localhost:${port}/`)).text).toBe(
      'btfhub/1.2.3 (+https://github.com/openeuler/btfhub-action)',
    );
  });

  test('keeps its connection for others', async () => {
    const server = echo('here');
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    const port = await listening(server);
    const http = undiciHttp({});
    for (let nth = 0; nth < 5; nth++) await get(http, `http://localhost:${port}/${nth}`);
    expect(connections).toBeLessThan(5);
  });

  test('follows redirects, and says where the answer came from', async () => {
    const there = await listening(echo('there'));
    const here = await listening(
      createServer((_, response) => {
        response.writeHead(302, { location: `http://localhost:${there}/b` }).end();
      }),
    );
    const answer = await get(undiciHttp({}), `http://localhost:${here}/a`);
    expect([answer.text, answer.url]).toEqual(['there 1.1 /b', `http://localhost:${there}/b`]);
  });

  test('takes no secrets along to another host', async () => {
    const there = await listening(
      createServer((asked, response) => response.end(`${asked.headers.authorization}`)),
    );
    const here = await listening(
      createServer((_, response) => {
        response.writeHead(302, { location: `http://127.0.0.1:${there}/` }).end();
      }),
    );
    const headers = { authorization: 'Bearer secret' };
    const answer = await get(undiciHttp({}), `http://localhost:${here}/`, headers);
    expect(answer.text).toBe('undefined');
  });

  test('that goes round in circles ends', async () => {
    const port = await listening(
      createServer((asked, response) => {
        response.writeHead(302, { location: `${asked.url}x` }).end();
      }),
    );
    expect((await get(undiciHttp({}), `http://localhost:${port}/`)).status).toBe(302);
  });
});

describe('a redirect', () => {
  const to = (location: string) =>
    createTlsServer(tls, (_, response) => void response.writeHead(302, { location }).end());

  test('from https to http is refused, and the other server is not asked', async () => {
    let asked = 0;
    const there = await listening(
      createServer((_, response) => {
        asked += 1;
        response.end('plain');
      }),
    );
    const here = await listening(to(`http://localhost:${there}/`));
    const http = undiciHttp({}, { ca: tls.cert });
    const refused = await get(http, `https://localhost:${here}/`).catch(messageOf);
    expect(refused).toContain(
      `redirects from https to http://localhost:${there}, which is refused`,
    );
    expect(asked).toBe(0);
  });

  test('from https to https to http is refused as well', async () => {
    const plain = await listening(echo('plain'));
    const second = await listening(to(`http://localhost:${plain}/`));
    const first = await listening(to(`https://localhost:${second}/`));
    const http = undiciHttp({}, { ca: tls.cert });
    const refused = await get(http, `https://localhost:${first}/`).catch(messageOf);
    expect(refused).toContain('which is refused');
  });

  test('from http to https is followed', async () => {
    const there = await listening(echoTls());
    const here = await listening(
      createServer((_, response) => {
        response.writeHead(301, { location: `https://localhost:${there}/` }).end();
      }),
    );
    const http = undiciHttp({}, { ca: tls.cert });
    expect((await get(http, `http://localhost:${here}/`)).text).toBe('over tls');
  });

  test.each([
    ['an invalid URL', 'http://[bad'],
    ['another protocol', 'ftp://localhost/x'],
    ['a closed port', 'http://localhost:1/'],
    ['no host', 'http:///'],
    ['a very long path', 'x'.repeat(9000)],
  ])('to %s ends', async (_, location) => {
    const port = await listening(
      createServer((_, response) => void response.writeHead(302, { location }).end()),
    );
    const ended = await get(undiciHttp({}), `http://localhost:${port}/`).then(
      ({ status }) => `${status}`,
      messageOf,
    );
    expect(ended).not.toBe('200');
  });

  test('whose second request gets no connection ends when it is aborted', async () => {
    // Sixty-four requests hold all sockets to the origin: one more waits for its turn.
    const mute = createServer(() => {});
    const there = await listening(mute);
    let told = () => {};
    const redirected = new Promise<void>((resolve) => {
      told = resolve;
    });
    const here = await listening(
      createServer((_, response) => {
        response.writeHead(302, { location: `http://localhost:${there}/` }).end(told);
      }),
    );
    const http = undiciHttp({});
    const end = new AbortController();
    let arrived = 0;
    const all = new Promise<void>((resolve) => {
      mute.on('request', () => {
        arrived += 1;
        if (arrived === 64) resolve();
      });
    });
    const held = Array.from({ length: 64 }, () =>
      http.request({ url: `http://localhost:${there}/`, signal: end.signal }).catch(() => {}),
    );
    await all;
    const stop = new AbortController();
    const one = http.request({ url: `http://localhost:${here}/`, signal: stop.signal });
    await redirected;
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate); // it is read by now
    stop.abort(new Error('enough'));
    await expect(one).rejects.toThrow('enough');
    end.abort();
    await Promise.all(held);
  });
});

test('a host whose first address refuses is reached by its second', async () => {
  const addresses = await lookup('localhost', { all: true });
  if (new Set(addresses.map(({ family }) => family)).size < 2) {
    process.stderr.write('skipped: localhost has one address family on this machine\n');
    return;
  }
  const server = echo('here');
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect((await get(undiciHttp({}), `http://localhost:${port}/`)).text).toBe('here 1.1 /');
});

describe('TLS', () => {
  test('by an unknown authority is refused, whatever the environment says', async () => {
    const port = await listening(echoTls());
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    const refused = await get(undiciHttp({}), `https://localhost:${port}/`).catch(messageOf);
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    expect(refused).toContain('self-signed certificate');
  });

  test('for another name is refused', async () => {
    const port = await listening(echoTls());
    const http = undiciHttp({}, { ca: tls.cert });
    const refused = await get(http, `https://127.0.0.1:${port}/`).catch(messageOf);
    expect(refused).toContain("does not match certificate's altnames");
  });

  test('by a known authority is good', async () => {
    const port = await listening(echoTls());
    const http = undiciHttp({}, { ca: tls.cert });
    expect((await get(http, `https://localhost:${port}/`)).text).toBe('over tls');
  });
});

describe('a proxy', () => {
  test.each(['http_proxy', 'HTTP_PROXY', 'all_proxy'])(
    'of %s forwards plain HTTP',
    async (name) => {
      const port = await listening(echo('origin'));
      const { port: proxyPort, seen } = await proxy(0);
      const http = undiciHttp({ [name]: `http://localhost:${proxyPort}` });
      const url = `http://localhost:${port}/file`;
      const answer = await get(http, url);
      expect([answer.text, answer.url]).toEqual(['origin 1.1 /file', url]);
      expect(seen).toEqual([`GET ${url}`]);
    },
  );

  test('tunnels TLS, and the certificate is that of the origin', async () => {
    const port = await listening(echoTls());
    const { port: proxyPort, seen } = await proxy(port);
    const env = { https_proxy: `http://localhost:${proxyPort}` };
    const url = `https://localhost:${port}/`;
    expect((await get(undiciHttp(env, { ca: tls.cert }), url)).text).toBe('over tls');
    expect(seen).toEqual([`CONNECT localhost:${port}`]);
    expect(await get(undiciHttp(env), url).catch(messageOf)).toContain('self-signed certificate');
  });

  test('with a password gets it, and no other server does', async () => {
    const port = await listening(
      createServer((asked, response) => response.end(`${asked.headers.authorization}`)),
    );
    const { port: proxyPort } = await proxy(0, 'me:secret');
    const url = `http://localhost:${port}/`;
    const right = undiciHttp({ http_proxy: `http://me:secret@localhost:${proxyPort}` });
    expect((await get(right, url)).text).toBe('undefined');
    const wrong = undiciHttp({ http_proxy: `http://me:guess@localhost:${proxyPort}` });
    const refused = await get(wrong, url).then(({ status }) => `${status}`, messageOf);
    expect(refused).toContain('407');
    expect(refused).not.toContain('guess');
  });

  test('is not used for hosts of no_proxy', async () => {
    const port = await listening(echo('origin'));
    const { port: proxyPort, seen } = await proxy(0);
    const env = { http_proxy: `http://localhost:${proxyPort}`, no_proxy: 'example.org,localhost' };
    expect((await get(undiciHttp(env), `http://localhost:${port}/`)).text).toBe('origin 1.1 /');
    expect(seen).toEqual([]);
  });

  test('is taken from the given environment alone', async () => {
    const port = await listening(echo('origin'));
    process.env.http_proxy = 'http://localhost:1';
    const answer = await get(undiciHttp({}), `http://localhost:${port}/`).catch(messageOf);
    delete process.env.http_proxy;
    expect(answer).toMatchObject({ status: 200 });
  });

  test('serves many at once', async () => {
    const port = await listening(echo('origin'));
    const { port: proxyPort } = await proxy(0);
    const http = undiciHttp({ http_proxy: `http://localhost:${proxyPort}` });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, nth) => get(http, `http://localhost:${port}/${nth}`)),
    );
    expect(answers.map(({ text }) => text)).toEqual(
      Array.from({ length: 20 }, (_, nth) => `origin 1.1 /${nth}`),
    );
  });
});
