import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packBtf } from '../../src/btf/tarball.ts';
import { verify } from '../../src/commands/verify.ts';
import { asUname } from '../../src/names.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { failureRecord, kernelRecord } from '../archive/records.ts';
import { bzImage, elfKernel, UNAME, withSize } from '../boot-image/made.ts';
import {
  compile,
  compileBpf,
  EVERY_KIND,
  paholeBtf,
  programs,
  temporaryFolder,
} from '../btf/made.ts';
import { runCommand } from '../schemas.ts';
import { shared, testWithShared } from '../shared.ts';

const folder = temporaryFolder();
const btf = paholeBtf(folder, EVERY_KIND);
const uname = asUname('5.10.0-1.oe2203.x86_64');
const shelf = join(folder, 'output', 'openEuler', '22.03', 'x86_64');
const tarball = join(shelf, `${uname}.btf.tar.xz`);
const record = join(folder, 'output', 'records', `${uname}.json`);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const platform: Platform = {
  env: {},
  clock: systemClock,
  programs,
  interrupted: new AbortController().signal,
  http: { request: () => Promise.reject(new Error('verify asks nobody')) },
  stdout: { write: () => true },
  stderr: { write: () => true },
};

const none = { attestation: undefined, attestationBundle: undefined, trustedRoot: undefined };

function run(minimumTypes: number, ...paths: string[]) {
  return runCommand(verify, platform, { ...none, minimumTypes, base: undefined }, paths);
}

beforeAll(async () => {
  for (const path of [tarball, record]) mkdirSync(dirname(path), { recursive: true });
  const packed = await packBtf(programs, uname, btf);
  writeFileSync(tarball, packed);
  const known = kernelRecord(uname);
  const sums = {
    tarball: { ...known.tarball, sha256: sha256(packed) },
    btf: { ...known.btf, sha256: sha256(btf) },
  };
  writeFileSync(record, JSON.stringify({ ...known, ...sums }));
});

test('a folder that build wrote is checked, and agrees with its records', async () => {
  const { status, document } = await run(20, join(folder, 'output'));
  expect(status).toBe(0);
  expect(document).toMatchObject({
    sound: 1,
    unsound: 0,
    files: [
      {
        path: tarball,
        uname,
        record: 'agrees',
        method: 'dwarf',
        btf: { types: 30, sha256: sha256(btf) },
      },
    ],
  });
});

test('one file is described in full', async () => {
  const { text } = await run(20, tarball);
  expect(text).toMatch(/^kernel {7}5\.10\.0-1\.oe2203\.x86_64$/m);
  expect(text).toMatch(/^task_struct {2}\d+ bytes, 11 members, once$/m);
  expect(text).toMatch(/INT \d+, .*STRUCT 2/);
  expect(text).toMatch(/^record {7}agrees \(dwarf\)$/m);
});

test('a boot image is checked, and says whose kernel it is', async () => {
  const image = join(folder, 'vmlinuz');
  writeFileSync(image, bzImage(withSize('gzip', elfKernel(folder, btf))));
  const { status, document } = await run(20, image);
  expect(document).toMatchObject({
    files: [{ path: image, uname: UNAME, btf: { sha256: sha256(btf) }, record: 'none' }],
  });
  expect(status).toBe(0);
  writeFileSync(image, bzImage(withSize('gzip', elfKernel(folder, undefined))));
  const without = await run(20, image);
  expect(without.document).toMatchObject({ files: [{ error: { reason: 'no-btf' } }] });
});

test('a tarball that is not the one of its record is unsound', async () => {
  const other = join(folder, 'changed');
  cpSync(join(folder, 'output'), other, { recursive: true });
  writeFileSync(
    join(other, 'openEuler', '22.03', 'x86_64', `${uname}.btf.tar.xz`),
    await packBtf(programs, uname, paholeBtf(folder, 'struct task_struct { int a; } t;')),
  );
  const { status, document } = await run(0, other);
  expect(status).toBe(1);
  expect(document).toMatchObject({ files: [{ error: { reason: 'checksum-mismatch' } }] });
});

test('a tarball whose record says that it could not be made is unsound', async () => {
  const other = join(folder, 'failed');
  cpSync(join(folder, 'output'), other, { recursive: true });
  const text = JSON.stringify(failureRecord(uname));
  writeFileSync(join(other, 'records', `${uname}.json`), text);
  const { document } = await run(0, other);
  expect(document).toMatchObject({ files: [{ error: { reason: 'bad-archive' } }] });
});

test('a tarball under the name of another kernel is unsound', async () => {
  const path = join(folder, '5.10.0-2.btf.tar.xz');
  cpSync(tarball, path);
  const { status, text, failures } = await run(0, path, tarball);
  expect(status).toBe(1);
  expect(text).toMatch(/5\.10\.0-2\.btf\.tar\.xz +bad-archive: .*another kernel/);
  expect(text).toMatch(/5\.10\.0-1\.oe2203\.x86_64\.btf\.tar\.xz .* sound$/m);
  expect(failures).toHaveLength(1);
});

test('an eBPF object is no kernel, unless any BTF will do', async () => {
  const object = compileBpf(folder, 'int number = 1;', 'bpf');
  const asKernel = await run(10_000, object);
  expect(asKernel.document).toMatchObject({ files: [{ error: { reason: 'bad-btf' } }] });
  expect((await run(0, object)).status).toBe(0);
});

test('what is not there, and a folder with nothing to check, end it', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  for (const path of [join(folder, 'nowhere'), empty]) {
    await expect(run(0, path)).rejects.toMatchObject({ reason: 'not-found' });
  }
});

testWithShared('samples')('the archive of today is sound', async () => {
  const { status, document } = await run(10_000, join(shared, 'samples'));
  expect(document).toMatchObject({ sound: 2, unsound: 0 });
  expect(status).toBe(0);
});

test("a module's BTF is sound with its kernel's, and without it the advice says what is missing", async () => {
  const [kernel, module] = [join(folder, 'vmlinux.btf'), join(folder, 'module.btf')];
  writeFileSync(kernel, btf);
  const object = compile(folder, 'struct own { int a; } own;');
  execFileSync('pahole', ['--btf_base', kernel, '--btf_encode_detached', module, object]);
  const { status, text } = await runCommand(
    verify,
    platform,
    { ...none, minimumTypes: 10_000, base: kernel },
    [module],
  );
  expect(status).toBe(0);
  expect(text).toMatch(/^base {9}the one given$/m);
  const { document } = await run(0, module);
  const advice = expect.stringContaining('--base');
  expect(document).toMatchObject({ files: [{ error: { reason: 'bad-btf', advice } }] });
  writeFileSync(kernel, 'no BTF');
  const broken = runCommand(verify, platform, { ...none, minimumTypes: 0, base: kernel }, [module]);
  await expect(broken).rejects.toMatchObject({ reason: 'bad-btf' });
});
