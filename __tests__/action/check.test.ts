import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packBtf } from '../../src/btf/tarball.ts';
import { asUname } from '../../src/names.ts';
import { archiveFiles } from '../archive/archive-files.ts';
import { KERNELS, PROGRAMS } from '../btf/core/cases.ts';
import { paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { type GitServer, startGitServer } from '../git/git-server.ts';
import { commit, createRepository } from '../git/repositories.ts';
import { root } from './files.ts';
import { HostServices } from './runner/host.ts';
import { runWorkflow } from './runner/workflow.ts';

const BASE = '5.10.0-60.1.0.30.oe2203.x86_64';
const POOR = '5.10.0-60.2.0.31.oe2203.x86_64';

const made = temporaryFolder();
let tarballs: Record<string, Buffer>;
let folder: string;
let git: GitServer;
let services: HostServices;

beforeAll(async () => {
  const all = [
    [BASE, 'base'],
    [POOR, 'poor'],
  ].map(async ([uname = '', name = '']) => {
    const btf = paholeBtf(made, KERNELS[name] ?? '');
    return [uname, await packBtf(programs, asUname(uname), btf)] as const;
  });
  tarballs = Object.fromEntries(await Promise.all(all));
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'check-action-'));
  services = new HostServices(root, join(folder, 'host'));
  commit(createRepository(folder, 'archive.git'), 'master', archiveFiles(tarballs));
  git = await startGitServer(folder);
});
afterEach(async () => {
  await git.close();
  rmSync(folder, { recursive: true });
});

/** A pull request's workflow: it compiles a program in its workspace and checks it. */
async function run(program: string, inputs: string) {
  const home = join(folder, 'run');
  rmSync(home, { recursive: true, force: true });
  services.beginRun();
  const source = join(folder, 'probe.bpf.c');
  writeFileSync(source, program);
  const include = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const path = join(folder, 'check.yml');
  writeFileSync(
    path,
    `on: pull_request
permissions: { contents: read }
jobs:
  check:
    runs-on: ubuntu-24.04
    outputs: { said: '\${{ steps.check.outputs.kernels }} \${{ steps.check.outputs.good }} \${{ steps.check.outputs.unread }}' }
    steps:
      - uses: actions/checkout@v7
      - run: |
          mkdir -p src
          cp '${source}' src/probe.bpf.c
          clang -g -O2 -target bpf -I${include} -c "$PWD/src/probe.bpf.c" -o probe.bpf.o
      - id: check
        uses: ./check
        with: { object: probe.bpf.o, ${inputs} }
`,
  );
  git.reset();
  const { jobs } = await runWorkflow(path, {
    project: root,
    services,
    home,
    event: 'pull_request',
  });
  const [job] = jobs;
  return {
    result: job?.result,
    said: job?.outputs.said?.split(' ') ?? [],
    log: job?.log ?? '',
    summary: job?.summary ?? '',
    moved: git.wire.sent,
  };
}

const archive = () => `archive: '${git.url('archive.git')}'`;

test('a pull request with a program that does not load fails, with the reason on its source line', async () => {
  const lines = (PROGRAMS.arrays ?? '').split('\n');
  const first = await run(PROGRAMS.arrays ?? '', archive());
  expect([first.result, ...first.said]).toEqual(['failure', '2', '1', '0']);
  const annotation = first.log
    .split('\n')
    .find((line) => line.startsWith('::error ') && line.includes('struct task.comm[7]'));
  expect(annotation).toMatch(/[ ,]file=src\/probe\.bpf\.c(,|::)/);
  const number = 1 + lines.findIndex((line) => line.includes('comm[7]'));
  expect(annotation).toMatch(new RegExp(`[ ,]line=${number}(,|::)`));
  expect(annotation).toMatch(/the program has char\[16\], the kernel has char/);
  expect(first.summary).toMatch(/struct task\.comm.*5\.10\.0-60\.2\.0\.31\.oe2203\.x86_64/);
  expect(services.cacheKeys()).toHaveLength(1);

  const second = await run(PROGRAMS.arrays ?? '', archive());
  const sizes = Object.values(tarballs).reduce((sum, { length }) => sum + length, 0);
  expect(first.moved - second.moved).toBeGreaterThan(sizes / 2);
});

test('a program that loads on all selected kernels passes', async () => {
  const guarded = await run(PROGRAMS.guarded ?? '', archive());
  expect([guarded.result, ...guarded.said]).toEqual(['success', '2', '2', '0']);
  expect(guarded.log).not.toMatch(/^::error/m);
  const selected = await run(PROGRAMS.arrays ?? '', `${archive()}, kernel: '${BASE}'`);
  expect([selected.result, ...selected.said]).toEqual(['success', '1', '1', '0']);
});

test('files of BTF are checked without the archive', async () => {
  const path = join(folder, `${BASE}.btf.tar.xz`);
  writeFileSync(path, tarballs[BASE] ?? Buffer.of());
  const { result, said, moved } = await run(PROGRAMS.arrays ?? '', `btf: '${path}'`);
  expect([result, ...said]).toEqual(['success', '1', '1', '0']);
  expect(moved).toBe(0);
  expect(services.cacheKeys()).toEqual([]);
});
