import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMANDS } from '../src/commands/all.ts';
import { kebab } from '../src/commands/values.ts';
import { serveFolder } from '../src/download/static-server.ts';
import { archiveFiles, catalogOf } from './archive/archive-files.ts';
import { encodingsOf, filesWith } from './git/find-secrets.ts';
import { startGitServer } from './git/git-server.ts';
import { commit, createRepository } from './git/repositories.ts';
import { makeKernel, putKernels } from './jobs/publish/kernels.ts';
import { checked } from './schemas.ts';
import { buildProgram } from './tree/program.ts';

const SECRET = 's3cret-w0rd';
const KERNEL = '5.10.0-1.oe2203.x86_64';

const root = mkdtempSync(join(tmpdir(), 'btfhub-test-'));
const program = buildProgram(root);
// 'site' copies the pages that are beside the program.
cpSync(join(import.meta.dirname, '../dist/site'), join(root, 'site'), { recursive: true });
/** Everything that a run may leave is below this folder. */
const home = join(root, 'home');
mkdirSync(join(root, 'git'));
const archive = createRepository(join(root, 'git'), 'archive.git', { protect: false });
const { tarball } = await makeKernel(KERNEL);
commit(archive, 'master', archiveFiles({ [KERNEL]: tarball }));
commit(archive, 'catalog', { 'catalog.json': catalogOf({ [KERNEL]: tarball }) });
const input = await putKernels(join(root, 'input'), [KERNEL]);
const git = await startGitServer(join(root, 'git'), { users: { [SECRET]: 'write' }, closed: true });
const mirror = await serveFolder(join(import.meta.dirname, '../demo/repository'));

afterAll(async () => {
  await Promise.all([git.close(), mirror.close()]);
  rmSync(root, { recursive: true, force: true });
});

/** The options that take an address, and an address with the secret in it. */
const withSecret = (url: string) => url.replace('://', `://person:${SECRET}@`);
const ADDRESSES: Readonly<Record<string, string>> = {
  archive: withSecret(git.url('archive.git')),
  mirror: withSecret(mirror.url),
  apiUrl: `${withSecret(mirror.url)}api`,
  runUrl: `${withSecret(mirror.url)}run`,
  archiveUrl: withSecret('https://forge.example/archive.git'),
  rawUrl: withSecret('https://forge.example/archive/raw/master'),
  toolSource: `dwarves=${withSecret('http://127.0.0.1:9/')}pahole.git`,
};

/** What else each command needs to come to its work. */
const REST: Readonly<Record<string, readonly string[]>> = {
  plan: ['--release', '22.03-LTS-SP1', '--mirror', mirror.url],
  build: ['--release', '22.03-LTS-SP1', '--mirror', mirror.url, '--pahole', 'system'],
  publish: ['--input', input, '--archive', archive, '--no-pull-request', '--minimum-types', '10'],
  site: ['--archive', archive, '--output', join(home, 'site')],
  fetch: ['--uname', KERNEL, '--minimum-types', '10'],
  install: ['--uname', KERNEL, '--minimum-types', '10', '--root', join(home, 'image')],
  tailor: ['--minimum-types', '10', join(root, 'no-object.o')],
  check: ['--minimum-types', '10', join(root, 'no-object.o')],
};

/** Placeholders that name an address: `<URL>`, `<git URL>`, `<URL|folder>`, `<name=source>`. */
const isAddress = (placeholder: string | undefined) => /URL|source>/.test(placeholder ?? '');

const cases = COMMANDS.flatMap((command) =>
  Object.entries(command.options)
    .filter(([, { placeholder }]) => isAddress(placeholder))
    .map(([option]) => [command.name, option] as const),
);

test('every option that takes an address has one with a secret here', () => {
  expect(cases.length).toBeGreaterThan(10);
  expect(cases.filter(([, option]) => ADDRESSES[option] === undefined)).toEqual([]);
});

test.each(cases)(
  '%s --%s: the secret of an address is in no output and no file',
  async (name, option) => {
    rmSync(home, { recursive: true, force: true });
    mkdirSync(join(home, 'tmp'), { recursive: true });
    const address = ADDRESSES[option] as string;
    const env = {
      HOME: home,
      TMPDIR: join(home, 'tmp'),
      XDG_CACHE_HOME: join(home, 'cache'),
      BTFHUB_OUTPUTS: join(home, 'outputs'),
      BTFHUB_SUMMARY: join(home, 'summary'),
      GIT_CONFIG_NOSYSTEM: '1',
    };
    const output =
      { build: ['--output', join(home, 'btf')], fetch: ['--output', home] }[name] ?? [];
    const args = [name, ...(REST[name] ?? []), ...output, `--${kebab(option)}`, address, '--json'];
    const run = await program(args, env);
    checked(name, JSON.parse(run.stdout));
    const said = `${run.stdout}${run.stderr}`;
    expect(encodingsOf(SECRET).filter((secret) => said.includes(secret))).toEqual([]);
    expect(filesWith(home, encodingsOf(SECRET))).toEqual([]);
  },
);

test('the archive of a plan is its address without the secret', async () => {
  const address = ADDRESSES.archive as string;
  const args = ['plan', ...(REST.plan ?? []), '--archive', address, '--json'];
  const { stdout, status } = await program(args, { TMPDIR: root, GIT_CONFIG_NOSYSTEM: '1' });
  expect(status).toBe(0);
  expect(checked('plan', JSON.parse(stdout)).archive).toBe(git.url('archive.git'));
});
