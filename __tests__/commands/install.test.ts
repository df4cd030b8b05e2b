import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { loadBtf } from '../../src/btf/load.ts';
import { packBtf } from '../../src/btf/tarball.ts';
import { fetch } from '../../src/commands/fetch.ts';
import { install } from '../../src/commands/install.ts';
import { asUname } from '../../src/names.ts';
import { archiveFiles, catalogOf, writeFiles } from '../archive/archive-files.ts';
import { kernelRecord } from '../archive/records.ts';
import { compress, flatKernel } from '../boot-image/made.ts';
import { TASKS_AND_SOCKETS } from '../btf/core/cases.ts';
import { buildLibbpf } from '../btf/core/libbpf.ts';
import { compileBpf, EVERY_KIND, paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { shared, testWithShared } from '../shared.ts';
import { hostWith, makeImage, run } from './hosts.ts';

const folder = temporaryFolder();
const btf = paholeBtf(folder, EVERY_KIND);
const other = paholeBtf(folder, 'struct task_struct { int a; long b; } t;');
const X86 = '5.10.0-60.1.0.30.oe2203.x86_64';
const ARM = '5.10.0-60.1.0.30.oe2203.aarch64';
const archive = join(folder, 'archive');
const newer = join(folder, 'newer');
const platform = hostWith(X86, 'x86_64');
const any = { minimumTypes: '0' };

beforeAll(async () => {
  const pack = (uname: string, content: Buffer) => packBtf(programs, asUname(uname), content);
  writeFiles(archive, archiveFiles({ [X86]: await pack(X86, btf), [ARM]: await pack(ARM, btf) }));
  writeFiles(newer, archiveFiles({ [X86]: await pack(X86, other) }));
});

let images = 0;
function image(uname = X86): string {
  images += 1;
  return makeImage(join(folder, `image-${images}`), '22.03', uname);
}

/** Every file and folder of an image. */
function everything(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
}

test('without gala-gopher it goes where libbpf looks, as an ELF file for all', async () => {
  for (const uname of [X86, ARM]) {
    const root = image(uname);
    const { document, text } = await run(platform, install, { archive, root, ...any });
    const path = `/lib/modules/${uname}/vmlinux-${uname}`;
    expect(document).toMatchObject({ uname, path, audience: 'libbpf', what: 'installed' });
    const file = join(root, path);
    expect(readFileSync(file).toString('latin1', 0, 4)).toBe('\x7fELF');
    expect(await loadBtf(file)).toEqual(btf);
    expect(statSync(file).mode & 0o777).toBe(0o444);
    expect(text).toContain(`TRACEE_BTF_FILE=${path}`);
  }
});

test('with gala-gopher it goes into its folder, raw', async () => {
  const root = image(ARM);
  mkdirSync(join(root, 'opt/gala-gopher'), { recursive: true });
  const { document, text } = await run(platform, install, { archive, root, ...any });
  const path = `/opt/gala-gopher/btf/${ARM}.btf`;
  expect(document).toMatchObject({ path, audience: 'gala-gopher' });
  expect(readFileSync(join(root, path))).toEqual(btf);
  expect(text).toMatch(/gala-gopher +finds it automatically/);
});

test('--to is a file or a folder', async () => {
  const root = image();
  const put = async (to: string) =>
    (await run(platform, install, { archive, root, to, ...any })).document;
  expect(await put('/btf/mine.btf')).toMatchObject({ path: '/btf/mine.btf', form: 'raw' });
  expect(await put('/new/')).toMatchObject({ path: `/new/${X86}.btf` });
  expect(await put('/btf')).toMatchObject({ path: `/btf/${X86}.btf` });
  const boot = `/boot/vmlinux-${X86}`;
  expect(await put(boot)).toMatchObject({ path: boot, form: 'elf', audience: 'libbpf' });
});

test('--remove leaves the machine as it was', async () => {
  const root = image();
  mkdirSync(join(root, 'opt/gala-gopher'), { recursive: true });
  mkdirSync(join(root, 'var/lib'), { recursive: true });
  const before = everything(root);
  await run(platform, install, { archive, root, ...any });
  await run(platform, install, { archive, root, to: '/a/b/c.btf', ...any });
  expect(everything(root)).not.toEqual(before);
  const { status, text } = await run(platform, install, { root, remove: true });
  expect(status).toBe(0);
  expect(text).toContain('/a/b/c.btf: removed');
  expect(everything(root)).toEqual(
    [...before, 'var/lib/btfhub', 'var/lib/btfhub/installed'].sort(),
  );
  await expect(run(platform, install, { root, remove: true })).rejects.toMatchObject({
    reason: 'not-found',
  });
});

test('a damaged install record is named by --remove, and what the others name is removed', async () => {
  const root = image();
  await run(platform, install, { archive, root, ...any });
  const records = join(root, 'var/lib/btfhub/installed');
  writeFiles(records, { [`${X86}.0123456789ab.json`]: '{}', [`${ARM}.0123456789ab.json`]: '{' });
  await expect(run(platform, install, { root, remove: true, uname: X86 })).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringMatching(/x86_64\.0123456789ab\.json: not a valid install record/),
  });
  expect(existsSync(join(root, `lib/modules/${X86}/vmlinux-${X86}`))).toBe(false);
  expect(readdirSync(records).length).toBe(2);
});

test('installing twice changes nothing, and newer BTF replaces older', async () => {
  const root = image();
  const put = async (where: string) =>
    (await run(platform, install, { archive: where, root, ...any })).document;
  expect(await put(archive)).toMatchObject({ what: 'installed' });
  expect(await put(archive)).toMatchObject({ what: 'present' });
  expect(await put(newer)).toMatchObject({ what: 'replaced' });
  const { status } = await run(platform, install, { root, remove: true, uname: X86 });
  expect(status).toBe(0);
  expect(existsSync(join(root, `lib/modules/${X86}/vmlinux-${X86}`))).toBe(false);
});

test('a file that btfhub did not install is neither replaced nor removed', async () => {
  const root = image();
  const path = `lib/modules/${X86}/vmlinux-${X86}`;
  writeFiles(root, { [path]: 'theirs' });
  await expect(run(platform, install, { archive, root, ...any })).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringMatching(/did not install it/),
  });
  expect(readFileSync(join(root, path), 'utf8')).toBe('theirs');
});

test('a file that was changed after the installation stays, with exit status 1', async () => {
  const root = image();
  await run(platform, install, { archive, root, to: '/one.btf', ...any });
  await run(platform, install, { archive, root, to: '/two.btf', ...any });
  // As an editor does it: the file itself is read-only.
  writeFiles(root, { draft: 'changed' });
  renameSync(join(root, 'draft'), join(root, 'two.btf'));
  const { status, document } = await run(platform, install, { root, remove: true });
  expect(status).toBe(1);
  expect(document).toMatchObject({
    removed: expect.arrayContaining([
      expect.objectContaining({ path: '/two.btf', what: 'changed' }),
    ]),
  });
  expect(existsSync(join(root, 'two.btf'))).toBe(true);
  expect(existsSync(join(root, 'one.btf'))).toBe(false);
  await expect(run(platform, install, { root, remove: true })).rejects.toMatchObject({
    message: expect.stringMatching(/two\.btf was changed/),
  });
});

test('links in an image are resolved inside it, absolute ones too', async () => {
  const root = image();
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  symlinkSync(outside, join(root, 'opt'));
  symlinkSync('../../../..', join(root, 'up'));
  for (const to of ['/opt/file.btf', '/up/below.btf']) {
    await run(platform, install, { archive, root, to, ...any });
  }
  expect(readdirSync(outside)).toEqual([]);
  expect(readFileSync(join(root, outside, 'file.btf'))).toEqual(btf);
  expect(readFileSync(join(root, 'below.btf'))).toEqual(btf);
  await run(platform, install, { root, remove: true });
  expect(existsSync(join(root, outside, 'file.btf'))).toBe(false);
  symlinkSync('/loop', join(root, 'loop'));
  await expect(
    run(platform, install, { archive, root, to: '/loop/file.btf', ...any }),
  ).rejects.toMatchObject({ reason: 'usage', message: expect.stringContaining('loop') });
});

test('the BTF of the boot image of this kernel is installed, and that of another kernel is not', async () => {
  const file = join(folder, 'vmlinuz');
  const kernel = flatKernel({ form: 'arm64', banners: [ARM], btf: [btf] });
  writeFiles(folder, { vmlinuz: compress('gzip', kernel) });
  const root = image(ARM);
  await run(platform, install, { btf: file, root, ...any });
  expect(await loadBtf(join(root, `/lib/modules/${ARM}/vmlinux-${ARM}`))).toEqual(btf);
  await expect(
    run(platform, install, { btf: file, root: image(X86), ...any }),
  ).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringContaining(`${ARM} by the banner of the boot image`),
  });
});

test('an image whose folders are links, as of merged /usr, is installed into', async () => {
  const root = makeImage(join(folder, 'merged'), '22.03');
  writeFiles(root, {
    'usr/lib/os-release': 'ID="openEuler"\nVERSION_ID="22.03"\n',
    [`usr/lib/modules/${ARM}/modules.dep`]: '',
  });
  rmSync(join(root, 'etc/os-release'));
  symlinkSync('/usr/lib/os-release', join(root, 'etc/os-release'));
  symlinkSync('/usr/lib', join(root, 'lib'));
  const { document, text } = await run(platform, install, { archive, root, ...any });
  expect(document).toMatchObject({ uname: ARM });
  const file = join(root, `usr/lib/modules/${ARM}/vmlinux-${ARM}`);
  expect(await loadBtf(file)).toEqual(btf);
  expect(text).toContain(file);
});

describe('--btf', () => {
  const offline = { archive: '/nowhere', ...any };
  const put = (file: string, more: Record<string, string | true> = {}) => {
    const lines: string[] = [];
    const stderr = { write: (line: string) => lines.push(line) > 0 };
    const given = { ...offline, root: image(), btf: file, ...more };
    return run({ ...platform, stderr }, install, given).then(({ document }) => {
      return { document, said: lines.join('') };
    });
  };
  const file = (name: string, content: Uint8Array) => {
    const path = join(folder, name);
    writeFiles(folder, { [name]: Buffer.from(content) });
    return path;
  };
  const refusal = (by: string) => ({
    reason: 'usage',
    message: expect.stringMatching(new RegExp(`is the BTF of ${ARM} by ${by}.*for ${X86}`)),
  });

  test('is installed without an archive and without a warning when its name is the kernel', async () => {
    const { document, said } = await put(file(`named/${X86}.btf`, btf));
    expect(document).toMatchObject({ what: 'installed', uname: X86 });
    expect(said).toBe('');
  });

  test('is installed with a warning when nothing tells whose it is', async () => {
    const { document, said } = await put(file('kernel.btf', btf));
    expect(document).toMatchObject({ what: 'installed' });
    expect(said).toMatch(/^warning: Nothing tells which kernel .*kernel\.btf belongs to/);
  });

  test.each([
    { attestation: 'openeuler/btfhub-action' },
    { attestationBundle: '/nowhere/bundle.jsonl' },
    { trustedRoot: '/nowhere/root.json' },
  ])('is refused with %j: only what the archive has is attested', async (given) => {
    const refused = put(file(`named/${X86}.btf`, btf), given);
    await expect(refused).rejects.toMatchObject({ reason: 'usage' });
  });

  test('takes a tarball of the archive', async () => {
    const tarball = await packBtf(programs, asUname(X86), btf);
    const { document, said } = await put(file('download.btf.tar.xz', tarball));
    expect(document).toMatchObject({ what: 'installed', uname: X86 });
    expect(said).toBe('');
  });

  test('is refused when its name is another kernel, unless another kernel is allowed', async () => {
    const path = file(`other/${ARM}.btf`, btf);
    await expect(put(path)).rejects.toMatchObject(refusal('its file name'));
    const { document } = await put(path, { allowOtherKernel: true });
    expect(document).toMatchObject({ what: 'installed', uname: X86 });
  });

  test('is refused when the tarball has the file of another kernel', async () => {
    const path = file(`tarball/${X86}.btf.tar.xz`, await packBtf(programs, asUname(ARM), btf));
    await expect(put(path)).rejects.toMatchObject(refusal('the file in the tarball'));
  });

  test('is refused when a catalog or a record names another kernel with its sum', async () => {
    const tarball = await packBtf(programs, asUname(X86), btf);
    const path = file('catalogued/kernel.btf.tar.xz', tarball);
    writeFiles(folder, { 'catalogued/catalog.json': catalogOf({ [ARM]: tarball }) });
    await expect(put(path)).rejects.toMatchObject(refusal('the catalog'));
    const raw = file('recorded/kernel.btf', btf);
    const sha256 = createHash('sha256').update(btf).digest('hex');
    const record = kernelRecord(ARM, { btf: { size: btf.length, sha256, kinds: { INT: 1 } } });
    writeFiles(folder, { [`recorded/records/${ARM}.json`]: JSON.stringify(record) });
    await expect(put(raw)).rejects.toMatchObject(refusal('the records in'));
    writeFiles(folder, { [`recorded/records/${ARM}.json`]: '{}' });
    expect((await put(raw)).said).toMatch(/Nothing tells/);
  });

  test('must be the BTF of a whole kernel', async () => {
    const path = file(`whole/${X86}.btf`, btf);
    const given = { archive: '/nowhere', root: image(), btf: path };
    await expect(run(platform, install, given)).rejects.toMatchObject({ reason: 'bad-btf' });
  });
});

describe.each(['x86_64', 'aarch64'])('the real BTF of %s', (arch) => {
  const uname = `4.19.90-2112.8.0.0131.oe1.${arch}`;
  const machine = hostWith(uname, arch);
  const real = join(folder, `archive-${arch}`);
  const raw = join(folder, `${uname}.btf`);

  /** An archive with the file, and the raw BTF as xz and tar get it out. */
  function unpackByHand(): Buffer {
    const sample = join(shared, 'samples', `${uname}.btf.tar.xz`);
    const tarballs = { [uname]: readFileSync(sample) };
    writeFiles(real, { ...archiveFiles(tarballs), 'catalog.json': catalogOf(tarballs) });
    execFileSync('tar', ['--extract', '--xz', '-f', sample, '-C', folder]);
    return readFileSync(raw);
  }

  testWithShared('samples')(
    'goes as it is to gala-gopher, fetched on the machine itself, and away again',
    async () => {
      const btf = unpackByHand();
      const root = makeImage(join(folder, `gopher-${arch}`), '20.03', uname);
      mkdirSync(join(root, 'opt/gala-gopher'), { recursive: true });
      mkdirSync(join(root, 'var/lib/btfhub/installed'), { recursive: true });
      const before = everything(root);
      const fetched = join(folder, `fetched-${arch}`, `${uname}.btf`);
      mkdirSync(dirname(fetched));
      await run(machine, fetch, { archive: real, output: fetched });
      const given = { archive: '/nowhere', root, btf: fetched };
      const { document } = await run(machine, install, given);
      const path = `/opt/gala-gopher/btf/${uname}.btf`;
      expect(document).toMatchObject({ uname, path, audience: 'gala-gopher', form: 'raw' });
      expect(readFileSync(join(root, path)).equals(btf)).toBe(true);
      await run(machine, install, { root, remove: true });
      expect(everything(root)).toEqual(before);
    },
  );

  testWithShared('samples')(
    'is for libbpf what the raw file is, straight from the archive',
    async () => {
      unpackByHand();
      const root = makeImage(join(folder, `plain-${arch}`), '20.03', uname);
      const { document } = await run(machine, install, { archive: real, root });
      const path = `/lib/modules/${uname}/vmlinux-${uname}`;
      expect(document).toMatchObject({ uname, path, audience: 'libbpf', form: 'elf' });
      const [libbpf, object] = [buildLibbpf(folder), compileBpf(folder, TASKS_AND_SOCKETS, 'bpf')];
      const installed = libbpf('stand-in', object, join(root, path));
      expect(installed.relocated).toBe(true);
      expect(installed.done.size).toBeGreaterThan(8);
      expect(installed.done).toEqual(libbpf('stand-in', object, raw).done);
    },
  );
});
