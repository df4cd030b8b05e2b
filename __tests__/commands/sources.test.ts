import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Values } from '../../src/commands/command.ts';
import { plan } from '../../src/commands/plan.ts';
import { sources } from '../../src/commands/sources.ts';
import { readOptions } from '../../src/commands/values.ts';
import type { SourceCheck } from '../../src/jobs/check-source.ts';
import { runCommand } from '../schemas.ts';
import { fastPlatform } from '../tree/platform.ts';
import { makeRepository } from '../tree/repository.ts';
import { serveTree } from '../tree/server.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'btfhub-sources-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(given: Record<string, string[]>, ...words: string[]) {
  const options = readOptions(sources.options, given, {}) as Values<typeof sources.options>;
  const outcome = await runCommand(sources, fastPlatform(), options, words);
  return { ...outcome, checks: (outcome.document as { sources: SourceCheck[] }).sources };
}

test('without a mirror it says what it looks for, and where the search stops', async () => {
  const { status, text } = await run({}, 'check', join(root, 'sources/openEuler.yaml'));
  expect(status).toBe(0);
  expect(text).toContain(
    'looks for https://repo.openeuler.org/openEuler-<release>/debuginfo/<arch>/repodata/repomd.xml',
  );
  expect(text).toContain(
    "stops where '/' is not listed: name --release, or 'releases' in the file",
  );
});

test('with a mirror it says what it finds', async () => {
  makeRepository(join(folder, 'mirror/9.4/BaseOS/x86_64/debug/tree'), [
    {
      name: 'kernel-debuginfo',
      version: '5.14.0',
      release: '427.el9_4',
      arch: 'x86_64',
      filler: 9,
    },
  ]);
  await using server = await serveTree(join(folder, 'mirror'));
  const file = join(root, 'sources/rocky.yaml');
  const { status, text, checks } = await run({ mirror: [server.url] }, 'check', file);
  expect(status).toBe(0);
  expect(checks).toMatchObject([{ found: { kernels: 1, releases: ['9.4'], arches: ['x86_64'] } }]);
  expect(text).toContain('archive rocky/9.4/x86_64/5.14.0-427.el9_4.x86_64.btf.tar.xz');
});

test('a mirror of another distribution is exit status 1, with the reason', async () => {
  await using server = await serveTree(join(folder, 'mirror'));
  const file = join(root, 'sources/kylin.yaml');
  const { status, text } = await run({ mirror: [server.url] }, 'check', file);
  expect(status).toBe(1);
  expect(text).toContain('found nothing: ');
});

test('a file that describes nothing is refused with each mistake', async () => {
  const file = join(folder, 'bad.yaml');
  writeFileSync(
    file,
    "id: x\nmirrors: [ftp://x/]\nversionId: '('\nrepositories: []\nflavours: {}\n",
  );
  const outcome = run({}, 'check', file);
  await expect(outcome).rejects.toThrow(/mirrors\.0: .*versionId: .*repositories: .*flavours: /);
});

test('another action than check is wrong usage', async () => {
  await expect(run({}, 'list')).rejects.toMatchObject({ reason: 'usage' });
  await expect(run({}, 'check')).rejects.toMatchObject({ reason: 'usage' });
});

test('plan --list-distributions names the confirmed ones, and marks the others', async () => {
  const options = readOptions(plan.options, { listDistributions: true }, {}) as Values<
    typeof plan.options
  >;
  const { status, text } = await runCommand(plan, fastPlatform(), options);
  expect(status).toBe(0);
  expect(text).toMatch(/^openEuler +openEuler +openEuler +confirmed +stock rt 64kb$/m);
  expect(text).toMatch(/^ +kylin +Kylin Linux Advanced Server +unconfirmed/m);
});
