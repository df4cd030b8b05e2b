import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, git, head, read, subjects, tree } from '../../git/repositories.ts';
import { A, archives, B, C, PATH_A, PATH_B } from './archives.ts';
import { openFixture } from './fixture.ts';

const fixture = openFixture();
const { archive, push } = archives(fixture);

describe('a kernel that the archive has', () => {
  test('is left when its bytes are the same: nothing is pushed, and it says so', async () => {
    const { folder, server, url } = await archive();
    await push(url, [A, C]);
    const before = [head(folder, 'next'), head(folder, 'catalog')];
    server.reset();
    const run = await push(url, [A, C]);
    expect(run).toMatchObject({ status: 0, document: { operation: 'nothing-new', commit: null } });
    expect(run.said).toContain('Nothing new');
    expect([head(folder, 'next'), head(folder, 'catalog')]).toEqual(before);
    expect(server.wire.pushes).toBe(0);
  });

  test('is refused by name when its bytes differ, and the other kernels are published', async () => {
    const { folder, folder: url } = await archive();
    commit(folder, 'master', { [PATH_A]: 'other bytes' });
    const run = await push(url, [A, B]);
    expect(run.status).toBe(1);
    expect(run.said).toContain(`Refused: ${A}`);
    expect(run.document.refused).toMatchObject([{ uname: A }]);
    expect(read(folder, 'next', PATH_A)).toBe('other bytes');
    expect(tree(folder, 'next')).toHaveProperty([PATH_B]);
    expect(read(folder, 'catalog', 'catalog.json')).not.toContain(`"${PATH_A}"`);
  });

  test('is replaced when asked for', async () => {
    const { folder, folder: url } = await archive();
    commit(folder, 'master', { [PATH_A]: 'other bytes' });
    const run = await push(url, [A], [], { replace: true });
    expect(run).toMatchObject({ status: 0, document: { refused: [], added: [{ uname: A }] } });
    expect(read(folder, 'next', PATH_A)).not.toBe('other bytes');
    expect(read(folder, 'catalog', 'catalog.json')).toContain('"pending"');
  });

  test('gets the second name that it lacks', async () => {
    const { folder, folder: url } = await archive();
    const old = 'openEuler/20.03/arm64/4.19.90-1.oe1.aarch64.btf.tar.xz';
    commit(folder, 'master', { [old]: 'old bytes' });
    const run = await push(url, [A]);
    expect(run.document.twins).toEqual([old.replace('arm64', 'aarch64')]);
    expect(read(folder, 'next', old.replace('arm64', 'aarch64'))).toBe('old bytes');
  });

  test('a link where a folder belongs is refused', async () => {
    const { folder, folder: url } = await archive();
    const link = git(folder, ['hash-object', '-w', '--stdin'], 'arm64');
    const file = git(folder, ['mktree'], `120000 blob ${link}\taarch64\n`);
    const version = git(folder, ['mktree'], `040000 tree ${file}\t24.03\n`);
    const top = git(folder, ['mktree'], `040000 tree ${version}\topenEuler\n`);
    const made = git(folder, ['commit-tree', top, '-p', 'master', '-m', 'Link']);
    git(folder, ['update-ref', 'refs/heads/master', made]);
    const run = await push(url, [C]);
    expect(run).toMatchObject({ status: 2, document: { error: { reason: 'bad-archive' } } });
    expect(run.said).toContain('openEuler/24.03/aarch64 is a link');
  });
});

describe('what waits', () => {
  test('stays, and the next run adds a commit to it', async () => {
    const { folder, folder: url } = await archive();
    await push(url, [A]);
    const first = head(folder, 'next');
    await push(url, [B]);
    expect(git(folder, ['rev-parse', 'next^'])).toBe(first);
    expect(tree(folder, 'next')).toMatchObject({
      [PATH_A]: expect.anything(),
      [PATH_B]: expect.anything(),
    });
  });

  test('is made linear when a person merged master into it, and what the merge itself did is kept', async () => {
    const { folder, folder: url } = await archive();
    await push(url, [A]);
    commit(folder, 'master', { 'README.md': 'From master.' });
    commit(folder, 'next', { 'merged.md': 'x' }, 'Before the merge');
    const [next, master] = [head(folder, 'next'), head(folder, 'master')] as [string, string];
    commit(folder, 'evil', { 'README.md': 'From master.', 'resolved.md': 'By hand.' }, 'x', next);
    const resolved = git(folder, ['rev-parse', 'evil^{tree}']);
    const merge = git(folder, [
      'commit-tree',
      resolved,
      '-p',
      next,
      '-p',
      master,
      '-m',
      'Merge master',
    ]);
    git(folder, ['update-ref', 'refs/heads/next', merge]);
    await push(url, [B]);
    expect(git(folder, ['rev-list', '--merges', 'next'])).toBe('');
    expect(Object.keys(tree(folder, 'next'))).toEqual([
      'README.md',
      'merged.md',
      PATH_A,
      PATH_B,
      'resolved.md',
    ]);
    expect(read(folder, 'next', 'README.md')).toBe('From master.');
  });

  test('and was removed by a person is not added again', async () => {
    const { folder, folder: url } = await archive();
    await push(url, [A, B]);
    commit(folder, 'next', { [PATH_A]: null }, 'Not this one');
    commit(folder, 'master', { 'docs.md': 'More.' });
    await push(url, [C]);
    expect(tree(folder, 'next')).not.toHaveProperty([PATH_A]);
    expect(tree(folder, 'next')).toHaveProperty([PATH_B]);
  });

  test('and disagrees with master about a file is left for a person to decide', async () => {
    const { folder, folder: url } = await archive();
    await push(url, [A]);
    commit(folder, 'next', { 'README.md': 'One.' });
    commit(folder, 'master', { 'README.md': 'Other.' });
    const before = head(folder, 'next');
    const run = await push(url, [B]);
    expect(run).toMatchObject({ status: 2, document: { error: { reason: 'bad-archive' } } });
    expect(run.said).toMatch(/'master' and 'next' both changed README\.md/);
    expect(head(folder, 'next')).toBe(before);
  });
});

describe('after the review', () => {
  test('what came after the squash still waits', async () => {
    const { folder, folder: url } = await archive();
    await push(url, [A]);
    const made = git(folder, ['commit-tree', 'next^{tree}', '-p', 'master', '-m', 'Squashed']);
    await push(url, [C]);
    git(folder, ['update-ref', 'refs/heads/master', made]);
    const run = await push(url, [B]);
    expect(run.document).toMatchObject({ moved: 'rebased' });
    expect(subjects(folder, 'next', 'master')).toEqual([`Add BTF of ${C}`, `Add BTF of ${B}`]);
    expect(head(folder, 'master')).toBe(made);
  });

  test('a kernel that was squashed and then changed on master is not put back', async () => {
    const { folder, folder: url } = await archive();
    await push(url, [A]);
    const made = git(folder, ['commit-tree', 'next^{tree}', '-p', 'master', '-m', 'Squashed']);
    git(folder, ['update-ref', 'refs/heads/master', made]);
    commit(folder, 'master', { [PATH_A]: 'made by hand' });
    await push(url, [B]);
    expect(read(folder, 'next', PATH_A)).toBe('made by hand');
    expect(subjects(folder, 'next', 'master')).toEqual([`Add BTF of ${B}`]);
  });

  test('nothing new and all merged: the catalog alone is brought up to date', async () => {
    const { folder, folder: url } = await archive();
    await push(url, [A]);
    git(folder, ['update-ref', 'refs/heads/master', 'next']);
    const next = head(folder, 'next');
    expect((await push(url, [])).status).toBe(2);
    const run = await push(url, [], [], { allowEmpty: true });
    expect(run).toMatchObject({ status: 0, document: { operation: 'nothing-new' } });
    expect(head(folder, 'next')).toBe(next);
    expect(read(folder, 'catalog', 'catalog.json')).toContain('"archived"');
  });
});

test('a kernel that failed is in the catalog, and nothing else is pushed', async () => {
  const { folder, folder: url } = await archive();
  const run = await push(url, [], [A]);
  expect(run).toMatchObject({ status: 0, document: { operation: 'nothing-new' } });
  expect(head(folder, 'next')).toBeUndefined();
  const { kernels } = JSON.parse(read(folder, 'catalog', 'catalog.json'));
  expect(kernels[PATH_A]).toMatchObject({ state: 'failed', reason: 'no-vmlinux' });
  expect(git(folder, ['rev-list', '--count', 'catalog'])).toBe('1');
  expect(Object.keys(tree(folder, 'catalog'))).toEqual(['catalog.json', 'datadog.json']);
});

test('a catalog that cannot be read is told before anything is pushed', async () => {
  const { folder, folder: url } = await archive();
  commit(folder, 'catalog', { 'catalog.json': '{' });
  const run = await push(url, [A]);
  expect(run).toMatchObject({ status: 2, document: { error: { reason: 'bad-archive' } } });
  expect(head(folder, 'next')).toBeUndefined();
});

test('a dry run says what would be done, and does nothing', async () => {
  const { folder, server, url } = await archive();
  const run = await push(url, [A], [B], { dryRun: true });
  expect(run).toMatchObject({
    status: 0,
    document: { operation: 'dry-run', added: [{ uname: A }] },
  });
  expect(run.said).toContain('would be pushed');
  expect(server.wire.pushes).toBe(0);
  expect(head(folder, 'next')).toBeUndefined();
});

test("author and committer are those of the options, else those of git's configuration, else the default", async () => {
  const { folder, folder: url } = await archive();
  const who = () => git(folder, ['log', '-1', '--format=%an <%ae>, %cn <%ce>', 'next']);
  await push(url, [A]);
  expect(who()).toBe(
    'openEuler BTFHub <btfhub@noreply.invalid>, openEuler BTFHub <btfhub@noreply.invalid>',
  );
  await push(url, [B], [], {
    author: 'Bot One <one@example.org>',
    committer: 'Two <two@example.org>',
  });
  expect(who()).toBe('Bot One <one@example.org>, Two <two@example.org>');
});

test('commits are signed when git is set up for it, those that are rebased as well', async () => {
  const { folder } = await archive();
  const home = join(fixture.root, 'gnupg');
  mkdirSync(home, { mode: 0o700 });
  const gpg = (...args: string[]) =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], { stdio: 'pipe' });
  gpg(
    '--passphrase',
    '',
    '--quick-generate-key',
    'Bot <bot@example.org>',
    'ed25519',
    'sign',
    'never',
  );
  const config = join(fixture.root, 'gitconfig');
  writeFileSync(config, '[user]\nname = Bot\nemail = bot@example.org\n[commit]\ngpgsign = true\n');
  const env = { GIT_CONFIG_GLOBAL: config, GNUPGHOME: home };
  const run = async (built: string[]) =>
    fixture.run({ input: await fixture.output(built), archive: folder, noPullRequest: true }, env);
  expect(await run([A])).toMatchObject({ status: 0 });
  commit(folder, 'master', { 'docs.md': 'More.' });
  expect((await run([B])).document).toMatchObject({ moved: 'rebased' });
  for (const one of ['next', 'next^', 'catalog']) {
    expect(git(folder, ['cat-file', 'commit', one])).toContain('BEGIN PGP SIGNATURE');
  }
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'gpg-agent']);
});

test('no run leaves anything in the temporary folder', () => {
  expect(existsSync(fixture.scratch)).toBe(true);
  expect(readdirSync(fixture.scratch)).toEqual([]);
});
