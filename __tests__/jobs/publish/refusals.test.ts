import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openArchive } from '../../../src/archive/archive.ts';
import { asBranch } from '../../../src/names.ts';
import { systemPrograms } from '../../../src/platform/programs.ts';
import { commit, createRepository, git, head, tree } from '../../git/repositories.ts';
import { A, archives, B, PATH_A, PATH_B } from './archives.ts';
import { openFixture } from './fixture.ts';

const fixture = openFixture();
const { archive, push } = archives(fixture);

/** Makes the archive's host refuse pushes with these words. */
function refuseWith(folder: string, words: string): void {
  const hook = join(folder, 'hooks/pre-receive');
  writeFileSync(hook, `#!/bin/sh\necho '${words}' >&2\nexit 1\n`);
  chmodSync(hook, 0o755);
}

describe('a permanent refusal is one attempt, and says what to do', () => {
  test.each([
    ['a hook of the host', 'Kernels come on Mondays only.', /A rule or a hook of the host/],
    ['a quota', 'This repository is over its data quota.', /A limit of the host on size/],
    ['a large file', 'GH001: Large files detected.', /A limit of the host on size/],
    ['a protected branch', 'GH006: Protected branch update failed.', /A rule or a hook/],
  ])('%s', async (_what, words, advice) => {
    const { folder, server, url } = await archive();
    refuseWith(folder, words);
    const run = await push(url, [A]);
    expect(run).toMatchObject({ status: 2, document: { error: { reason: 'bad-archive' } } });
    expect(run.said).toContain(words);
    expect(run.said).toMatch(advice);
    expect(server.wire.pushes).toBe(1);
  });
});

test('commits that are to be signed, without a key, are a mistake that is explained, not a defect', async () => {
  const { folder } = await archive();
  const home = join(fixture.root, 'no-keys');
  mkdirSync(home, { mode: 0o700 });
  const input = await fixture.output([A]);
  const run = await fixture.run(
    { input, archive: folder, noPullRequest: true },
    {
      GNUPGHOME: home,
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'commit.gpgsign',
      GIT_CONFIG_VALUE_0: 'true',
      GIT_CONFIG_KEY_1: 'gpg.program',
      GIT_CONFIG_VALUE_1: 'gpg',
    },
  );
  expect(run).toMatchObject({ status: 2, document: { error: { reason: 'usage' } } });
  expect(run.said).toMatch(/user\.signingkey/);
  expect(run.said).not.toMatch(/defect/);
  expect(head(folder, 'next')).toBeUndefined();
});

describe('an archive with SHA-256 objects', () => {
  const open = async (name: string) => {
    const folder = createRepository(fixture.root, name, { format: 'sha256' });
    const server = await fixture.serve();
    return { folder, url: server.url(name) };
  };

  test.each(['its URL', 'its folder'])('is published to and read by %s', async (where) => {
    const { folder, url } = await open(`sha256-${where.length}.git`);
    commit(folder, 'master', { 'README.md': 'An archive.\n' }, 'Begin');
    const place = where === 'its URL' ? url : folder;
    expect(await push(place, [A])).toMatchObject({ status: 0 });
    commit(folder, 'master', { 'docs.md': 'More.' });
    expect(await push(place, [B])).toMatchObject({ status: 0, document: { moved: 'rebased' } });
    expect(Object.keys(tree(folder, 'next'))).toEqual(['README.md', 'docs.md', PATH_A, PATH_B]);
    expect(head(folder, 'next')).toHaveLength(64);
    const env = { ...process.env, TMPDIR: fixture.scratch };
    const reader = await openArchive(
      { env, programs: systemPrograms(env), interrupted: new AbortController().signal },
      place,
    );
    expect(await reader.readFile(asBranch('next'), PATH_B)).toBeDefined();
    await reader.close();
  });

  test('and without a commit is refused at once, with what to do', async () => {
    const { url } = await open('sha256-empty.git');
    const run = await push(url, [A]);
    expect(run).toMatchObject({ status: 2, document: { error: { reason: 'bad-archive' } } });
    expect(run.said).toMatch(/hash algorithm .*push one commit to it by hand/);
  });
});

test('only the git that talks to the host, and no other program, sees the token', async () => {
  const { folder } = await archive();
  const server = await fixture.serve({ users: { 's3cret-t0ken': 'write' }, closed: true });
  const programs = join(fixture.root, 'programs');
  const log = join(fixture.root, 'seen');
  mkdirSync(programs);
  for (const name of ['git', 'xz']) {
    const real = systemPrograms(process.env).find(name);
    const script = `#!/bin/sh\nif env | grep -q s3cret-t0ken; then printf '%s\\n' "${name} $*" >> '${log}'; fi\nexec '${real}' "$@"\n`;
    writeFileSync(join(programs, name), script);
    chmodSync(join(programs, name), 0o755);
  }
  const run = await fixture.run(
    {
      input: await fixture.output([A]),
      archive: server.url(folder.slice(fixture.root.length + 1)),
      noPullRequest: true,
    },
    { BTFHUB_TOKEN: 's3cret-t0ken', PATH: `${programs}:${process.env.PATH}` },
  );
  expect(run.status).toBe(0);
  const seen = readFileSync(log, 'utf8').trim().split('\n');
  const commands = seen.map((line) => / (ls-remote|fetch|push) /.exec(line)?.[1] ?? line);
  expect([...new Set(commands)].sort()).toEqual(['fetch', 'ls-remote', 'push']);
});

test("the user's own way to a host stays: an address that their configuration rewrites", async () => {
  const { folder, server } = await archive();
  const name = folder.slice(fixture.root.length + 1);
  const run = await fixture.run(
    {
      input: await fixture.output([A]),
      archive: `http://archive.invalid/${name}`,
      noPullRequest: true,
    },
    {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.${server.origin}/.insteadOf`,
      GIT_CONFIG_VALUE_0: 'http://archive.invalid/',
      EDITOR: 'false',
      GIT_PAGER: 'false',
    },
  );
  expect(run).toMatchObject({ status: 0, document: { operation: 'pushed' } });
  expect(git(folder, ['rev-parse', 'next'])).toBe(run.document.commit);
});

test('no run leaves anything in the temporary folder', () => {
  expect(readdirSync(fixture.scratch)).toEqual([]);
});
