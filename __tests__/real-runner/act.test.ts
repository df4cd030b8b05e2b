import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import {
  createRepository,
  createUser,
  forgeUrl,
  type Repository,
  type User,
} from '../real-forge/gitea.ts';
import { Act } from './act.ts';

const demo = join(import.meta.dirname, '../../demo/repository');
const X86 = '5.10.0-136.12.0.86.oe2203sp1.x86_64';

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

/** The workflow that the owner of an archive copies from examples/github, for this mirror and this Gitea. */
function ownersWorkflow(
  archive: Repository,
  options: Readonly<Record<string, string>> = {},
): string {
  const settings = {
    archive: archive.url(),
    mirror: mirror.url,
    signature: 'off',
    pahole: 'system',
    xz: 'system',
    'minimum-types': '100',
    'max-jobs': '2',
    'skip-attestation': 'true',
    'allow-empty': 'true',
    forge: 'gitea',
    'api-url': `${forgeUrl()}/api/v1`,
    ...options,
  };
  const lines = Object.entries(settings).map(([name, value]) => {
    const text = value === 'true' ? 'true' : `'${value}'`;
    return `      ${name}: ${text}\n`;
  });
  return `name: Update
on: { workflow_dispatch: { inputs: { kernel: { type: string } } } }
permissions: {}
jobs:
  archive:
    permissions: { contents: read, id-token: write, attestations: write }
    uses: openeuler/btfhub-action/.github/workflows/update-archive.yml@v0
    with:
${lines.join('')}      kernel: \${{ inputs.kernel }}
    secrets:
      BTFHUB_TOKEN: \${{ secrets.BTFHUB_TOKEN }}
`;
}

const night = (archive: Repository, kernel: string, options = {}) =>
  act.run(ownersWorkflow(archive, options), {
    inputs: { kernel },
    secrets: { BTFHUB_TOKEN: token },
  });

test('workflow_dispatch with inputs: plan, a matrix over architectures, build, publish, one pull request; the next run finds nothing to do', async () => {
  const archive = await createRepository(owner);
  const first = await night(archive, '5.10.0-136.12.*');
  expect(first.errors).toEqual([]);
  expect(first.jobs).toMatchObject({ Plan: true, Publish: true });
  expect(Object.keys(first.jobs).filter((name) => name.startsWith('Build'))).toHaveLength(2);
  expect(first.status).toBe(0);
  expect(await archive.open()).toHaveLength(1);
  expect(await archive.files('next')).toContain(`openEuler/22.03/x86_64/${X86}.btf.tar.xz`);
  expect(first.log).not.toContain(token);

  const second = await night(archive, '5.10.0-136.12.*');
  expect(second.status).toBe(0);
  expect(second.jobs).toEqual({ Plan: true });
  expect(second.log).toMatch(/Cache restored/);
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
    const run = await night(archive, '6.6.0-*', { mirror: spoilt.url, arch: 'x86_64' });
    expect(run.status).not.toBe(0);
    expect(run.jobs).toMatchObject({ Publish: true });
    const files = (await archive.files('next')).filter((name) => name.endsWith('.xz'));
    expect(files).toEqual(['openEuler/24.03/x86_64/6.6.0-41.0.0.49.oe2403.x86_64.btf.tar.xz']);
    expect(await archive.read('catalog', 'catalog.json')).toContain('checksum-mismatch');
  } finally {
    await spoilt.close();
  }
});

test('a dry run needs no token and leaves the archive as it is', async () => {
  const archive = await createRepository(owner);
  const run = await act.run(ownersWorkflow(archive, { 'dry-run': 'true' }), {
    inputs: { kernel: X86 },
  });
  expect(run.status).toBe(0);
  expect(run.jobs).toMatchObject({ Plan: true, Publish: true });
  expect(await archive.head('next')).toBeUndefined();
  expect(await archive.pulls()).toEqual([]);
});
