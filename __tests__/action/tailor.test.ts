import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packBtf } from '../../src/btf/tarball.ts';
import { asUname } from '../../src/names.ts';
import { archiveFiles } from '../archive/archive-files.ts';
import { KERNELS, PROGRAMS } from '../btf/core/cases.ts';
import { compileBpf, paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { entriesOf } from '../commands/packed.ts';
import { type GitServer, startGitServer } from '../git/git-server.ts';
import { commit, createRepository } from '../git/repositories.ts';
import { root } from './files.ts';
import { HostServices } from './runner/host.ts';
import { runWorkflow } from './runner/workflow.ts';

const X86 = '5.10.0-60.1.0.30.oe2203.x86_64';
const ARM = '5.10.0-60.1.0.30.oe2203.aarch64';
const NEW = '6.6.0-28.0.0.34.oe2403.x86_64';

const compiled = temporaryFolder();
const object = compileBpf(compiled, PROGRAMS.fields ?? '', 'bpf');
const kernels: Readonly<Record<string, Buffer>> = {
  [X86]: paholeBtf(compiled, KERNELS.base ?? ''),
  [ARM]: paholeBtf(compiled, KERNELS.poor ?? ''),
  [NEW]: paholeBtf(compiled, KERNELS.moved ?? ''),
};
let tarballs: Record<string, Buffer>;
let folder: string;
let git: GitServer;
let bare: string;
let services: HostServices;

beforeAll(async () => {
  const packed = Object.entries(kernels).map(
    async ([uname, btf]) => [uname, await packBtf(programs, asUname(uname), btf)] as const,
  );
  tarballs = Object.fromEntries(await Promise.all(packed));
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tailor-'));
  services = new HostServices(root, join(folder, 'host'));
  bare = createRepository(folder, 'archive.git');
  commit(bare, 'master', archiveFiles(tarballs));
  git = await startGitServer(folder);
});
afterEach(async () => {
  await git.close();
  rmSync(folder, { recursive: true });
});

const OUTPUT = 'min_core_btfs.tar.gz';

/** One run of an eBPF project's workflow, always in the same place, as on a host. */
async function run(machine: Readonly<Record<string, string>> = {}, inputs = '') {
  const home = join(folder, 'run');
  rmSync(home, { recursive: true, force: true });
  services.beginRun();
  const path = join(folder, 'ship.yml');
  writeFileSync(
    path,
    `on: push
permissions: { contents: read }
jobs:
  ship:
    runs-on: ubuntu-24.04
    outputs: { said: '\${{ steps.tailor.outputs.output }} \${{ steps.tailor.outputs.kernels }} \${{ steps.tailor.outputs.failed }}' }
    steps:
      - uses: actions/checkout@v7
      - id: tailor
        uses: ./tailor
        with: { object: '${object}', archive: '${git.url('archive.git')}', ${inputs} }
`,
  );
  git.reset();
  const { jobs } = await runWorkflow(path, {
    project: root,
    services,
    home,
    event: 'push',
    machine,
  });
  const log = jobs[0]?.log ?? '';
  const file = join(home, 'ship-0', 'workspace', OUTPUT);
  const said = jobs[0]?.outputs.said?.split(' ') ?? [];
  return { result: jobs[0]?.result, said, log, file, moved: git.wire.sent };
}

/** What is in the tar.gz, by `uname -r`. */
function contentOf(file: string): Record<string, Buffer> {
  const entries = entriesOf(readFileSync(file));
  return Object.fromEntries(
    entries.map(({ name, content }) => [name.replace(/^.*\//, '').replace(/\.btf$/, ''), content]),
  );
}

function byHand(btf: Buffer): Buffer {
  const [whole, least] = [join(folder, 'whole.btf'), join(folder, 'least.btf')];
  writeFileSync(whole, btf);
  execFileSync('bpftool', ['gen', 'min_core_btf', whole, least, object]);
  return readFileSync(least);
}

test('a project gets the minimal BTF of every kernel, and the next run moves no tarball', async () => {
  const first = await run();
  expect([first.result, ...first.said]).toEqual(['success', OUTPUT, '3', '0']);
  const expected = Object.entries(kernels).map(([uname, btf]) => [uname, byHand(btf)]);
  expect(contentOf(first.file)).toEqual(Object.fromEntries(expected));
  expect(services.cacheKeys()).toEqual([expect.stringMatching(/^btfhub-archive-[0-9a-f]{32}$/)]);
  const made = readFileSync(first.file);

  const second = await run();
  expect(second.log).toContain('--- skipped: Save archive tarballs\n');
  expect(readFileSync(second.file).equals(made)).toBe(true);
  const sizes = Object.values(tarballs).reduce((sum, { length }) => sum + length, 0);
  expect(first.moved - second.moved).toBeGreaterThan(sizes / 2);
});

test('after the archive has grown only what is new is moved, and kept under another key', async () => {
  const { [NEW]: later, ...before } = tarballs;
  commit(bare, 'master', { ...archiveFiles(before), [tarballPath(NEW)]: null });
  expect((await run()).said).toEqual([OUTPUT, '2', '0']);
  const [old] = services.cacheKeys();
  commit(bare, 'master', archiveFiles({ [NEW]: later ?? Buffer.of() }));
  const grown = await run();
  expect(grown.said).toEqual([OUTPUT, '3', '0']);
  expect(services.cacheKeys()).toHaveLength(2);
  expect(services.cacheKeys()).toContain(old);
});

test('one broken tarball makes the run red, and the rest is made and kept', async () => {
  commit(bare, 'master', archiveFiles({ [ARM]: Buffer.from('nothing') }));
  const { result, log, said, file } = await run();
  expect([result, ...said]).toEqual(['failure', OUTPUT, '2', '1']);
  expect(log).toMatch(new RegExp(`^::error title=${ARM.replaceAll('.', '\\.')}::`, 'm'));
  expect(Object.keys(contentOf(file)).sort()).toEqual([X86, NEW]);
  expect(services.cacheKeys()).toHaveLength(1);
});

test('the inputs choose kernels, layout and output', async () => {
  const inputs =
    "release: '22.03', arch: 'aarch64 x86_64', kernel: '*.x86_64', layout: plain, output: btf.tgz";
  const { result, said, file } = await run({}, inputs);
  expect([result, ...said]).toEqual(['success', 'btf.tgz', '1', '0']);
  const [entry] = entriesOf(readFileSync(file.replace(OUTPUT, 'btf.tgz')));
  expect(entry?.name).toBe(`openEuler/22.03/x86_64/${X86}.btf`);
});

/** A folder with all programs of a machine but bpftool and the packagers. */
function machineWithout(...stand: readonly (readonly [string, string])[]): Record<string, string> {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const names = [
    'bash',
    'sh',
    'node',
    'git',
    'xz',
    'tail',
    'sort',
    'dirname',
    'cp',
    'chmod',
    'ln',
    'rm',
  ];
  for (const name of names) symlinkSync(programs.find(name) ?? '', join(bin, name));
  for (const [name, script] of stand) {
    writeFileSync(join(bin, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { PATH: bin, REAL: programs.find('bpftool') ?? '', BIN: bin, NOTE: join(folder, 'asked') };
}

const asked = () => readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n');

test.each([
  [
    'apt-get',
    'echo "$*" >> "$NOTE"; [ "$1" = update ] || ln -s "$REAL" "$BIN/bpftool"',
    ['update -qq', 'install -y -qq --no-install-recommends xz-utils bpftool'],
  ],
  ['dnf', 'echo "$*" >> "$NOTE"; ln -s "$REAL" "$BIN/bpftool"', ['install -y -q xz bpftool']],
])(
  'where bpftool is missing, %s brings it',
  async (packager, script, expected) => {
    const { result, said } = await run(machineWithout([packager, script]));
    expect([result, ...said]).toEqual(['success', OUTPUT, '3', '0']);
    expect(asked()).toEqual(expected);
  },
  120_000,
);

test("Ubuntu's script that wants the running kernel's package is passed by", async () => {
  const tools = join(folder, 'linux-tools-6.8.0-1');
  mkdirSync(tools);
  symlinkSync(programs.find('bpftool') ?? '', join(tools, 'bpftool'));
  const { result, said, log } = await run(
    machineWithout(
      ['apt-get', 'echo "$*" >> "$NOTE"; case "$*" in *" bpftool") exit 100 ;; esac'],
      ['bpftool', 'echo "WARNING: bpftool not found for kernel 6.8.0-1" >&2; exit 2'],
      ['find', `echo '${tools}/bpftool'`],
    ),
  );
  expect(log).toMatch(/linux-tools-6\.8\.0-1\/bpftool v/);
  expect([result, ...said]).toEqual(['success', OUTPUT, '3', '0']);
  expect(asked().at(-1)).toMatch(/xz-utils linux-tools-generic$/);
});

function tarballPath(uname: string): string {
  return Object.keys(archiveFiles({ [uname]: Buffer.of() }))[0] ?? '';
}
