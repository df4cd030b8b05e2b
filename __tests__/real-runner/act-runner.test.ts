import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import { compileBpf } from '../btf/made.ts';
import {
  createRepository,
  createUser,
  forgeUrl,
  type Repository,
  repositoryOf,
  type User,
} from '../real-forge/gitea.ts';
import { ActRunner } from './act-runner.ts';
import { project } from './project.ts';

/** jest.runner.config.mjs leaves this file out where the variable names no program. */
const program = process.env.BTFHUB_TEST_ACT_RUNNER as string;
const X86 = '5.10.0-136.12.0.86.oe2203sp1.x86_64';
const ARM = '5.10.0-136.12.0.86.oe2203sp1.aarch64';

let runner: ActRunner;
let mirror: Served;
let owner: User;
let token: string;
let archive: Repository;

beforeAll(async () => {
  mirror = await serveFolder(join(project, 'demo/repository'));
  owner = await createUser();
  token = (await owner.token()).secret;
  archive = await createRepository(owner);
  runner = await ActRunner.open(program, owner, {
    BTFHUB_MIRROR: mirror.url,
    BTFHUB_KERNEL: '5.10.0-136.12.*',
    BTFHUB_SIGNATURE: 'off',
    BTFHUB_PAHOLE: 'system',
    BTFHUB_XZ: 'system',
    BTFHUB_MINIMUM_TYPES: '100',
    BTFHUB_ALLOW_EMPTY: 'true',
    BTFHUB_FORGE: 'gitea',
  });
});
afterAll(async () => {
  await runner.close();
  await owner.remove();
  await mirror.close();
});

test('examples/gitea as it is: plan, two build jobs, publish, one pull request; the next run has nothing to build; with modules a second one', async () => {
  const ci = await createRepository(owner, { protect: false });
  const api = `/repos/${owner.name}/${ci.name}/actions`;
  await owner.call('PUT', `${api}/secrets/BTFHUB_TOKEN`, { data: token });
  await owner.call('POST', `${api}/variables/BTFHUB_ARCHIVE`, { value: archive.url() });
  const example = readFileSync(join(project, 'examples/gitea/update-archive.yml'), 'utf8');
  await ci.write('master', '.gitea/workflows/update-archive.yml', example);

  const first = await runner.dispatch(ci.name, 'update-archive.yml');
  expect([first.conclusion, first.jobs]).toEqual([
    'success',
    {
      Plan: 'success',
      'Build x86_64': 'success',
      'Build aarch64': 'success',
      Publish: 'success',
      'Publish modules': 'skipped',
    },
  ]);
  expect(await archive.open()).toHaveLength(1);
  expect((await archive.files('next')).filter((name) => name.endsWith('.btf.tar.xz'))).toEqual([
    `openEuler/22.03/aarch64/${ARM}.btf.tar.xz`,
    `openEuler/22.03/arm64/${ARM}.btf.tar.xz`,
    `openEuler/22.03/x86_64/${X86}.btf.tar.xz`,
  ]);

  const second = await runner.dispatch(ci.name, 'update-archive.yml');
  expect(second.conclusion).toBe('success');
  expect(second.jobs).toMatchObject({ Plan: 'success', Publish: 'skipped' });
  expect(await archive.open()).toHaveLength(1);

  // Files with modules have branches and a pull request of their own.
  await archive.branch('modules', 'master');
  await owner.call('POST', `${api}/variables/BTFHUB_MODULES`, { value: 'xfs' });
  const third = await runner.dispatch(ci.name, 'update-archive.yml');
  expect(third.conclusion).toBe('success');
  expect(third.jobs).toMatchObject({ Publish: 'skipped', 'Publish modules': 'success' });
  expect((await archive.open()).map(({ head }) => head.ref)).toEqual(['next', 'modules-next']);

  // The logs are there to be searched: the pull request's address is in one.
  expect(first.log).toContain((await archive.open())[0]?.html_url ?? '-');
  expect(first.log + second.log + third.log + runner.printed).not.toContain(token);
});

test('the actions tailor and check of a repository of this Gitea read its archive', async () => {
  const [pull] = await archive.open();
  await archive.merge(pull?.number ?? 0, 'merge');
  const tool = repositoryOf(owner, 'btfhub-action');
  await owner.call('POST', '/user/repos', { name: tool.name, default_branch: 'main' });
  const bare = join(runner.folder, 'mirror/openeuler/btfhub-action.git');
  execFileSync('git', ['push', '--quiet', tool.url(), 'main', 'v0'], {
    cwd: bare,
    env: {
      ...process.env,
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'http.extraHeader',
      GIT_CONFIG_VALUE_0: `Authorization: token ${token}`,
    },
  });
  const object = compileBpf(
    runner.folder,
    `struct task_struct { int prio; } __attribute__((preserve_access_index));
     char LICENSE[] __attribute__((section("license"))) = "GPL";
     __attribute__((section("kprobe/x"))) int probe(struct task_struct *t) { return t->prio; }`,
    'bpf',
  );
  const output = join(runner.folder, 'min_core_btfs.tar.gz');
  const action = (name: string, more = {}) => ({
    uses: `${forgeUrl()}/${owner.name}/${tool.name}/${name}@v0`,
    with: { object, archive: archive.url(), kernel: 'all', ...more },
  });
  const ci = await createRepository(owner, { protect: false });
  const steps = [action('tailor', { output }), action('check')];
  const workflow = stringify({
    on: 'push',
    jobs: { ship: { 'runs-on': 'ubuntu-24.04', steps } },
  });
  await ci.write('master', '.gitea/workflows/ship.yml', workflow);
  const run = await runner.finished(ci.name);
  expect([run.log, run.conclusion]).toEqual([expect.any(String), 'success']);
  expect(run.log).toMatch(/2 kernels/);
  expect(readFileSync(output).length).toBeGreaterThan(100);
});
