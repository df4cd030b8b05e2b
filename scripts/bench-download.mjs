#!/usr/bin/env node
/**
 * Our download side by side with curl and with one plain stream, on loopback, in one run:
 * `node scripts/bench-download.mjs [megabytes of the unlimited case, 500]`. Prints a table; every result's
 * checksum is checked. The server is a process of its own, and so is each client, for their CPU and memory.
 */
import { fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { bundleSources } from './import-sources.mjs';

const MB = 1_000_000;
const BLOCK = Buffer.alloc(4 * 1024 * 1024);
for (let at = 0; at < BLOCK.length; at += 4)
  BLOCK.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);

if (process.argv[2] === 'server') await serve(JSON.parse(process.argv[3]));
else if (process.argv[2] === 'client') await fetchIt(JSON.parse(process.argv[3]));
else await main(Number(process.argv[2] ?? 500) * MB);

/** Serves /file: BLOCK over and over; rate in bytes a second of each connection; dies after so many bytes. */
async function serve({ size, rate, diesAfter }) {
  let sent = 0;
  const server = createServer(async (request, response) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = range ? Number(range[1]) : 0;
    const to = range?.[2] ? Number(range[2]) + 1 : size;
    response.writeHead(range ? 206 : 200, {
      'content-length': to - from,
      etag: '"bench"',
      ...(range ? { 'content-range': `bytes ${from}-${to - 1}/${size}` } : {}),
    });
    const began = performance.now();
    for (let at = from; at < to && !response.destroyed; ) {
      const offset = at % BLOCK.length;
      const most = Math.min(rate ? Math.ceil(rate / 50) : 256 * 1024, to - at);
      const chunk = BLOCK.subarray(offset, offset + most);
      at += chunk.length;
      sent += chunk.length;
      if (diesAfter && sent > diesAfter) process.exit(0);
      if (!response.write(chunk)) await drained(response);
      const due = rate ? began + ((at - from) * 1000) / rate : 0;
      if (due > performance.now()) await wait(due - performance.now());
    }
    response.end();
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

function drained(response) {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** One download of ours in this process; reports seconds, CPU, memory and the checksum. */
async function fetchIt({ bundle, bases, size, how, connections }) {
  const { MirrorPool, download, undiciHttp, systemClock } = await import(bundle);
  const http = undiciHttp({});
  const ports = { http, clock: systemClock, random: Math.random };
  const stream =
    how === 'plain'
      ? (await http.request({ url: `${bases[0]}file` })).body
      : download(new MirrorPool(bases, ports, { connections }), { path: 'file', size });
  const hash = createHash('sha256');
  const began = performance.now();
  const cpu = process.cpuUsage();
  let most = 0;
  let pieces = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    if (pieces++ % 64 === 0) most = Math.max(most, process.memoryUsage.rss());
  }
  const { user, system } = process.cpuUsage(cpu);
  process.send({
    seconds: (performance.now() - began) / 1000,
    cpu: (user + system) / 1e6,
    rss: most / MB,
    sha256: hash.digest('hex'),
  });
  process.disconnect();
}

function started(kind, settings) {
  const child = fork(process.argv[1], [kind, JSON.stringify(settings)]);
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve({ child, message }));
    child.once('exit', (status) => status && reject(new Error(`${kind} ended with ${status}`)));
  });
}

async function curl(base, folder) {
  const output = join(folder, 'curl.out');
  const began = performance.now();
  const child = spawn('curl', ['-sS', '--noproxy', '*', '-o', output, `${base}file`], {
    stdio: 'inherit',
  });
  const status = await new Promise((resolve) => child.once('exit', resolve));
  const seconds = (performance.now() - began) / 1000;
  const sha256 = createHash('sha256').update(readFileSync(output)).digest('hex');
  return { seconds, sha256: status === 0 ? sha256 : `curl ended with ${status}` };
}

function digestOf(size) {
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += BLOCK.length) hash.update(BLOCK.subarray(0, size - at));
  return hash.digest('hex');
}

async function main(unlimited) {
  const folder = mkdtempSync(join(tmpdir(), 'btfhub-bench-'));
  const bundle = await bundleSources(
    'download',
    `export * from './src/download/mirrors.ts';
      export * from './src/download/download.ts';
      export * from './src/download/http.ts';
      export { systemClock } from './src/platform/clock.ts';`,
  );
  const cases = [
    {
      name: '1 MB/s a connection',
      size: 40 * MB,
      servers: [{ rate: MB }],
      connections: [4, 8],
      rounds: 1,
    },
    {
      name: 'two mirrors, one dies half-way',
      size: 200 * MB,
      servers: [{ rate: 20 * MB, diesAfter: 50 * MB }, { rate: 20 * MB }],
      connections: [4],
      rounds: 1,
    },
    { name: 'unlimited', size: unlimited, servers: [{}], connections: [1, 4, 8], rounds: 3 },
  ];
  const rows = [];
  for (const one of cases) {
    const { size } = one;
    const expected = digestOf(size);
    const taken = new Map();
    for (let round = 0; round < one.rounds; round++) {
      for (const how of ['curl', 'plain', ...one.connections]) {
        const servers = await Promise.all(
          one.servers.map((settings) => started('server', { size, ...settings })),
        );
        const bases = servers.map(({ message }) => `http://127.0.0.1:${message}/`);
        const alive = bases.at(-1);
        const result =
          how === 'curl'
            ? await curl(alive, folder)
            : how === 'plain'
              ? (await started('client', { bundle, bases: [alive], size, how })).message
              : (await started('client', { bundle, bases, size, connections: how })).message;
        for (const { child } of servers) child.kill();
        if (result.sha256 !== expected) throw new Error(`${one.name}, ${how}: wrong bytes`);
        taken.set(how, [...(taken.get(how) ?? []), result]);
      }
    }
    const best = (how, key) =>
      Math.min(...taken.get(how).map((result) => result[key] ?? Number.NaN));
    const shown = (value, unit) =>
      Number.isNaN(value) ? '' : `${value.toFixed(unit === 'MB' ? 0 : 2)} ${unit}`;
    for (const how of taken.keys()) {
      rows.push({
        case: `${one.name}, ${size / MB} MB`,
        how:
          how === 'curl'
            ? 'curl -o'
            : how === 'plain'
              ? 'one plain stream'
              : `${how} connections a mirror`,
        wall: shown(best(how, 'seconds'), 's'),
        'times curl': (best('curl', 'seconds') / best(how, 'seconds')).toFixed(2),
        CPU: shown(best(how, 'cpu'), 's'),
        memory: shown(best(how, 'rss'), 'MB'),
      });
    }
  }
  rmSync(folder, { recursive: true });
  const columns = Object.keys(rows[0]);
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  process.stdout.write(line(columns) + line(columns.map(() => '---')));
  for (const row of rows) process.stdout.write(line(columns.map((column) => row[column])));
}
