import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import { RECIPES } from '../../src/toolchain/recipes.ts';
import { saveTool } from '../../src/toolchain/tool-cache.ts';
import { compileBpf } from '../btf/made.ts';
import {
  createRepository,
  createUser,
  forgeUrl,
  type Repository,
  type User,
} from '../real-forge/gitea.ts';
import { Act, type ActOptions } from './act.ts';

const root = join(import.meta.dirname, '../..');
const demo = join(root, 'demo/repository');
const X86 = '5.10.0-136.12.0.86.oe2203sp1.x86_64';
const ARM = '5.10.0-136.12.0.86.oe2203sp1.aarch64';

let act: Act;
let mirror: Served;
let owner: User;
let token: string;

beforeAll(async () => {
  act = await Act.open();
  mirror = await serveFolder(demo);
  owner = await createUser();
  token = (await owner.token()).secret;
});
afterAll(async () => {
  await owner.remove();
  await mirror.close();
  await act.close();
});

type Inputs = Readonly<Record<string, string | boolean>>;

/** With these the small kernels of the demonstration build, and go to this Gitea. */
const settings = (): Inputs => ({
  mirror: mirror.url,
  signature: 'off',
  pahole: 'system',
  xz: 'system',
  'minimum-types': '100',
  forge: 'gitea',
  'api-url': `${forgeUrl()}/api/v1`,
});

/** examples/github, with the inputs of this test beside those that it gives. */
function example(archive: Repository, inputs: Inputs): string {
  const workflow = parse(readFileSync(join(root, 'examples/github/update-archive.yml'), 'utf8'));
  Object.assign(workflow.jobs.archive.with, settings(), {
    archive: archive.url(),
    'max-jobs': '2',
    'skip-attestation': true,
    'allow-empty': true,
    ...inputs,
  });
  return stringify(workflow);
}

const night = (archive: Repository, inputs: Inputs, options: ActOptions = {}) =>
  act.run(example(archive, inputs), { secrets: { BTFHUB_TOKEN: token }, ...options });

const tarballs = async (archive: Repository) =>
  (await archive.files('next')).filter((name) => name.endsWith('.btf.tar.xz'));

test('examples/github: plan, a matrix of two jobs, build, publish, one pull request; the next night has nothing to do', async () => {
  const archive = await createRepository(owner);
  const first = await night(archive, { kernel: '5.10.0-136.12.*' });
  expect(first.errors).toEqual([]);
  expect(first.status).toBe(0);
  expect(Object.keys(first.jobs).map((name) => name.split(' ')[0])).toEqual([
    ...['Plan', 'Build', 'Build', 'Publish'],
  ]);
  expect(await archive.open()).toHaveLength(1);
  expect(await tarballs(archive)).toEqual([
    `openEuler/22.03/aarch64/${ARM}.btf.tar.xz`,
    `openEuler/22.03/arm64/${ARM}.btf.tar.xz`,
    `openEuler/22.03/x86_64/${X86}.btf.tar.xz`,
  ]);
  expect(first.log).not.toContain(token);

  const second = await night(archive, { kernel: '5.10.0-136.12.*' }, { event: 'schedule' });
  expect(second.status).toBe(0);
  expect(second.jobs).toEqual({ Plan: true });
  expect(await archive.open()).toHaveLength(1);
});

test('the form of workflow_dispatch: kernel and arch choose, and a box that is not ticked is no dry run', async () => {
  const archive = await createRepository(owner);
  const own = readFileSync(join(root, '.github/workflows/update-archive.yml'), 'utf8');
  // What a call gives by inputs, the form cannot: there it is written into the file.
  const workflow = Object.entries(settings()).reduce(
    (text, [name, value]) =>
      text.replace(
        new RegExp(`\\$\\{\\{ inputs\\.${name}( \\|\\| '[^']*')? \\}\\}`, 'g'),
        `${value}`,
      ),
    own,
  );
  const run = await act.run(workflow.replace('!inputs.skip-attestation', 'false'), {
    inputs: {
      kernel: '5.10.0-136.12.*',
      arch: 'x86_64',
      'allow-empty': 'true',
      'dry-run': 'false',
    },
    vars: { BTFHUB_ARCHIVE: archive.url() },
    secrets: { BTFHUB_TOKEN: token },
  });
  expect(run.errors).toEqual([]);
  expect(run.status).toBe(0);
  expect(await tarballs(archive)).toEqual([`openEuler/22.03/x86_64/${X86}.btf.tar.xz`]);
  expect(await archive.open()).toHaveLength(1);
});

test('a kernel that fails does not keep the others from the pull request, and the run is red', async () => {
  const packages = join(act.folder, 'spoilt');
  cpSync(demo, packages, { recursive: true });
  const [path = ''] = readdirSync(packages, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('kernel-debuginfo-6.6.0-28.0.0.34.oe2403.x86_64.rpm'),
  );
  const bytes = readFileSync(join(packages, path));
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
  writeFileSync(join(packages, path), bytes);
  const spoilt = await serveFolder(packages);
  try {
    const archive = await createRepository(owner);
    const run = await night(archive, { kernel: '6.6.0-*', mirror: spoilt.url, arch: 'x86_64' });
    expect(run.status).not.toBe(0);
    expect(run.jobs).toMatchObject({ Plan: true, Publish: true });
    // act says of every job of a matrix that it failed when one did; the steps tell which.
    expect(run.log.match(/Failure - Main Build \[/g)).toHaveLength(1);
    expect(run.errors.join('\n')).toContain('6.6.0-28.0.0.34.oe2403.x86_64');
    expect(await tarballs(archive)).toEqual([
      'openEuler/24.03/x86_64/6.6.0-41.0.0.49.oe2403.x86_64.btf.tar.xz',
    ]);
    expect(await archive.read('catalog', 'catalog.json')).toContain('checksum-mismatch');
  } finally {
    await spoilt.close();
  }
});

test('a run without its token fails at Publish; the second attempt of the same run replaces the artifacts and publishes', async () => {
  const archive = await createRepository(owner);
  const inputs = { kernel: X86 };
  const first = await night(archive, inputs, { secrets: {}, run: { id: 4711, attempt: 1 } });
  expect(first.jobs).toMatchObject({ Plan: true, Publish: false });
  expect(first.errors.join('\n')).toContain('BTFHUB_TOKEN');
  const second = await night(archive, inputs, { run: { id: 4711, attempt: 2 } });
  expect(second.errors).toEqual([]);
  expect(second.status).toBe(0);
  expect(await archive.open()).toHaveLength(1);
});

test('a dry run needs no token and leaves the archive as it is', async () => {
  const archive = await createRepository(owner);
  const run = await night(archive, { kernel: X86, 'dry-run': true }, { secrets: {} });
  expect(run.status).toBe(0);
  expect(run.jobs).toMatchObject({ Plan: true, Publish: true });
  expect(await archive.head('next')).toBeUndefined();
  expect(await archive.pulls()).toEqual([]);
});

/** What a build of pahole leaves in the tool cache of the machine: here the machine's own pahole. */
async function keepPahole(): Promise<() => void> {
  const recipe = RECIPES.find(({ tool, version }) => tool === 'pahole' && version === '1.31');
  if (!recipe) throw new Error('There is no recipe of pahole 1.31.');
  const built = join(act.folder, 'built');
  mkdirSync(join(built, 'bin'), { recursive: true });
  const script = '#!/bin/sh\n[ "$1" != --version ] || exec echo v1.31\nexec pahole "$@"\n';
  writeFileSync(join(built, 'bin/pahole'), script);
  chmodSync(join(built, 'bin/pahole'), 0o755);
  const before = new Set(readdirSync(act.tools));
  await saveTool(act.tools, recipe, built);
  return () => {
    for (const name of readdirSync(act.tools).filter((one) => !before.has(one))) {
      rmSync(join(act.tools, name), { recursive: true });
    }
  };
}

test('the build action of another repository: pahole goes into the cache also when a kernel fails, and the next run takes it from there', async () => {
  const forget = await keepPahole();
  const workflow = (minimum: string, pahole = '1.31') =>
    stringify({
      on: 'workflow_dispatch',
      jobs: {
        build: {
          'runs-on': 'ubuntu-24.04',
          steps: [
            {
              uses: 'openeuler/btfhub-action@v0',
              with: {
                mirror: mirror.url,
                kernel: X86,
                signature: 'off',
                pahole,
                xz: 'system',
                'minimum-types': minimum,
              },
            },
          ],
        },
      },
    });
  // The demonstration's kernel has fewer types than a kernel must have.
  const first = await act.run(workflow('10000'));
  expect(first.status).not.toBe(0);
  expect(first.log).toContain('bad-btf');
  expect(first.log).toMatch(/Cache saved with key: btfhub-tools-\S*pahole-1\.31-/);
  forget();
  const second = await act.run(workflow('100'));
  expect(second.errors).toEqual([]);
  expect(second.log).toMatch(/Cache restored from key: btfhub-tools-\S*pahole-1\.31-/);
  expect(second.log).toMatch(/pahole +1\.31 +cached/);
  expect(second.log).not.toContain('Cache saved with key: btfhub-tools-');
  const system = await act.run(workflow('100', 'system'));
  expect(system.errors).toEqual([]);
  expect(system.log).not.toMatch(/Cache (saved|restored)[^\n]*btfhub-tools-/);
});

test('the actions tailor and check of another repository read the archive of this Gitea', async () => {
  const archive = await createRepository(owner);
  await night(archive, { kernel: '5.10.0-136.12.*' });
  const [pull] = await archive.open();
  await archive.merge(pull?.number ?? 0, 'merge');
  const program = (member: string) =>
    compileBpf(
      act.folder,
      `struct task_struct { int ${member}; } __attribute__((preserve_access_index));
       char LICENSE[] __attribute__((section("license"))) = "GPL";
       __attribute__((section("kprobe/x"))) int probe(struct task_struct *t) { return t->${member}; }`,
      'bpf',
    );
  const step = (action: string, object: string, more = {}) => ({
    uses: `openeuler/btfhub-action/${action}@v0`,
    with: { object, archive: archive.url(), ...more },
  });
  const workflow = (steps: readonly object[]) =>
    stringify({ on: 'push', jobs: { ship: { 'runs-on': 'ubuntu-24.04', steps } } });
  const output = join(act.folder, 'min_core_btfs.tar.gz');
  const pid = program('pid');
  const good = await act.run(workflow([step('tailor', pid, { output }), step('check', pid)]), {
    event: 'push',
  });
  expect(good.errors).toEqual([]);
  expect(good.status).toBe(0);
  expect(good.log).toMatch(/set-output:: kernels=2/);
  expect(readFileSync(output).length).toBeGreaterThan(100);
  const bad = await act.run(workflow([step('check', program('no_such_member'))]), {
    event: 'push',
  });
  expect(bad.status).not.toBe(0);
  expect(bad.errors.join('\n')).toContain('no_such_member');
});
