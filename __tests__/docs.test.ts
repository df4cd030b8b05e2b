import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packBtf } from '../src/btf/tarball.ts';
import { type Served, serveFolder } from '../src/download/static-server.ts';
import { asUname } from '../src/names.ts';
import { archiveFiles, writeFiles } from './archive/archive-files.ts';
import { paholeBtf, programs, temporaryFolder } from './btf/made.ts';
import { makeImage } from './commands/hosts.ts';
import { entriesOf } from './commands/packed.ts';
import { git } from './git/repositories.ts';

const root = join(import.meta.dirname, '..');
const folder = temporaryFolder();
const bin = join(folder, 'bin');
const archive = join(folder, 'archive');
const ARM = '5.10.0-60.1.0.30.oe2203.aarch64';
const X86 = '5.10.0-60.1.0.30.oe2203.x86_64';
const KERNEL = `
struct task_struct { long state; struct task_struct *real_parent; int pid, tgid; char comm[16]; };
int pid_of(struct task_struct *task) { return task->pid; }
`;
let mirror: Served;

/** The shell blocks of a page, by their number. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(root, 'docs', page), 'utf8');
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block ?? '');
}

/** Runs a block as it stands, on a machine that the environment describes; the mirror serves meanwhile. */
async function runs(
  block: string | undefined,
  cwd: string,
  env: Record<string, string>,
): Promise<string> {
  const { stdout } = await promisify(execFile)(
    'bash',
    ['-euo', 'pipefail', '-c', block ?? 'false'],
    {
      cwd,
      env: {
        HOME: folder,
        GIT_CONFIG_NOSYSTEM: '1',
        PATH: `${bin}:${process.env.PATH}`,
        BTFHUB_ARCHIVE: archive,
        BTFHUB_MINIMUM_TYPES: '1',
        BTFHUB_SIGNATURE: 'off',
        BTFHUB_PAHOLE: 'system',
        BTFHUB_XZ: 'system',
        BTFHUB_MIRROR: mirror.url,
        ...env,
      },
    },
  );
  return stdout;
}

beforeAll(async () => {
  mkdirSync(bin);
  const start = join(bin, 'btfhub');
  writeFileSync(start, `#!/bin/sh\nexec node '${root}/dist/btfhub.mjs' "$@"\n`);
  chmodSync(start, 0o755);
  const tarballs = await Promise.all(
    [ARM, X86].map(async (uname) => {
      const btf = paholeBtf(folder, KERNEL);
      return [uname, await packBtf(programs, asUname(uname), btf)] as const;
    }),
  );
  writeFiles(archive, archiveFiles(Object.fromEntries(tarballs)));
  git(archive, ['init', '--quiet', '--initial-branch=master']);
  git(archive, ['add', '.']);
  git(archive, ['commit', '--quiet', '--message=All']);
  mirror = await serveFolder(join(root, 'demo', 'repository'));
});
afterAll(() => mirror.close());

describe('docs/developer.md', () => {
  const work = join(folder, 'developer');
  const blocks = blocksOf('developer.md');

  beforeAll(async () => {
    mkdirSync(work);
    const example = join(root, 'examples', 'libbpf');
    for (const name of readdirSync(example)) copyFileSync(join(example, name), join(work, name));
    for (const block of blocks) await runs(block, work, {});
  });

  test('its commands make a program that carries the BTF of every kernel', () => {
    expect(blocks).toHaveLength(3);
    const names = entriesOf(readFileSync(join(work, 'min_core_btfs.tar.gz'))).map(
      ({ name }) => name,
    );
    expect(names).toEqual([
      `./btfhub-archive/openEuler/22.03/aarch64/${ARM}.btf`,
      `./btfhub-archive/openEuler/22.03/x86_64/${X86}.btf`,
    ]);
    expect(readFileSync(join(work, 'hello')).includes('embedded_btf')).toBe(true);
  });

  /** The example's own source, on a machine of which it is told. */
  function ask(release: string, machine: string, osRelease: string): string {
    writeFileSync(join(work, 'os-release'), osRelease);
    writeFileSync(
      join(work, 'ask.c'),
      `#include <sys/utsname.h>
       #include <string.h>
       static int stand_in(struct utsname *it) {
         strcpy(it->release, "${release}"); strcpy(it->machine, "${machine}"); return 0;
       }
       #define uname(it) stand_in(it)
       #define OS_RELEASE "os-release"
       #define OWN_BTF "/nowhere"
       #include "embedded_btf.c"
       int main(void) { char *path = embedded_btf(); puts(path ? path : strerror(errno)); return 0; }`,
    );
    const args = ['-Wall', '-Werror', '-O2', '-fsanitize=address,undefined', '-o', 'ask', 'ask.c'];
    execFileSync('gcc', [...args, 'min_core_btfs.o', '-lz'], { cwd: work });
    const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };
    return execFileSync(join(work, 'ask'), { cwd: work, encoding: 'utf8', env }).trim();
  }

  test('on an Arm machine the program finds the BTF of its kernel', () => {
    const path = ask(ARM, 'aarch64', 'NAME="openEuler"\nID="openEuler"\nVERSION_ID="22.03"\n');
    const [arm] = entriesOf(readFileSync(join(work, 'min_core_btfs.tar.gz')));
    expect(readFileSync(path)).toEqual(arm?.content);
    execFileSync('rm', [path]);
  });

  test('on a machine that the archive does not know it finds none', () => {
    expect(ask('5.10.0-1.x86_64', 'x86_64', 'ID=openEuler\nVERSION_ID=22.03\n')).toMatch(
      /^No such/,
    );
  });
});

describe('docs/operator.md', () => {
  const blocks = blocksOf('operator.md');

  test('install and remove, on a machine with gala-gopher', async () => {
    const image = makeImage(join(folder, 'image'), '22.03', ARM);
    mkdirSync(join(image, 'opt/gala-gopher'), { recursive: true });
    const place = join(image, 'opt/gala-gopher/btf', `${ARM}.btf`);
    expect(await runs(blocks[0], folder, { BTFHUB_ROOT: image })).toMatch(/gala-gopher +finds it/);
    expect(existsSync(place)).toBe(true);
    expect(await runs(blocks[1], folder, { BTFHUB_ROOT: image })).toContain('removed');
    expect(existsSync(place)).toBe(false);
  });

  /** The machine's own name is another one in a test. */
  const asKernel = (block: string | undefined, uname: string) =>
    block?.replace(/"\$\(uname -r\)"/g, `'${uname}'`);

  test('a kernel that the archive lacks is built and installed', async () => {
    const uname = '5.10.0-136.12.0.86.oe2203sp1.x86_64';
    const image = makeImage(join(folder, 'lacking'), '22.03', uname);
    const [build = '', install = ''] = (asKernel(blocks[2], uname) ?? '').trim().split('\n');
    const cwd = join(folder, 'lacking');
    await runs(build, cwd, { BTFHUB_CACHE: 'none' });
    expect(await runs(install, cwd, { BTFHUB_ROOT: image })).toContain(`vmlinux-${uname}`);
  });

  test('BTF that was fetched elsewhere is installed', async () => {
    const image = makeImage(join(folder, 'offline'), '22.03', X86);
    const said = await runs(blocks[3], image, { BTFHUB_ROOT: image });
    expect(said).toContain(`/usr/local/share/btf/${X86}.btf`);
  });

  test('every block is run', () => expect(blocks).toHaveLength(4));
});

test('docs/maintainer.md: a kernel is planned, built, verified, and its publishing shown', async () => {
  const [plan, rest, ...others] = blocksOf('maintainer.md');
  expect(others).toEqual([]);
  const env = { BTFHUB_CACHE: 'none', BTFHUB_MINIMUM_TYPES: '100' };
  const work = join(folder, 'maintainer');
  mkdirSync(work);
  expect(await runs(plan, work, env)).toMatch(/kernels are to be built/);
  expect(await runs(rest, work, env)).toContain('5.10.0-136.12.0.86.oe2203sp1.x86_64');
});

test.each(readdirSync(join(root, 'docs')))('the files that docs/%s links to are there', (page) => {
  const text = readFileSync(join(root, 'docs', page), 'utf8');
  const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target ?? '');
  expect(targets.filter((target) => !existsSync(join(root, 'docs', target)))).toEqual([]);
});

test('docs/formats.md names each JSON Schema', () => {
  const text = readFileSync(join(root, 'docs', 'formats.md'), 'utf8');
  const [, list = ''] = text.split('## JSON Schemas');
  const named = [...list.matchAll(/^\| (.+) \| /gm)].flatMap(
    ([, cell]) => cell?.match(/\w+\.json/g) ?? [],
  );
  const schemas = readdirSync(join(root, 'schemas', 'v1'));
  expect(named.toSorted()).toEqual(schemas.toSorted());
});

/** Pages with a Chinese version: those that users read. */
const TRANSLATED = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.zh-CN.md'))
  .map((name) => name.replace('.zh-CN.md', ''));

describe.each(TRANSLATED)('docs/%s.zh-CN.md', (name) => {
  const read = (page: string) => readFileSync(join(root, page), 'utf8');
  const [english, chinese] = [read(`docs/${name}.md`), read(`docs/${name}.zh-CN.md`)];
  const found = (text: string, what: RegExp) => text.match(what) ?? [];

  test('has the blocks of the English page, which are run, and as many sections', () => {
    const blocks = /```\w+\n[\s\S]*?```/g;
    expect(found(chinese, blocks)).toEqual(found(english, blocks));
    const shape = (text: string) =>
      found(text, /^(#+|\||-|\d\.) /gm).map((beginning) => beginning.trim());
    expect(shape(chinese)).toEqual(shape(english));
  });

  test('names the same options, files and numbers', () => {
    const prose = (text: string) => text.replace(/```[\s\S]*?```/g, '').replace(/\]\(.*?\)/g, ']');
    const names = (text: string) => found(prose(text), /`[^`]+`/g).toSorted();
    expect(names(chinese)).toEqual(names(english));
    const numbers = (text: string) => found(prose(text), /\d[\d.,]*\d|\d/g).toSorted();
    expect(numbers(chinese)).toEqual(numbers(english));
  });

  test('links to the English page and is linked from it, and from the Chinese README', () => {
    expect(chinese).toContain(`](${name}.md)`);
    expect(english).toContain(`](${name}.zh-CN.md)`);
    expect(read('README.zh-CN.md')).toContain(`](docs/${name}.zh-CN.md)`);
  });
});
