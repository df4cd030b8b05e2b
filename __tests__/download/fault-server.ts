import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Clock, systemClock } from '../../src/platform/clock.ts';

/** What a server may do wrong with one request. Positions are bytes of the answer's body. */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  /** Headers and so many bytes, then silence. */
  | { readonly kind: 'stall'; readonly after: number }
  /** No answer at all. */
  | { readonly kind: 'mute' }
  | { readonly kind: 'reset'; readonly after: number }
  /** Fewer or more bytes than the headers' range says, in a body without a length. */
  | { readonly kind: 'short'; readonly by: number }
  | { readonly kind: 'long'; readonly by: number }
  /** A range that does not begin where it was requested. */
  | { readonly kind: 'wrong-range' }
  | { readonly kind: 'other-size' }
  | { readonly kind: 'other-etag' }
  | { readonly kind: 'other-date' }
  | { readonly kind: 'whole' }
  | { readonly kind: 'corrupt'; readonly at: number }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  | { readonly kind: 'redirect'; readonly to: string }
  /** Labelled as gzip, and the bytes as they are. */
  | { readonly kind: 'labelled' }
  /** Really gzipped, although that was not requested. */
  | { readonly kind: 'gzipped' };

export interface ReceivedRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly headers: IncomingMessage['headers'];
  /** By the server's clock. */
  readonly at: number;
}

export interface FaultServer {
  /** With a slash at the end. */
  readonly base: string;
  readonly port: number;
  readonly asked: ReceivedRequest[];
  /** The largest number of requests that were open at one time. */
  readonly mostAtOnce: () => number;
  /** Bytes of bodies that were sent. */
  readonly sent: () => number;
  close(): Promise<void>;
}

export interface Behaviour {
  readonly files: Readonly<Record<string, Buffer>>;
  /** What happens to the nth request (from 0) of this server. */
  readonly fault?: (request: ReceivedRequest, nth: number) => Fault;
  readonly ranges?: boolean;
  readonly bytesPerSecond?: number;
  readonly etag?: string | null;
  readonly lastModified?: string;
  /** The server dies, with all its connections, once it has sent so many bytes. */
  readonly diesAfter?: number;
  /** The server is closed before the first request: connections are refused. */
  readonly refuses?: boolean;
  /** By which it is slow. */
  readonly clock?: Clock;
  /** Told of every request and every piece that is sent. */
  readonly touch?: () => void;
}

/** A real HTTP server on loopback that serves files, and has the faults that it is given. */
export async function faultServer(behaviour: Behaviour): Promise<FaultServer> {
  const asked: ReceivedRequest[] = [];
  let open = 0;
  let most = 0;
  const life = { sent: 0 };
  const server = createServer((request, response) => {
    open += 1;
    behaviour.touch?.();
    most = Math.max(most, open);
    response.on('close', () => {
      open -= 1;
    });
    const record: ReceivedRequest = {
      path: decodeURIComponent(request.url ?? '/'),
      range: request.headers.range,
      headers: request.headers,
      at: (behaviour.clock ?? systemClock).now(),
    };
    const fault = behaviour.fault?.(record, asked.length) ?? { kind: 'none' };
    asked.push(record);
    serve(server, behaviour, record, fault, response, life).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  if (behaviour.refuses) await new Promise((resolve) => server.close(resolve));
  return {
    base: `http://127.0.0.1:${port}/`,
    port,
    asked,
    mostAtOnce: () => most,
    sent: () => life.sent,
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(
  server: Server,
  behaviour: Behaviour,
  { path, range, headers }: ReceivedRequest,
  fault: Fault,
  response: ServerResponse,
  life: { sent: number },
): Promise<void> {
  const file = behaviour.files[path];
  if (fault.kind === 'mute') return;
  if (fault.kind === 'status') {
    const after = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
    response.writeHead(fault.status, after).end('sorry');
    return;
  }
  if (fault.kind === 'redirect') {
    response.writeHead(302, { location: fault.to }).end();
    return;
  }
  if (file === undefined) {
    response.writeHead(404).end('not found');
    return;
  }
  const etag = fault.kind === 'other-etag' ? '"other"' : (behaviour.etag ?? '"one"');
  const lastModified =
    fault.kind === 'other-date'
      ? 'Wed, 01 Jan 2025 00:00:00 GMT'
      : (behaviour.lastModified ?? 'Mon, 01 Jan 2024 00:00:00 GMT');
  const version = {
    ...(behaviour.etag === null ? {} : { etag }),
    'last-modified': lastModified,
    ...(fault.kind === 'labelled' || fault.kind === 'gzipped'
      ? { 'content-encoding': 'gzip' }
      : {}),
  };
  if (headers['if-none-match'] === etag) {
    response.writeHead(304, version).end();
    return;
  }
  const parsed = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
  const inRanges = parsed && behaviour.ranges !== false && fault.kind !== 'whole';
  const from = inRanges ? Number(parsed[1]) + (fault.kind === 'wrong-range' ? 1 : 0) : 0;
  const to = inRanges && parsed[2] ? Math.min(Number(parsed[2]) + 1, file.length) : file.length;
  const size = file.length + (fault.kind === 'other-size' ? 7 : 0);
  if (inRanges && from >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end();
    return;
  }
  const body = bodyOf(file.subarray(from, to), fault);
  const unlabelled = ['short', 'long', 'gzipped'].includes(fault.kind);
  response.writeHead(inRanges ? 206 : 200, {
    ...version,
    ...(inRanges ? { 'content-range': `bytes ${from}-${to - 1}/${size}` } : {}),
    ...(unlabelled ? {} : { 'content-length': inRanges ? body.length : size }),
  });
  await send(server, behaviour, fault, body, response, life);
}

function bodyOf(range: Buffer, fault: Fault): Buffer {
  if (fault.kind === 'short') return range.subarray(0, Math.max(0, range.length - fault.by));
  if (fault.kind === 'long') return Buffer.concat([range, Buffer.alloc(fault.by, 'x')]);
  if (fault.kind === 'gzipped') return gzipSync(range);
  if (fault.kind === 'corrupt') {
    const body = Buffer.from(range);
    const at = fault.at % Math.max(1, body.length);
    body[at] = (body[at] ?? 0) ^ 0x55;
    return body;
  }
  return range;
}

async function send(
  server: Server,
  behaviour: Behaviour,
  fault: Fault,
  body: Buffer,
  response: ServerResponse,
  life: { sent: number },
): Promise<void> {
  const cut = fault.kind === 'stall' || fault.kind === 'reset' ? fault.after : body.length;
  const rate = fault.kind === 'slow' ? fault.bytesPerSecond : behaviour.bytesPerSecond;
  const piece = pieceAt(rate);
  const clock = behaviour.clock ?? systemClock;
  const began = clock.now();
  for (let at = 0; at < Math.min(cut, body.length); at += piece) {
    const chunk = body.subarray(at, Math.min(at + piece, cut));
    if (behaviour.diesAfter !== undefined && life.sent + chunk.length > behaviour.diesAfter) {
      server.close();
      server.closeAllConnections();
      return;
    }
    // Before the chunk, not behind it: the client must not see the end before this side does.
    const due = rate === undefined ? 0 : began + ((at + chunk.length) * 1000) / rate;
    if (due > clock.now()) await clock.sleep(due - clock.now());
    behaviour.touch?.();
    life.sent += chunk.length;
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  if (fault.kind === 'stall') return;
  if (fault.kind === 'reset') response.destroy();
  else response.end();
}

/** Fifty pieces a second, or one where so little comes. */
function pieceAt(rate: number | undefined): number {
  if (rate === undefined) return 64 * 1024;
  return rate < 1000 ? Math.max(1, rate) : Math.ceil(rate / 50);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
