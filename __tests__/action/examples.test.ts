import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { git, tree } from '../git/repositories.ts';
import { root } from './files.ts';
import { type Machine, runAtomGit, runGiteeGo, runJenkins } from './pipelines.ts';
import { demoSettings, openSite, type Site, spoilPackage, TOKEN } from './site.ts';

/** Milliseconds: each pipeline clones the tool, builds and publishes with real programs. */
const A_NIGHT = 300_000;

let site: Site;
let machine: Machine;
beforeEach(async () => {
  site = await openSite();
  const home = join(site.folder, 'home');
  mkdirSync(home);
  // The kernels of one architecture are enough to see a pipeline work.
  const env = { ...demoSettings(site), TOOL: toolRepository(site), BTFHUB_KERNEL: '*x86_64' };
  machine = { home, env, secrets: { BTFHUB_TOKEN: TOKEN } };
});
afterEach(() => site.close());

/** What `git clone` brings: this project, at the version that the examples name. */
function toolRepository({ folder }: Site): string {
  const repository = join(folder, 'tool');
  mkdirSync(repository);
  cpSync(join(root, 'dist'), join(repository, 'dist'), { recursive: true });
  git(repository, ['init', '--quiet', '--initial-branch=main', '.']);
  git(repository, ['add', '.']);
  git(repository, ['commit', '--quiet', '-m', 'Release']);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  git(repository, ['tag', `v${version.split('.')[0]}`]);
  return repository;
}

const example = (path: string) => readFileSync(join(root, 'examples', path), 'utf8');

/** The four x86_64 kernels of the demonstration wait for review, by one pull request. */
function expectPublished(): void {
  const tarballs = Object.keys(tree(site.archive, 'next')).filter((path) => path.endsWith('.xz'));
  expect(tarballs).toHaveLength(4);
  expect(site.forge.pulls).toHaveLength(1);
}

test(
  'AtomGit: outputs and summary reach the files that it names, and the pull request is there',
  async () => {
    const text = example('atomgit/update-archive.yml').replace('[x86_64, aarch64]', '[x86_64]');
    const ran = await runAtomGit(text, machine);
    expect(ran.map(({ where, status }) => `${where}: ${status}`)).toEqual([
      ...['build 0: 0', 'build 0: 0'],
      ...['publish 0: 0', 'publish 0: 0'],
    ]);
    const [, build, , publish] = ran;
    expect(build?.outputs).toMatchObject({ built: '4', failed: '0' });
    expect(build?.summary).toContain('5.10.0-136.12.0.86.oe2203sp1.x86_64');
    expect(build?.log).toContain('::group::5.10.0-136.12.0.86.oe2203sp1.x86_64: built');
    expect(publish?.outputs['pull-request-number']).toBe('1');
    expectPublished();
  },
  A_NIGHT,
);

test(
  'Gitee Go: the parameters for later stages are written, and the pull request is there',
  async () => {
    const ran = await runGiteeGo(example('gitee-go/update-archive.yml'), machine);
    expect(ran.map(({ where, status }) => `${where}: ${status}`)).toEqual([
      'build: 0',
      'publish: 0',
    ]);
    const parameters = readFileSync(join(machine.home, 'btfhub/GITEE_PARAMS'), 'utf8');
    expect(parameters).toMatch(/^built=4\nfailed=0\n/);
    expect(parameters).toMatch(/^pull-request-number=1$/m);
    expectPublished();
  },
  A_NIGHT,
);

test(
  'Gitee Go: when a kernel fails the others are published, and the last stage is red',
  async () => {
    spoilPackage(site, 'kernel-debuginfo-6.6.0-28.0.0.34.oe2403.x86_64.rpm');
    const ran = await runGiteeGo(example('gitee-go/update-archive.yml'), machine);
    expect(ran.map(({ where, status }) => `${where}: ${status}`)).toEqual([
      'build: 0',
      'publish: 1',
    ]);
    const tarballs = Object.keys(tree(site.archive, 'next')).filter((path) => path.endsWith('.xz'));
    expect(tarballs).toHaveLength(3);
  },
  A_NIGHT,
);

test(
  'Jenkins: three stages, the summary and the outputs as files, and the run named in the commit',
  async () => {
    const ran = await runJenkins(example('jenkins/Jenkinsfile'), machine, { LIMIT: '6' });
    expect(ran.map(({ where, status }) => `${where}: ${status}`)).toEqual([
      'Fetch the tool: 0',
      'Build: 0',
      'Publish: 0',
    ]);
    const workspace = join(machine.home, 'workspace');
    const summary = readFileSync(join(workspace, 'summary.md'), 'utf8');
    expect(summary).toContain('| 5.10.0-136.12.0.86.oe2203sp1.x86_64 | built |');
    expect(summary).toContain('https://forge.test/openeuler/archive/pulls/1');
    expect(readFileSync(join(workspace, 'outputs.properties'), 'utf8')).toMatch(/^built=4$/m);
    const message = git(site.archive, ['log', '-1', '--format=%B', 'next']);
    expect(message).toContain('http://jenkins.test/job/btf/3/');
    expect(ran.map(({ log }) => log).join()).not.toContain(TOKEN);
    expectPublished();
  },
  A_NIGHT,
);

test(
  'Jenkins: a bad parameter is refused with a clear line, and nothing is published',
  async () => {
    const ran = await runJenkins(example('jenkins/Jenkinsfile'), machine, { LIMIT: 'few' });
    expect(ran.map(({ status }) => status)).toEqual([0, 2, 2]);
    expect(ran[1]?.log).toBe(
      "btfhub: limit (BTFHUB_LIMIT): 'few' is no limit: give kernels (20), bytes (20GB) or time (90min, 6h).\n",
    );
    expect(site.forge.pulls).toEqual([]);
  },
  A_NIGHT,
);
