import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Failure } from '../../src/failure.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { fetchSources } from '../../src/toolchain/fetch-sources.ts';
import type { Recipe } from '../../src/toolchain/recipes.ts';
import { parseSource } from '../../src/toolchain/sources.ts';
import { makeCertificate } from '../download/certificate.ts';
import { temporaryFolder } from './programs.ts';
import {
  copy,
  LIBBPF,
  miniature,
  type Remote,
  repository,
  run,
  serve,
  tarball,
} from './remotes.ts';

const folder = temporaryFolder();
const [first = '', newest = ''] = repository(
  join(folder, 'repositories/dwarves'),
  miniature('1.31'),
  { NEWS: 'newer' },
);
const [libbpf = ''] = repository(join(folder, 'repositories/libbpf'), LIBBPF);
const [stranger = ''] = repository(join(folder, 'strangers/dwarves'), { README: 'other' });

// Neither the tip of a branch nor of a tag: what servers hand out least gladly.
const recipe: Recipe = {
  tool: 'pahole',
  version: '1.31',
  cmake: [],
  target: 'pahole',
  parts: [
    { repository: 'dwarves', commit: first, path: '.' },
    { repository: 'libbpf', commit: libbpf, path: 'lib/bpf' },
  ],
};

const remotes: Remote[] = [];
async function remote(...args: Parameters<typeof serve>): Promise<Remote> {
  const started = await serve(...args);
  remotes.push(started);
  return started;
}
afterEach(() => {
  for (const one of remotes.splice(0)) one.close();
});

const PATIENT = { silence: 60, attempt: 60 };

async function fetched(
  sources: readonly string[],
  options: {
    timeouts?: typeof PATIENT;
    signal?: AbortSignal;
    recipe?: Recipe;
    env?: Readonly<Record<string, string>>;
  } = {},
) {
  const place = join(temporaryFolder(), 'source');
  const notes: string[] = [];
  const env = { ...process.env, http_proxy: undefined, ...options.env };
  await fetchSources(
    {
      env,
      programs: systemPrograms(env),
      clock: systemClock,
      interrupted: options.signal ?? new AbortController().signal,
    },
    options.recipe ?? recipe,
    sources.map(parseSource),
    place,
    { timeouts: options.timeouts ?? PATIENT, note: (message) => notes.push(message) },
  );
  return { place, notes };
}

test('the parts come at their commits, each in its place, without history', async () => {
  const { url } = await remote(join(folder, 'repositories'));
  const { place, notes } = await fetched([`dwarves=${url}/dwarves`, `libbpf=${url}/libbpf`]);
  expect(run('git', ['rev-parse', 'HEAD'], place)).toBe(first);
  expect(run('git', ['rev-parse', 'HEAD'], join(place, 'lib/bpf'))).toBe(libbpf);
  expect(existsSync(join(place, 'NEWS'))).toBe(false);
  expect(existsSync(join(place, '.git/shallow'))).toBe(true);
  expect(notes).toEqual([]);
});

test('a dead remote, a silent one and one without the commit are passed over, and named', async () => {
  const dead = await remote(folder);
  dead.close();
  const silent = await remote(folder, () => 'done');
  const strangers = await remote(join(folder, 'strangers'));
  const good = await remote(join(folder, 'repositories'));
  const { place, notes } = await fetched(
    [
      ...[dead, silent, strangers, good].map(({ url }) => `dwarves=${url}/dwarves`),
      `libbpf=${good.url}/libbpf`,
    ],
    { timeouts: { silence: 60, attempt: 1.5 } },
  );
  expect(run('git', ['rev-parse', 'HEAD'], place)).toBe(first);
  expect(run('git', ['log', '--oneline', '--all', '--format=%H'], place)).not.toContain(stranger);
  expect(notes).toEqual([
    expect.stringContaining(`${dead.url}/dwarves did not deliver dwarves: fatal: unable to access`),
    `${silent.url}/dwarves did not deliver dwarves: no answer within 1.5 seconds`,
    expect.stringContaining(`${strangers.url}/dwarves did not deliver dwarves`),
  ]);
});

test('a remote that redirects from https to http is passed over, and not followed', async () => {
  const plain = await remote(join(folder, 'repositories'));
  const asked: string[] = [];
  const tls = makeCertificate(temporaryFolder());
  const secure = createServer(tls, (request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(302, { location: `${plain.url}${request.url}` }).end();
  });
  await new Promise<void>((resolve) => secure.listen(0, resolve));
  const url = `https://localhost:${(secure.address() as AddressInfo).port}`;
  try {
    const { notes } = await fetched(
      [
        `dwarves=${url}/dwarves`,
        ...['dwarves', 'libbpf'].map((name) => `${name}=${plain.url}/${name}`),
      ],
      { env: { GIT_SSL_CAINFO: tls.file } },
    );
    expect(notes).toEqual([expect.stringMatching(/did not deliver dwarves: .*http/)]);
    expect(asked).toEqual([expect.stringContaining('info/refs')]);
  } finally {
    secure.closeAllConnections();
    secure.close();
  }
});

test("git uses the user's configuration, gets no token and stays in its folder", async () => {
  const seen = join(temporaryFolder(), 'environment');
  const asking = await remote(folder, (_, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
    return 'done';
  });
  const good = await remote(join(folder, 'repositories'));
  const elsewhere = join(folder, 'strangers/dwarves/.git');
  const { place, notes } = await fetched(
    [...[asking, good].map(({ url }) => `dwarves=${url}/dwarves`), `libbpf=${good.url}/libbpf`],
    {
      env: {
        BTFHUB_TOKEN: 'not-for-a-tool-source',
        GIT_DIR: elsewhere,
        GIT_OBJECT_DIRECTORY: join(elsewhere, 'objects'),
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'credential.helper',
        GIT_CONFIG_VALUE_0: `!env > ${seen}; true`,
      },
    },
  );
  const environment = readFileSync(seen, 'utf8');
  expect(environment).toContain('LC_ALL=C.UTF-8');
  expect(environment).not.toMatch(/BTFHUB_TOKEN|not-for-a-tool-source|GIT_OBJECT_DIRECTORY/);
  expect(notes).toEqual([expect.stringContaining(`${asking.url}/dwarves did not deliver`)]);
  expect(run('git', ['rev-parse', 'HEAD'], place)).toBe(first);
  expect(run('git', ['rev-parse', 'HEAD'], join(folder, 'strangers/dwarves'))).toBe(stranger);
});

test('a remote that has moved on to another commit is passed over, and named', async () => {
  // Its branch, its tag, and even refs that are called as the requested commit is, point elsewhere.
  const repositories = join(folder, 'moved');
  const [other = ''] = repository(join(repositories, 'dwarves'), { README: 'rewritten' });
  for (const ref of ['tags/v1.31', `heads/${first}`, `tags/${first}`]) {
    run('git', ['update-ref', `refs/${ref}`, other], join(repositories, 'dwarves'));
  }
  const moved = await remote(repositories);
  const good = await remote(join(folder, 'repositories'));
  const { place, notes } = await fetched([
    ...[moved, good].map(({ url }) => `dwarves=${url}/dwarves`),
    `libbpf=${good.url}/libbpf`,
  ]);
  expect(notes).toEqual([
    `${moved.url}/dwarves did not deliver dwarves: it does not have commit ${first}`,
  ]);
  expect(run('git', ['rev-parse', 'HEAD'], place)).toBe(first);
  expect(existsSync(join(place, 'README'))).toBe(false);
});

test('a remote that sends another commit than the one it was asked for is passed over', async () => {
  const lying = await remote(join(folder, 'strangers'), () => {
    return (body) => body.replaceAll(first, stranger);
  });
  const good = await remote(join(folder, 'repositories'));
  const { place, notes } = await fetched([
    ...[lying, good].map(({ url }) => `dwarves=${url}/dwarves`),
    `libbpf=${good.url}/libbpf`,
  ]);
  expect(lying.requests.filter((path) => path.endsWith('git-upload-pack'))).toHaveLength(2);
  expect(notes).toEqual([
    expect.stringMatching(`^${lying.url}/dwarves did not deliver dwarves: .*necessary objects`),
  ]);
  expect(run('git', ['rev-parse', 'HEAD'], place)).toBe(first);
});

test("a pin that is a tag's name and no commit's is refused, whatever the tag points to", async () => {
  const home = join(folder, 'repositories/dwarves');
  const author = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org'];
  run('git', [...author, 'tag', '--annotate', '--message=1.31', 'v1.31', first], home);
  const tag = run('git', ['rev-parse', 'v1.31'], home);
  const pinned = { ...recipe, parts: [{ repository: 'dwarves', commit: tag, path: '.' }] } as const;
  const { url } = await remote(join(folder, 'repositories'));
  await expect(fetched([`dwarves=${url}/dwarves`], { recipe: pinned })).rejects.toMatchObject({
    reason: 'network',
    message: expect.stringContaining(`its ${tag} is a tag, not a commit`),
  });
});

test('when no remote delivers, each is named with its answer, and the way out', async () => {
  const strangers = await remote(join(folder, 'strangers'));
  const dead = await remote(folder);
  dead.close();
  const sources = [dead, strangers].map(({ url }) => `dwarves=${url}/dwarves`);
  const failure = await fetched(sources).catch((error: unknown) => error as Failure);
  expect(failure).toMatchObject({
    reason: 'network',
    message: expect.stringMatching(`^No remote delivers commit ${first} of dwarves. ${dead.url}`),
    advice: expect.stringContaining('--tool-source dwarves='),
  });
  expect(failure).toHaveProperty('message', expect.stringContaining(`; ${strangers.url}`));
});

test('a remote that falls silent in the middle of its answer is given up', async () => {
  const stalling = await remote(join(folder, 'repositories'), (request, response) => {
    if (!request.url?.endsWith('git-upload-pack')) return 'next';
    response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' });
    response.write('0');
    return 'done';
  });
  const good = await remote(join(folder, 'repositories'));
  const { notes } = await fetched(
    [`dwarves=${stalling.url}/dwarves`, `dwarves=${good.url}/dwarves`, `libbpf=${good.url}/libbpf`],
    { timeouts: { silence: 1, attempt: 60 } },
  );
  expect(notes).toEqual([expect.stringContaining(`${stalling.url}/dwarves did not deliver`)]);
});

test('a server that hands out branches only is asked for all of them', async () => {
  // Without protocol version 2, git refuses a commit that no branch points to.
  const old = await remote(join(folder, 'repositories'), (request) => {
    delete request.headers['git-protocol'];
    return 'next';
  });
  const { place } = await fetched([`dwarves=${old.url}/dwarves`, `libbpf=${old.url}/libbpf`]);
  expect(run('git', ['rev-parse', 'HEAD'], place)).toBe(first);
  expect(run('git', ['log', '--all', '--format=%H'], place)).toContain(newest);
});

test('a tarball with the promised sum is taken, and brings its submodules along', async () => {
  const tree = join(folder, 'release/dwarves-1.31');
  copy(join(folder, 'repositories/dwarves'), tree);
  copy(join(folder, 'repositories/libbpf'), join(tree, 'lib/bpf'));
  const release = tarball(tree, join(folder, 'dwarves-1.31.tar.xz'));
  const { place } = await fetched([`dwarves=${release.path}@sha256:${release.sha256}`]);
  expect(readFileSync(join(place, 'NEWS'), 'utf8')).toBe('newer');
  expect(existsSync(join(place, 'lib/bpf/src/version.h'))).toBe(true);
});

test('a tarball without its submodules gets them from git', async () => {
  const bare = tarball(join(folder, 'repositories/dwarves'), join(folder, 'bare.tar.xz'));
  const { url } = await remote(join(folder, 'repositories'));
  const { place } = await fetched([
    `dwarves=${bare.path}@sha256:${bare.sha256}`,
    `libbpf=${url}/libbpf`,
  ]);
  expect(run('git', ['rev-parse', 'HEAD'], join(place, 'lib/bpf'))).toBe(libbpf);
});

test('a tampered tarball ends it: no other source is asked', async () => {
  const good = await remote(join(folder, 'repositories'));
  const { path, sha256 } = tarball(
    join(folder, 'repositories/dwarves'),
    join(folder, 'tampered.tar.xz'),
  );
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = ~(bytes[bytes.length >> 1] ?? 0);
  writeFileSync(path, bytes);
  const sources = [`dwarves=${path}@sha256:${sha256}`, `dwarves=${good.url}/dwarves`];
  await expect(fetched(sources)).rejects.toMatchObject({
    reason: 'checksum-mismatch',
    message: expect.stringMatching(new RegExp(`has the SHA-256 .*, and ${sha256} was promised`)),
  });
  expect(good.requests).toEqual([]);
});

test('a tarball that is not there is named', async () => {
  const sum = '0'.repeat(64);
  await expect(fetched([`dwarves=/nowhere/d.tar.xz@sha256:${sum}`])).rejects.toMatchObject({
    reason: 'not-found',
    message: "There is no tarball at '/nowhere/d.tar.xz'.",
  });
});

test('an interruption ends the waiting, with the processes that git started', async () => {
  const interruption = new AbortController();
  const reason = new Failure('interrupted', 'Stopped by SIGINT.');
  const silent = await remote(folder, () => {
    setImmediate(() => interruption.abort(reason));
    return 'done';
  });
  await expect(
    fetched([`dwarves=${silent.url}/dwarves`], {
      signal: interruption.signal,
      // Neither ends the waiting before the test's own time is over.
      timeouts: { silence: 3600, attempt: 3600 },
    }),
  ).rejects.toBe(reason);
  expect(run('ps', ['-eo', 'args'])).not.toContain(silent.url);
});

test.each([
  ['pahole=https://x/y', /begins with one of dwarves=, libbpf=, xz=/],
  ['dwarves', /begins with one of/],
  ['dwarves=mirror/pahole.git', /git remote is a URL/],
  ['dwarves=ext::sh -c evil', /git remote is a URL/],
  ['xz=./xz-5.8.3.tar.xz', /ends in '@sha256:'/],
  ['xz=./xz-5.8.3.tar.xz@sha256:abc', /ends in '@sha256:'/],
])('%s is no source', (text, rule) => {
  expect(() => parseSource(text)).toThrow(rule);
});
