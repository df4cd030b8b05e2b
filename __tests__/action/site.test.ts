import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packBtf } from '../../src/btf/tarball.ts';
import { MANIFEST_SCHEMA } from '../../src/explorer/manifest.ts';
import { asUname } from '../../src/names.ts';
import { archiveFiles } from '../archive/archive-files.ts';
import { KERNELS } from '../btf/core/cases.ts';
import { paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { type GitServer, startGitServer } from '../git/git-server.ts';
import { commit, createRepository } from '../git/repositories.ts';
import { root } from './files.ts';
import { HostServices } from './runner/host.ts';
import { runWorkflow } from './runner/workflow.ts';

const FIRST = '5.10.0-60.1.0.30.oe2203.x86_64';
const SECOND = '5.10.0-60.2.0.31.oe2203.x86_64';

const made = temporaryFolder();
let folder: string;
let git: GitServer;
let services: HostServices;
let runs: number;

async function tarball(uname: string, kernel: string): Promise<Record<string, Buffer>> {
  const btf = paholeBtf(made, KERNELS[kernel] ?? '');
  return archiveFiles({ [uname]: await packBtf(programs, asUname(uname), btf) });
}

beforeEach(async () => {
  runs = 0;
  folder = mkdtempSync(join(tmpdir(), 'site-action-'));
  services = new HostServices(root, join(folder, 'host'));
  commit(createRepository(folder, 'archive.git'), 'master', await tarball(FIRST, 'base'));
  git = await startGitServer(folder);
});
afterEach(async () => {
  await git.close();
  rmSync(folder, { recursive: true });
});

/** One run of the workflow that the archive's owners have, always in the same place, as on a host. */
async function publish() {
  services.beginRun();
  runs += 1;
  const home = join(folder, 'run');
  rmSync(home, { recursive: true, force: true });
  const path = join(folder, 'publish-site.yml');
  const example = readFileSync(join(root, 'examples/github/publish-site.yml'), 'utf8');
  writeFileSync(
    path,
    example
      .replace(/'https:\/\/atomgit[^']*'/, `'${git.url('archive.git')}'`)
      .replace(/openeuler\/btfhub-action\/(\S+)@v0/, './$1'),
  );
  return runWorkflow(path, {
    project: root,
    services,
    home,
    event: 'schedule',
    number: runs,
  });
}

test('the site is built and deployed, and the next run reads only new kernels', async () => {
  const first = await publish();
  expect(first.jobs.map(({ name, result }) => `${name}: ${result}`)).toEqual([
    'Build the site: success',
    'Deploy to Pages: success',
  ]);
  expect(first.jobs[0]?.log).toContain('1 kernel, of which 1 were read now');
  expect(first.jobs[1]?.outputs.url).toBe('https://pages.test/');
  const pages = services.artifact('github-pages');
  const files = readdirSync(pages);
  expect(files).toEqual(
    expect.arrayContaining(['index.html', 'site.js', 'site.json', 'worker.js']),
  );
  const { database, archive } = JSON.parse(readFileSync(join(pages, 'site.json'), 'utf8'));
  expect(existsSync(join(pages, database.file))).toBe(true);
  expect(archive).toBe(git.url('archive.git'));

  commit(join(folder, 'archive.git'), 'master', await tarball(SECOND, 'moved'));
  const second = await publish();
  expect(second.jobs[0]?.log).toContain('2 kernels, of which 1 were read now');
  // A site of another version cannot be read, and is not restored.
  const ours = expect.stringMatching(`^btfhub-site-${MANIFEST_SCHEMA}-`);
  expect(services.cacheKeys()).toEqual([ours, ours]);
});

test('a kernel that cannot be read makes the run red, and nothing is deployed', async () => {
  const broken = archiveFiles({ [SECOND]: Buffer.from('nothing') });
  commit(join(folder, 'archive.git'), 'master', broken);
  const { jobs } = await publish();
  expect(jobs.map(({ name, result }) => `${name}: ${result}`)).toEqual([
    'Build the site: failure',
    'deploy: skipped',
  ]);
  expect(jobs[0]?.log).toContain(`::error title=${SECOND}::`);
  expect(services.cacheKeys()).toHaveLength(1);
});
