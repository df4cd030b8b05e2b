import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { commit, git, head, read, subjects, tree } from '../../git/repositories.ts';
import { A, archives, B, C, PATH_A, PATH_B, PATH_C } from './archives.ts';
import { openFixture } from './fixture.ts';

/** What happens to an archive between two nights, against a real git server. */
const fixture = openFixture();
const { archive, push } = archives(fixture);

test('the branch was deleted: it starts again from the base, and nothing of it comes back', async () => {
  const { folder, url } = await archive();
  await push(url, [A]);
  git(folder, ['update-ref', '-d', 'refs/heads/next']);
  const run = await push(url, [B]);
  expect(run).toMatchObject({ status: 0, document: { operation: 'pushed' } });
  expect(Object.keys(tree(folder, 'next'))).toEqual(['README.md', PATH_B]);
  const { kernels } = JSON.parse(read(folder, 'catalog', 'catalog.json'));
  expect(Object.keys(kernels)).toEqual([PATH_B]);
});

test('a person moved the branch to other commits: their work stays, and ours is added to it', async () => {
  const { folder, url } = await archive();
  await push(url, [A]);
  const base = head(folder, 'master') as string;
  git(folder, ['update-ref', 'refs/heads/next', base]);
  commit(folder, 'next', { 'notes.md': 'By hand.' }, 'Mine');
  const run = await push(url, [B]);
  expect(run).toMatchObject({ status: 0, document: { operation: 'pushed', moved: 'no' } });
  expect(subjects(folder, 'next', 'master')).toEqual(['Mine', `Add BTF of ${B}`]);
  expect(Object.keys(tree(folder, 'next'))).toEqual(['README.md', 'notes.md', PATH_B]);
});

test('a person moved the branch while a run pushes: the lease refuses, and nothing of theirs is lost', async () => {
  const { folder, server, url } = await archive();
  await push(url, [A]);
  let moved = false;
  server.weather.beforePush = async () => {
    if (moved) return;
    moved = true;
    commit(folder, 'next', { 'notes.md': 'By hand.' }, 'Mine');
  };
  expect(await push(url, [B])).toMatchObject({ status: 0 });
  const commits = [`Add BTF of ${A}`, 'Mine', `Add BTF of ${B}`];
  expect(subjects(folder, 'next', 'master')).toEqual(commits);
});

test('the repository was renamed: the redirect of the host is followed, to read and to push', async () => {
  const { folder, server, url } = await archive();
  await push(url, [A]);
  const renamed = folder.replace('.git', '-renamed.git');
  const [from, to] = [folder, renamed].map((path) => path.slice(fixture.root.length));
  renameSync(folder, renamed);
  server.weather.redirect = (path) =>
    path.startsWith(`${from}/`) ? `${server.origin}${to}${path.slice(from?.length)}` : undefined;
  expect(await push(url, [B])).toMatchObject({ status: 0, document: { operation: 'pushed' } });
  expect(tree(renamed, 'next')).toHaveProperty([PATH_B]);
});

test('the repository was removed: what to check is said', async () => {
  const { folder, url } = await archive();
  renameSync(folder, `${folder}.gone`);
  const run = await push(url, [A]);
  expect(run).toMatchObject({ status: 2, document: { error: { reason: 'not-found' } } });
  expect(run.said).toMatch(/renamed or moved/);
});

test('the archive uses LFS for tarballs: they are stored as they are, so that readers get bytes', async () => {
  const { folder, url } = await archive();
  const attributes = '*.tar.xz filter=lfs diff=lfs merge=lfs -text\n';
  commit(folder, 'master', { '.gitattributes': attributes });
  expect(await push(url, [A])).toMatchObject({ status: 0 });
  const magic = git(folder, ['cat-file', 'blob', `refs/heads/next:${PATH_A}`]).slice(1, 5);
  expect(magic).toBe('7zXZ');
});

test('the token has expired: the variable and the option that hold it are named', async () => {
  const { folder } = await archive();
  const server = await fixture.serve({ users: { valid: 'write' }, closed: true });
  const run = await fixture.run(
    {
      input: await fixture.output([A]),
      archive: server.url(folder.slice(fixture.root.length + 1)),
      noPullRequest: true,
    },
    { BTFHUB_TOKEN: 'exp1red-t0ken' },
  );
  expect(run).toMatchObject({ status: 2, document: { error: { reason: 'bad-archive' } } });
  expect(run.said).toMatch(/BTFHUB_TOKEN or --token-file: is it expired/);
  expect(run.said).not.toContain('exp1red-t0ken');
});

test('200 kernels are one commit and one push', async () => {
  const { folder, server, url } = await archive();
  const kernels = Array.from({ length: 200 }, (_, at) => `5.10.0-${at}.oe2203.x86_64`);
  server.reset();
  const run = await push(url, kernels);
  expect(run).toMatchObject({ status: 0, document: { operation: 'pushed' } });
  expect(subjects(folder, 'next', 'master')).toEqual(['Add BTF of 200 kernels']);
  expect(Object.keys(tree(folder, 'next')).length).toBe(201);
  // One to the branch, one to the catalog.
  expect(server.wire.pushes).toBe(2);
}, 300_000);

test('the same run again, after any of these, changes nothing', async () => {
  const { folder, url } = await archive();
  await push(url, [A, C]);
  const before = [head(folder, 'next'), head(folder, 'catalog')];
  expect((await push(url, [A, C])).document).toMatchObject({ operation: 'nothing-new' });
  expect([head(folder, 'next'), head(folder, 'catalog')]).toEqual(before);
  expect(tree(folder, 'next')).toHaveProperty([PATH_C]);
});

test('no run leaves anything in the temporary folder', () => {
  expect(readdirSync(join(fixture.root, 'tmp'))).toEqual([]);
});
