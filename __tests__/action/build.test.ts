import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import { root } from './files.ts';
import { HostServices } from './runner/host.ts';
import { runWorkflow } from './runner/workflow.ts';

let folder: string;
let mirror: Served;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'build-action-'));
  mirror = await serveFolder(join(root, 'demo/repository'));
});
afterAll(async () => {
  await mirror.close();
  rmSync(folder, { recursive: true });
});

test('the build action uploads the files with modules also where the output ends with a slash', async () => {
  const services = new HostServices(root, join(folder, 'host'));
  const path = join(folder, 'build.yml');
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
        with:
          mirror: '${mirror.url}'
          arch: x86_64
          kernel: 6.6.0-28.*
          signature: 'off'
          pahole: system
          xz: system
          minimum-types: 100
          modules: xfs
          output: btf/
          artifact-name: built
`,
  );
  const { jobs } = await runWorkflow(path, {
    project: root,
    services,
    home: join(folder, 'run'),
    event: 'push',
  });
  expect([jobs[0]?.result, jobs[0]?.log]).toEqual(['success', expect.any(String)]);
  expect(services.artifactNames()).toEqual(['built', 'modules-built']);
  expect(readdirSync(services.artifact('modules-built'))).toEqual(['openEuler', 'records']);
});
