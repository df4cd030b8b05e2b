import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import { RECIPES } from '../../src/toolchain/recipes.ts';
import { saveTool } from '../../src/toolchain/tool-cache.ts';
import { root } from './files.ts';
import { HostServices } from './runner/host.ts';
import { runWorkflow } from './runner/workflow.ts';

let folder: string;
let mirror: Served;
let services: HostServices;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tools-'));
  mirror = await serveFolder(join(root, 'demo/repository'));
  services = new HostServices(root, join(folder, 'host'));
});
afterEach(async () => {
  await mirror.close();
  rmSync(folder, { recursive: true });
});

/** What a build from source would leave in the tool cache: the machine's pahole, under that version. */
async function keepPahole(version: string): Promise<void> {
  const recipe = RECIPES.find((one) => one.tool === 'pahole' && one.version === version);
  if (!recipe) throw new Error(`There is no recipe of pahole ${version}.`);
  const built = join(folder, 'built');
  mkdirSync(join(built, 'bin'), { recursive: true });
  const script = `#!/bin/sh\n[ "$1" != --version ] || exec echo v${version}\nexec pahole "$@"\n`;
  writeFileSync(join(built, 'bin/pahole'), script);
  chmodSync(join(built, 'bin/pahole'), 0o755);
  await saveTool(join(folder, 'tools'), recipe, built);
}

async function build(name: string, inputs: string) {
  const path = join(folder, `${name}.yml`);
  writeFileSync(
    path,
    `on: push
permissions: { contents: read }
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - uses: ./
        with: { mirror: '${mirror.url}', arch: x86_64, kernel: '6.6.0-28*', xz: system, signature: 'off', ${inputs} }
`,
  );
  const { jobs } = await runWorkflow(path, {
    ...{ project: root, services, home: join(folder, name), event: 'push' },
    machine: { RUNNER_TOOL_CACHE: join(folder, 'tools') },
  });
  return { result: jobs[0]?.result, log: jobs[0]?.log ?? '' };
}

const used = (log: string) => /^pahole +(\S+) +(\S+)/m.exec(log)?.slice(1);

test('the action pins pahole 1.31 and saves it, also when a kernel of the job failed', async () => {
  await keepPahole('1.31');
  // The demonstration's kernel has fewer types than a kernel must have.
  const first = await build('first', 'minimum-types: 10000');
  expect(first.result).toBe('failure');
  expect(first.log).toMatch(/bad-btf/);
  expect(first.log).toContain('--- Save tool cache\n');
  expect(services.cacheKeys()).toEqual([expect.stringMatching(/^btfhub-tools-.*pahole-1\.31-/)]);

  rmSync(join(folder, 'tools'), { recursive: true });
  services.beginRun();
  const second = await build('second', 'minimum-types: 100');
  expect(second.result).toBe('success');
  expect(used(second.log)).toEqual(['1.31', 'cached']);
  expect(second.log).toContain('--- skipped: Save tool cache\n');
});

test("with the system's tools nothing is saved", async () => {
  const { log, result } = await build('system', 'pahole: system, minimum-types: 100');
  expect(result).toBe('success');
  expect(used(log)?.[1]).toBe('system');
  expect(services.cacheKeys()).toEqual([]);
});
