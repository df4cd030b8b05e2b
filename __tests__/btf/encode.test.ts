import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkBtf } from '../../src/btf/check.ts';
import { encodeBtf } from '../../src/btf/encode.ts';
import { onSmallDisk } from '../jobs/make-btf/setting.ts';
import { compile, EVERY_KIND, programs, temporaryFolder } from './made.ts';

const folder = temporaryFolder();
const object = compile(folder, EVERY_KIND);
const pahole = { path: 'pahole', args: [] };

/** A stand-in for pahole that behaves as it does in rare cases. */
function script(body: string) {
  const path = join(folder, 'pahole.sh');
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return { path: 'sh', args: [path] };
}

test('BTF that pahole makes passes the check', async () => {
  const output = join(folder, 'made.btf');
  const { size } = await encodeBtf(programs, pahole, { vmlinux: object, base: undefined, output });
  const summary = checkBtf(readFileSync(output), { kind: 'kernel', minimumTypes: 10 });
  expect(summary).toMatchObject({ size, taskStruct: { copies: 1, members: 11 } });
});

test('what has no DWARF is no-dwarf, and pahole does not even start', async () => {
  const stripped = join(folder, 'stripped.o');
  execFileSync('objcopy', ['--strip-debug', object, stripped]);
  await expect(
    encodeBtf(programs, script('exit 9'), {
      vmlinux: stripped,
      base: undefined,
      output: join(folder, 'none'),
    }),
  ).rejects.toMatchObject({ reason: 'no-dwarf' });
});

test('what dwz moved into another file is unreadable-dwarf that names the file, and pahole does not start', async () => {
  const [one, two] = [1, 2].map((number) => {
    const path = join(folder, `dwz-${number}`);
    const main = compile(folder, `int main(void) { return ${number}; }`);
    execFileSync('gcc', ['-g', '-o', path, object, main]);
    return path;
  }) as [string, string];
  const args = ['-m', join(folder, 'common'), '-M', '/usr/lib/debug/.dwz/kernel-1', one, two];
  execFileSync('dwz', args, { stdio: 'pipe' });
  const request = { vmlinux: one, base: undefined, output: join(folder, 'none') };
  await expect(encodeBtf(programs, script('exit 9'), request)).rejects.toMatchObject({
    reason: 'unreadable-dwarf',
    message: expect.stringMatching(/\/usr\/lib\/debug\/\.dwz\/kernel-1 \(build ID [0-9a-f]{40}\)/),
    advice: expect.stringContaining('--method embedded'),
  });
});

test('what dwz made within one file is unreadable-dwarf, although pahole ends well', async () => {
  const path = join(folder, 'dwz-alone');
  const twin = compile(
    folder,
    EVERY_KIND.replaceAll('function', 'other').replaceAll('counter', 'n'),
  );
  const main = compile(folder, 'int main(void) { return 0; }');
  execFileSync('gcc', ['-g', '-o', path, object, twin, main]);
  execFileSync('dwz', [path], { stdio: 'pipe' });
  const request = { vmlinux: path, base: undefined, output: join(folder, 'alone.btf') };
  await expect(encodeBtf(programs, pahole, request)).rejects.toMatchObject({
    reason: 'unreadable-dwarf',
    message: expect.stringContaining('compressed by dwz'),
    advice: expect.stringContaining('--method embedded'),
  });
});

test('zstd that libelf cannot unpack is unreadable-dwarf that names what to install', async () => {
  const path = join(folder, 'zstd.o');
  execFileSync('objcopy', ['--compress-debug-sections=zstd', object, path]);
  const request = { vmlinux: path, base: undefined, output: join(folder, 'zstd.btf') };
  await expect(encodeBtf(programs, script('exit 0'), request)).rejects.toMatchObject({
    reason: 'unreadable-dwarf',
    advice: expect.stringContaining('elfutils (libdw and libelf) 0.189'),
  });
});

test('zlib in any form is read by pahole itself', async () => {
  const plain = join(folder, 'plain.btf');
  await encodeBtf(programs, pahole, { vmlinux: object, base: undefined, output: plain });
  for (const form of ['zlib', 'zlib-gnu']) {
    const [path, output] = [join(folder, `${form}.o`), join(folder, `${form}.btf`)];
    execFileSync('objcopy', [`--compress-debug-sections=${form}`, object, path]);
    await encodeBtf(programs, pahole, { vmlinux: path, base: undefined, output });
    expect(readFileSync(output)).toEqual(readFileSync(plain));
  }
});

test.each([
  ['echo "bad things" >&2; exit 1', 'pahole-failed', /ended with 1 .* It said: bad things/],
  ['kill -9 $$', 'out-of-memory', /killed/],
  ['kill -SEGV $$', 'pahole-failed', /SIGSEGV/],
  ['exit 0', 'pahole-failed', /wrote no BTF/],
  ['echo "libbpf: failed: No space left on device" >&2; exit 1', 'no-space', /could not write/],
  ['echo "memory exhausted" >&2; exit 1', 'out-of-memory', /ran out of memory/],
  ['kill -BUS $$', 'no-space', /could not write/],
  ['kill -XFSZ $$', 'no-space', /could not write/],
])('a pahole that does `%s` is %s', async (body, reason, message) => {
  const output = join(folder, 'failed.btf');
  await expect(
    encodeBtf(programs, script(body), { vmlinux: object, base: undefined, output }),
  ).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
});

/** A program with so many types that its BTF does not fit into 64 KiB. */
function manyTypes(): string {
  const one = (n: number) => `struct s${n} { int a${n}; struct s${n} *next; } v${n};`;
  return compile(folder, Array.from({ length: 2000 }, (_, n) => one(n)).join('\n'));
}

test('pahole on a full disk is no-space', async () => {
  await onSmallDisk({ fresh: () => mkdtempSync(join(folder, 'disk-')) }, async (disk) => {
    const request = { vmlinux: manyTypes(), base: undefined, output: join(disk, 'btf') };
    await expect(encodeBtf(programs, pahole, request)).rejects.toMatchObject({
      reason: 'no-space',
      advice: expect.stringContaining('--temp'),
    });
  });
});

test.each([32, 0])('pahole under a limit of %d blocks for a file is no-space', async (blocks) => {
  const limited = { path: 'sh', args: ['-c', `ulimit -f ${blocks}; exec pahole "$@"`, 'sh'] };
  const output = join(folder, `limited-${blocks}`);
  const request = { vmlinux: manyTypes(), base: undefined, output };
  await expect(encodeBtf(programs, limited, request)).rejects.toMatchObject({ reason: 'no-space' });
});

test('an output that is there already is never written over', async () => {
  const output = join(folder, 'there.btf');
  writeFileSync(output, 'x');
  await expect(
    encodeBtf(programs, pahole, { vmlinux: object, base: undefined, output }),
  ).rejects.toMatchObject({
    message: expect.stringContaining('there already'),
  });
  expect(readFileSync(output, 'utf8')).toBe('x');
});
