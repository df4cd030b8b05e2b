import { join } from 'node:path';
import { openReader } from '../../../src/jobs/fetch/open.ts';
import { asArch, asDistributionId, asUname, asVersionId } from '../../../src/names.ts';
import { paholeBtf, programs } from '../../btf/made.ts';
import { git, head, read, tree } from '../../git/repositories.ts';
import { realPlatform } from '../make-btf/setting.ts';
import { A, archives, B, PATH_A, PATH_B } from './archives.ts';
import { openFixture } from './fixture.ts';
import { makeKernel, put, putRecord } from './kernels.ts';

const fixture = openFixture();
const { archive, push } = archives(fixture);
const platform = realPlatform({ programs });
const MERGED = paholeBtf(
  fixture.root,
  `struct task_struct { int pid; } task; struct xfs_inode { long ino; } inode;
enum a { A1 }; enum b { B1 }; union u { int i; char c; } u; typedef long word; word w;
int function(struct task_struct *task, enum a a, enum b b) { return task->pid + a + b; }`,
);
const kernelA = {
  distribution: asDistributionId('openEuler'),
  versionId: asVersionId('22.03'),
  arch: asArch('x86_64'),
  uname: asUname(A),
};

let folders = 0;

/** What build leaves in --modules-output. */
async function withModules(...names: string[]): Promise<string> {
  folders += 1;
  const folder = join(fixture.root, `modules-${folders}`);
  for (const name of names) {
    const modules = { requested: ['xfs'], included: ['xfs'], excluded: [] };
    const { record, tarball } = await makeKernel(name, { modules }, MERGED);
    put(folder, record.tarball.path, tarball);
    putRecord(folder, record);
  }
  return folder;
}

const publishModules = async (url: string, ...names: string[]) =>
  fixture.run({
    input: await withModules(...names),
    archive: url,
    modules: true,
    noPullRequest: true,
  });

test('files with modules go to branches of their own, and the others stay as they are', async () => {
  const { folder, folder: url } = await archive();
  await push(url, [A]);
  const [next, master] = [head(folder, 'next'), head(folder, 'master')];
  const run = await publishModules(url, A, B);
  expect(run).toMatchObject({ status: 0, document: { added: [{ uname: A }, { uname: B }] } });
  expect(tree(folder, 'modules-next')).toMatchObject({
    [PATH_A]: expect.anything(),
    [PATH_B]: expect.anything(),
  });
  expect([head(folder, 'next'), head(folder, 'master')]).toEqual([next, master]);
  expect(read(folder, 'next', PATH_A)).not.toBe(read(folder, 'modules-next', PATH_A));
});

test('the catalog has a file for each, whichever is published last', async () => {
  const { folder, folder: url } = await archive();
  await push(url, [A]);
  await publishModules(url, B);
  await push(url, [B]);
  const kernels = JSON.parse(read(folder, 'catalog', 'catalog.json')).kernels;
  const merged = JSON.parse(read(folder, 'catalog', 'modules.json')).kernels;
  expect(Object.keys(kernels)).toEqual([PATH_A, PATH_B]);
  expect(kernels[PATH_B]).not.toHaveProperty('modules');
  expect(Object.keys(merged)).toEqual([PATH_B]);
  expect(merged[PATH_B]).toMatchObject({ state: 'pending', modules: { included: ['xfs'] } });
});

test('files without modules do not get onto the branch of those with, nor the other way', async () => {
  const { folder, folder: url } = await archive();
  const plain = { input: await fixture.output([A]), archive: url, noPullRequest: true } as const;
  expect((await fixture.run({ ...plain, modules: true })).said).toContain('names no modules');
  const merged = { ...plain, input: await withModules(A) };
  expect((await fixture.run(merged)).said).toContain('it holds modules');
  const branches = git(folder, ['for-each-ref', '--format=%(refname:short)']);
  expect(branches).not.toMatch(/next/);
});

test('what was reviewed is read with modules, and without them as before', async () => {
  const { folder, folder: url } = await archive();
  await expect(openReader(platform, url, 'modules')).rejects.toMatchObject({
    reason: 'not-found',
    message: expect.stringContaining("no branch 'modules'"),
  });
  await push(url, [A]);
  await publishModules(url, A);
  git(folder, ['update-ref', 'refs/heads/master', 'next']);
  git(folder, ['update-ref', 'refs/heads/modules', 'modules-next']);
  const sizes: number[] = [];
  for (const content of ['kernels', 'modules'] as const) {
    const reader = await openReader(platform, url, content);
    expect(await reader.list()).toEqual([kernelA]);
    for await (const { tarball } of reader.read([kernelA])) sizes.push(tarball.length);
    await reader.close();
  }
  expect(sizes).toHaveLength(2);
  expect(sizes[0]).not.toBe(sizes[1]);
});

test('a folder and an HTTP root have no branches, and the error says what to give', async () => {
  for (const where of [fixture.root, 'http://127.0.0.1:9/files']) {
    const opened = openReader(platform, where, 'modules');
    await expect(opened).rejects.toMatchObject({ reason: expect.stringMatching(/usage|network/) });
  }
});
