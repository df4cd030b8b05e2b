import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Transform } from 'node:stream';

/** Runs a program that has to succeed; its standard output. */
export function run(program: string, args: readonly string[], cwd?: string): string {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  return execFileSync(program, args, { cwd, env, encoding: 'utf8', stdio: 'pipe' }).trim();
}

/** A repository with one commit for each set of files, and the names of the commits. */
export function repository(
  folder: string,
  ...commits: readonly Readonly<Record<string, string>>[]
): string[] {
  mkdirSync(folder, { recursive: true });
  run('git', ['init', '--quiet', '--initial-branch=main'], folder);
  return commits.map((files) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    run('git', ['add', '--all'], folder);
    const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org'];
    run('git', [...author, 'commit', '--quiet', '--message', 'As it is'], folder);
    return run('git', ['rev-parse', 'HEAD'], folder);
  });
}

/**
 * A pahole in miniature: it compiles, needs libbpf's header where the submodule has it, and says
 * its version. Where `BTFHUB_TEST_GATE` names a folder, its build stops at a gate there.
 */
export function miniature(version: string): Record<string, string> {
  return {
    'CMakeLists.txt': [
      'cmake_minimum_required(VERSION 3.5)',
      'project(miniature C)',
      'add_executable(pahole pahole.c)',
      'target_include_directories(pahole PRIVATE lib/bpf)',
      'if(DEFINED ENV{BTFHUB_TEST_GATE})',
      '  add_custom_command(TARGET pahole PRE_LINK COMMAND sh -c "echo here > $ENV{BTFHUB_TEST_GATE}/reached && cat $ENV{BTFHUB_TEST_GATE}/gate" VERBATIM)',
      'endif()',
    ].join('\n'),
    'pahole.c': [
      '#include <stdio.h>',
      '#include <string.h>',
      '#include "src/version.h"',
      'int main(int count, char **words) {',
      `  if (count > 1 && !strcmp(words[1], "--version")) puts("v${version}");`,
      '  else if (count > 1 && !strcmp(words[1], "--help")) puts("  --jobs");',
      '  else if (count > 1) puts("float," LIBBPF);',
      '  return 0;',
      '}',
    ].join('\n'),
  };
}

export const LIBBPF = { 'src/version.h': '#define LIBBPF "enum64"\n' };

/** What a server does with a request: `next` hands it to git, a function does so with what it makes of it. */
export type Behaviour = (
  request: IncomingMessage,
  response: ServerResponse,
) => 'next' | 'done' | ((body: string) => string);

export interface Remote {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** The paths that were asked for. */
  readonly requests: string[];
  close(): void;
}

/** Serves the repositories below `root` as a forge does, by git's own http-backend. */
export async function serve(root: string, behaviour: Behaviour = () => 'next'): Promise<Remote> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request.url ?? '');
    const answer = behaviour(request, response);
    if (answer === 'done') return;
    backend(root, request, response, answer === 'next' ? (body) => body : answer);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** CGI: git's answer is a header with a `Status:` line, an empty line, and a body. */
function backend(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
  change: (body: string) => string,
): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
  const git = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      REMOTE_ADDR: '127.0.0.1',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: `${request.headers['git-protocol'] ?? ''}`,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
    },
  });
  const changed = new Transform({
    transform: (chunk: Buffer, _, done) =>
      done(null, Buffer.from(change(chunk.toString('latin1')), 'latin1')),
  });
  request.pipe(changed).pipe(git.stdin);
  const chunks: Buffer[] = [];
  git.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  git.on('close', () => {
    const answer = Buffer.concat(chunks);
    const end = answer.indexOf('\r\n\r\n');
    const fields = answer.subarray(0, end).toString('latin1').split('\r\n');
    const headers = fields.map((line) => line.split(': ') as [string, string]);
    const status = headers.find(([name]) => name === 'Status')?.[1] ?? '200';
    response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers));
    response.end(answer.subarray(end + 4));
  });
}

/** A tarball of a folder below one top folder, as releases are packed, and its SHA-256. */
export function tarball(folder: string, path: string): { path: string; sha256: string } {
  run('tar', [
    '--create',
    '--xz',
    '--file',
    path,
    '--exclude=.git',
    '-C',
    join(folder, '..'),
    folder.split('/').at(-1) ?? '',
  ]);
  return { path, sha256: run('sha256sum', [path]).slice(0, 64) };
}

export function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
}
