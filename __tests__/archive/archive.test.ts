import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Archive, openArchive as open } from '../../src/archive/archive.ts';
import { asBranch } from '../../src/names.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { makeCertificate } from '../download/certificate.ts';
import { encodingsOf, filesWith, gitCommandLines } from '../git/find-secrets.ts';
import { type GitServer, startGitServer } from '../git/git-server.ts';
import { commit, createRepository, git } from '../git/repositories.ts';

const NEXT = asBranch('next');
const MASTER = asBranch('master');

const root = mkdtempSync(join(tmpdir(), 'btfhub-test-'));
const scratch = join(root, 'tmp');
mkdirSync(scratch);
const servers: GitServer[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  rmSync(root, { recursive: true, force: true });
});

async function serve(
  ...options: Parameters<typeof startGitServer> extends [unknown, ...infer Rest] ? Rest : never
) {
  const server = await startGitServer(root, ...options);
  servers.push(server);
  return server;
}

const opened: Archive[] = [];
afterEach(async () => {
  for (const archive of opened.splice(0)) await archive.close();
});

async function openArchive(...args: Parameters<typeof open>): Promise<Archive> {
  const archive = await open(...args);
  opened.push(archive);
  return archive;
}

function platform(env: Record<string, string> = {}) {
  const whole = { ...process.env, TMPDIR: scratch, GIT_CONFIG_GLOBAL: '/dev/null', ...env };
  return { env: whole, programs: systemPrograms(whole), interrupted: new AbortController().signal };
}

/** 40 files of 10 kB that no compression makes smaller. */
function archiveFiles(): Record<string, Buffer> {
  const names = Array.from(
    { length: 40 },
    (_, at) => `openEuler/22.03/x86_64/5.10.0-${at}.x86_64.btf.tar.xz`,
  );
  const bytes = (name: string) =>
    createHash('shake256', { outputLength: 10_000 }).update(name).digest();
  return Object.fromEntries(names.map((name) => [name, bytes(name)]));
}

const files = archiveFiles();
const paths = Object.keys(files).sort();
const repository = createRepository(root, 'archive.git');
commit(repository, 'master', { ...files, 'README.md': 'An archive.\n' });
commit(
  repository,
  'next',
  { 'openEuler/22.03/x86_64/5.10.0-99.x86_64.btf.tar.xz': 'waiting' },
  'Add',
  git(repository, ['rev-parse', 'master']),
);
const unfiltered = createRepository(root, 'unfiltered.git', { filter: false });
commit(unfiltered, 'master', files);
createRepository(root, 'empty.git');

test("names are listed without the files' contents", async () => {
  const server = await serve();
  const archive = await openArchive(platform(), server.url('archive.git'));
  expect([...(await archive.listPaths(MASTER)).keys()].sort()).toEqual(['README.md', ...paths]);
  expect((await archive.listPaths(NEXT)).size).toBe(42);
  expect(await archive.head(NEXT)).toBe(git(repository, ['rev-parse', 'next']));
  expect(server.wire.sent).toBeLessThan(20_000);
});

test('the contents of the files that are asked for come in one request, and no others', async () => {
  const server = await serve();
  const archive = await openArchive(platform(), server.url('archive.git'));
  await archive.listPaths(MASTER);
  server.reset();
  const wanted = [paths[3], paths[17], 'openEuler/22.03/x86_64/none', paths[30]] as string[];
  const read: [string, boolean][] = [];
  for await (const { path, bytes } of archive.readFiles(MASTER, wanted)) {
    read.push([path, bytes.equals(files[path] as Buffer)]);
  }
  expect(read).toEqual([paths[3], paths[17], paths[30]].map((path) => [path, true]));
  expect(server.wire.requests.filter((line) => line.startsWith('POST')).length).toBeLessThanOrEqual(
    2,
  );
  expect(server.wire.sent).toBeGreaterThan(30_000);
  expect(server.wire.sent).toBeLessThan(35_000);
});

test.each([
  ['a server that cannot leave contents out', 'unfiltered.git', {}],
  ['a server that speaks the first protocol only', 'archive.git', { old: true }],
])('%s works too', async (_, name, options) => {
  const server = await serve(options);
  const archive = await openArchive(platform(), server.url(name));
  expect((await archive.listPaths(MASTER)).has(paths[0] as string)).toBe(true);
  expect(await archive.readFile(MASTER, paths[7] as string)).toEqual(files[paths[7] as string]);
});

test('without a branch it is the default branch; a branch or file that is not there is empty', async () => {
  const server = await serve();
  const archive = await openArchive(platform(), server.url('archive.git'));
  expect((await archive.listPaths()).size).toBe(41);
  expect(String(await archive.readFile(undefined, 'README.md'))).toBe('An archive.\n');
  expect((await archive.listPaths(asBranch('catalog'))).size).toBe(0);
  expect(await archive.head(asBranch('catalog'))).toBeUndefined();
  expect(await archive.readFile(asBranch('catalog'), 'catalog.json')).toBeUndefined();
  expect(await archive.readFile(MASTER, 'LICENSE')).toBeUndefined();
});

test('an archive without a commit is empty', async () => {
  const server = await serve();
  for (const where of [server.url('empty.git'), join(root, 'empty.git')]) {
    const archive = await openArchive(platform(), where);
    expect((await archive.listPaths()).size).toBe(0);
    expect((await archive.listPaths(MASTER)).size).toBe(0);
  }
});

describe('on this machine', () => {
  const clone = join(root, 'clone');
  const linked = join(root, 'linked');
  const plain = join(root, 'plain');
  beforeAll(() => {
    git(root, ['clone', '--quiet', 'archive.git', 'clone']);
    git(clone, ['worktree', 'add', '--quiet', linked, 'next']);
    for (const path of paths.slice(0, 3)) {
      mkdirSync(join(plain, path, '..'), { recursive: true });
      writeFileSync(join(plain, path), files[path] as Buffer);
    }
  });

  test.each([
    ['a bare repository', () => repository],
    ['a file URL', () => `file://${repository}`],
    ['a clone whose other branches are remote ones', () => clone],
    ['a linked work tree', () => linked],
  ])('%s is read where it is, nothing is copied', async (_, where) => {
    const archive = await openArchive(platform(), where());
    expect((await archive.listPaths(MASTER)).size).toBe(41);
    expect((await archive.listPaths(NEXT)).size).toBe(42);
    expect(await archive.readFile(NEXT, paths[5] as string)).toEqual(files[paths[5] as string]);
    const packs = readdirSync(scratch, { recursive: true, encoding: 'utf8' });
    expect(packs.filter((name) => name.endsWith('.pack'))).toEqual([]);
  });

  test('a folder with the layout and without git is an archive, whatever the branch', async () => {
    const archive = await openArchive(platform(), plain);
    expect([...(await archive.listPaths(NEXT)).keys()].sort()).toEqual(paths.slice(0, 3));
    expect(await archive.readFile(MASTER, paths[0] as string)).toEqual(files[paths[0] as string]);
    expect(await archive.readFile(MASTER, 'openEuler')).toBeUndefined();
    expect(await archive.readFile(MASTER, `${paths[0]}/deeper`)).toBeUndefined();
  });
});

describe('errors', () => {
  const listing = async (where: string, token?: string) => {
    const archive = await openArchive(platform(), where, token === undefined ? {} : { token });
    return archive.listPaths();
  };

  test('a repository that is not there', async () => {
    const server = await serve();
    await expect(listing(server.url('nothing.git'))).rejects.toMatchObject({ reason: 'not-found' });
    await expect(listing(join(root, 'nothing.git'))).rejects.toMatchObject({ reason: 'not-found' });
  });

  test('a host that wants a token, with none and with a wrong one', async () => {
    const server = await serve({ users: { right: 'read' }, closed: true });
    const url = server.url('archive.git');
    await expect(listing(url)).rejects.toMatchObject({
      reason: 'bad-archive',
      advice: expect.stringContaining('BTFHUB_TOKEN'),
    });
    const wrong = await listing(url, 'wr0ng-t0ken').catch((error) => error);
    expect(wrong.advice).toMatch(/does not accept the token/);
    expect(JSON.stringify(wrong) + String(wrong.stack)).not.toContain('wr0ng-t0ken');
    expect((await listing(url, 'right')).size).toBe(41);
    expect((await listing(url.replace('://', '://person:right@'))).size).toBe(41);
  });

  test('a host that does not answer', async () => {
    await expect(listing('http://127.0.0.1:9/archive.git')).rejects.toMatchObject({
      reason: 'network',
    });
  });

  test.each(['', '-u', 'ftp://host/x', 'ext::sh -c id'])('%j is no archive', async (where) => {
    await expect(listing(where)).rejects.toMatchObject({
      reason: expect.stringMatching(/usage|not-found/),
    });
  });
});

test('the token goes to its own host only, redirected or not', async () => {
  const thief = await serve();
  const home = await serve({ users: { right: 'read' }, closed: true });
  const asked: (string | undefined)[] = [];
  const { createServer } = await import('node:http');
  const trap = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(401, { 'www-authenticate': 'Basic realm="trap"' }).end();
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  const { port } = trap.address() as { port: number };
  home.weather.redirect = (url) => `http://127.0.0.1:${port}${url}`;
  const archive = await openArchive(platform(), home.url('archive.git'), { token: 'right' });
  const refused = await archive.listPaths().catch((error: unknown) => error);
  trap.close();
  trap.closeAllConnections();
  expect(refused).toMatchObject({ reason: 'bad-archive' });
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.every((header) => header === undefined)).toBe(true);
  expect(thief.wire.requests).toEqual([]);
});

test('a user name in the URL without a password is no token: it is not sent, and not shown', async () => {
  const server = await serve({ users: { 's3cret-t0ken': 'read' }, closed: true });
  const where = (user: string) => server.url('archive.git').replace('://', `://${user}@`);
  const archive = await openArchive(platform(), where('s3cret-t0ken'));
  expect(archive.name).not.toContain('s3cret');
  const refused = archive.listPaths();
  await expect(refused).rejects.toMatchObject({
    message: expect.not.stringContaining('s3cret'),
    advice: expect.stringContaining('a user name in the URL is not a token'),
  });
  const withPassword = await openArchive(platform(), where('somebody:s3cret-t0ken'));
  expect([...(await withPassword.listPaths()).keys()]).toContain(paths[0]);
});

test('an https host that redirects is followed to https, and never to http', async () => {
  const folder = mkdtempSync(join(root, 'tls-'));
  const tls = makeCertificate(folder);
  const trusting = platform({ GIT_SSL_CAINFO: tls.file });
  const [home, safe, bare] = await Promise.all([serve({ tls }), serve({ tls }), serve()]);
  home.weather.redirect = (url) => `${safe.origin}${url}`;
  const followed = await openArchive(trusting, home.url('archive.git'));
  expect([...(await followed.listPaths()).keys()]).toContain(paths[0]);
  home.weather.redirect = (url) => `${bare.origin}${url}`;
  const refused = await openArchive(trusting, home.url('archive.git'));
  await expect(refused.listPaths()).rejects.toMatchObject({
    reason: 'bad-archive',
    advice: expect.stringContaining('redirects from https to http'),
  });
  expect(bare.wire.requests).toEqual([]);
});

test('the token is in no argument and in no file while git runs', async () => {
  const server = await serve({ users: { 's3cret-t0ken': 'read' }, closed: true });
  const lines: string[] = [];
  server.weather.onRequest = () => lines.push(...gitCommandLines());
  const archive = await openArchive(
    platform({ GIT_TRACE_CURL: join(root, 'trace'), BTFHUB_TOKEN: 's3cret-t0ken' }),
    server.url('archive.git'),
    { token: 's3cret-t0ken' },
  );
  expect(await archive.readFile(MASTER, paths[0] as string)).toBeDefined();
  expect(lines.some((line) => line.includes('remote-http'))).toBe(true);
  const secrets = encodingsOf('s3cret-t0ken');
  expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
  expect(filesWith(root, secrets)).toEqual([]);
});

test('nothing is left in the temporary folder', () => {
  expect(readdirSync(scratch)).toEqual([]);
});
