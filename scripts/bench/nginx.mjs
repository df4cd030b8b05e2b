// A mirror on this machine, by the server that mirrors run: it costs the cores that are measured the least.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/**
 * Serves a folder over loopback, as mirrors do and once more without ranges.
 * @param {{count?: boolean}} [options] `count` keeps what was sent
 * @returns {Promise<{mirror: string, plain: string, sent(): number, stop(): void}>} two URLs; bytes sent, with `count`
 */
export async function serve(folder, { count = false } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'btfhub-nginx-'));
  const [withRanges, without] = [await freePort(), await freePort()];
  writeFileSync(
    join(home, 'nginx.conf'),
    configuration(home, folder, [withRanges, without], count),
  );
  const args = ['-p', home, '-e', 'stderr', '-c', 'nginx.conf'];
  const server = spawn('nginx', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const stop = () => {
    server.kill();
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', stop);
  const ended = once(server, 'exit').then(
    () => Promise.reject(new Error('nginx ended. What it said stands above.')),
    (cause) => Promise.reject(new Error('nginx does not run: install nginx-light.', { cause })),
  );
  const [mirror, plain] = [withRanges, without].map((port) => `http://127.0.0.1:${port}/`);
  await Promise.race([ended, answers(mirror)]);
  ended.catch(() => {});
  const sent = () => {
    const log = join(home, 'sent');
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
    return lines.reduce((sum, line) => sum + Number(line), 0);
  };
  return { mirror, plain, sent, stop };
}

function configuration(home, folder, [withRanges, without], count) {
  const listen = (port, more) =>
    `server { listen 127.0.0.1:${port}; root "${folder}"; autoindex on; ${more} }`;
  return `
    error_log stderr emerg; daemon off; worker_processes 1; pid "${home}/pid"; user ${userInfo().username};
    events {}
    http {
      log_format sent '$bytes_sent'; access_log ${count ? `"${home}/sent" sent` : 'off'}; sendfile on;
      ${TEMPORARY.map((name) => `${name}_temp_path "${home}/${name}";`).join(' ')}
      ${listen(withRanges, '')}
      ${listen(without, 'max_ranges 0;')}
    }
  `;
}

/** A free port; nginx cannot choose one. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(url) {
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) return;
    await wait(50);
  }
}
