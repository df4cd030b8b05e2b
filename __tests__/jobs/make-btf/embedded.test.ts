import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { parseRecord } from '../../../src/archive/parse-record.ts';
import type { EmbeddedRecord } from '../../../src/archive/record.ts';
import { loadBtf } from '../../../src/btf/load.ts';
import { unpackBtf } from '../../../src/btf/tarball.ts';
import { fetch } from '../../../src/commands/fetch.ts';
import { install } from '../../../src/commands/install.ts';
import { serveFolder } from '../../../src/download/static-server.ts';
import type { KernelResult } from '../../../src/jobs/make-btf/build-kernels.ts';
import type { BuildRequest } from '../../../src/jobs/make-btf/run.ts';
import { parseTrustOption } from '../../../src/rpm/keys.ts';
import { noCache } from '../../../src/rpmmd/cache.ts';
import { findKernels } from '../../../src/sources/discover.ts';
import type { KernelPackage, MethodChoice } from '../../../src/sources/kernels.ts';
import { OPENEULER } from '../../../src/sources/openeuler.ts';
import { bzImage, compress, elfKernel, flatKernel, withSize } from '../../boot-image/made.ts';
import { programs, temporaryFolder } from '../../btf/made.ts';
import { makeImage, run as runCommand } from '../../commands/hosts.ts';
import { Gnupg } from '../../rpm/gnupg.ts';
import {
  build,
  demoVmlinux,
  listening,
  makeMirror,
  makeSetting,
  onSmallDisk,
  realPlatform,
  unameOf,
} from './setting.ts';

const setting = makeSetting();
const folder = temporaryFolder();
const platform = realPlatform();
const root = join(import.meta.dirname, '..', '..', '..');

const vmlinux = demoVmlinux();
const btf = paholeBtf();
const gnupg = new Gnupg(join(folder, 'gnupg'));
const fingerprint = gnupg.generate('boot', 'rsa2048', 'sign');
afterAll(() => gnupg.close());

/** What pahole makes of the demonstration's vmlinux: in this test the kernel carries it too. */
function paholeBtf(): Buffer {
  const file = join(folder, 'vmlinux');
  writeFileSync(file, vmlinux);
  execFileSync('pahole', ['--btf_encode_detached', `${file}.btf`, file]);
  return readFileSync(`${file}.btf`);
}

/** Kernels of the mirror, by what is special about their packages. */
const UNAMES = {
  signed: unameOf(1),
  zstd: unameOf(2),
  flat: unameOf(3),
  md5: unameOf(4),
  withoutBtf: unameOf(5),
  otherKernel: unameOf(6),
  both: unameOf(7),
  emptyDebuginfo: unameOf(8),
  bothWithoutBtf: unameOf(9),
  large: unameOf(10),
};

interface BootContent {
  readonly uname: string;
  readonly image: Buffer;
  readonly signed?: boolean;
  readonly digest?: number;
  readonly payload?: string;
  /** Bytes of each of its two modules. */
  readonly module?: number;
  /** The folder of its repository, from the mirror's root. */
  readonly repository?: string;
}

const imageOf = (uname: string, own: Buffer | undefined = btf) =>
  bzImage(withSize('gzip', elfKernel(folder, own, uname)));
const imageWithoutBtf = (uname: string) =>
  bzImage(withSize('gzip', elfKernel(folder, undefined, uname)));

const REPOSITORY = 'openEuler-22.03-LTS-SP1/update/x86_64';
/** A release without debuginfo: all that there is of its kernel is the package `kernel` of the release's day. */
const RELEASE_DAY = 'openEuler-23.03/OS/x86_64';
const NO_DEBUGINFO = '6.1.19-7.0.0.17.oe2303.x86_64';
const mirror = setting.fresh('mirror');
let server: Awaited<ReturnType<typeof serveFolder>>;
let kernels: readonly KernelPackage[];

beforeAll(async () => {
  makeMirror(mirror, [
    { uname: UNAMES.both, vmlinux },
    { uname: UNAMES.emptyDebuginfo, vmlinux: undefined },
    { uname: UNAMES.bothWithoutBtf, vmlinux },
  ]);
  const flat = flatKernel({ form: 'arm64', banners: [UNAMES.flat], btf: [btf] });
  for (const content of [
    { uname: UNAMES.signed, image: imageOf(UNAMES.signed), signed: true },
    { uname: UNAMES.zstd, image: imageOf(UNAMES.zstd), payload: 'w3.zstdio' },
    { uname: UNAMES.flat, image: compress('gzip', flat) },
    { uname: UNAMES.md5, image: imageOf(UNAMES.md5), signed: true, digest: 1 },
    { uname: UNAMES.withoutBtf, image: imageWithoutBtf(UNAMES.withoutBtf), signed: true },
    { uname: UNAMES.otherKernel, image: imageOf(UNAMES.signed), signed: true },
    { uname: UNAMES.both, image: imageOf(UNAMES.both), signed: true },
    { uname: UNAMES.emptyDebuginfo, image: imageOf(UNAMES.emptyDebuginfo), signed: true },
    { uname: UNAMES.bothWithoutBtf, image: imageWithoutBtf(UNAMES.bothWithoutBtf), signed: true },
    {
      uname: UNAMES.large,
      image: imageOf(UNAMES.large),
      signed: true,
      payload: 'w1.zstdio',
      module: 15e6,
    },
    { uname: NO_DEBUGINFO, image: imageOf(NO_DEBUGINFO), signed: true, repository: RELEASE_DAY },
  ]) {
    addBootPackage(content);
  }
  for (const path of [REPOSITORY, RELEASE_DAY]) {
    const repository = join(mirror, path);
    writeFileSync(join(repository, 'RPM-GPG-KEY-openEuler'), gnupg.exportArmored('boot'));
    execFileSync('createrepo_c', ['--quiet', '--no-database', repository]);
  }
  server = await serveFolder(mirror);
  kernels = await published(server.url);
}, 600_000);
afterAll(() => server.close());

/** Adds a package `kernel`, made by real rpmbuild and signed by real rpmsign. */
function addBootPackage({
  uname,
  image,
  signed,
  digest = 8,
  payload = 'w2.xzdio',
  module = 1e6,
  repository = REPOSITORY,
}: BootContent) {
  const packages = join(mirror, repository, 'Packages');
  mkdirSync(packages, { recursive: true });
  const tree = setting.fresh('tree');
  const modules = join(tree, 'lib/modules', uname, 'kernel');
  mkdirSync(join(tree, 'boot'));
  mkdirSync(modules, { recursive: true });
  writeFileSync(join(tree, 'boot', `System.map-${uname}`), 'ffff T start\n'.repeat(5000));
  writeFileSync(join(tree, 'boot', `config-${uname}`), 'CONFIG_DEBUG_INFO_BTF=y\n');
  writeFileSync(join(tree, 'boot', `vmlinuz-${uname}`), image);
  for (const name of ['a', 'b']) writeFileSync(join(modules, `${name}.ko.xz`), randomBytes(module));
  const to = setting.fresh('rpms');
  execFileSync(join(root, 'scripts', 'pack-kernel.sh'), [
    ...['--root', tree, '--uname', uname, '--to', to, '--packages', 'kernel'],
    ...['--file-digest', `${digest}`, '--payload', payload],
  ]);
  const [name = ''] = readdirSync(to);
  if (signed) gnupg.sign(join(to, name), join(packages, name), fingerprint);
  else copyFileSync(join(to, name), join(packages, name));
}

async function published(url: string, method: MethodChoice = 'auto') {
  const all = { releases: ['all'], arches: ['all'], kernels: ['all'], flavours: [] };
  const query = { source: OPENEULER, mirrors: [url], ...all, method, cache: noCache };
  return (await findKernels(platform, query, listening())).kernels;
}

const only = (...unames: readonly string[]) =>
  kernels.filter(({ uname }) => unames.includes(uname));

async function run(
  some: readonly KernelPackage[],
  changes: Partial<BuildRequest> = {},
  mirrors: readonly string[] = [server.url],
) {
  const places = { output: setting.fresh('output'), temp: setting.fresh('temp'), mirrors };
  const trust = [parseTrustOption(fingerprint)];
  const results = await build(platform, some, places, {
    trust,
    signature: 'prefer',
    ...changes,
  });
  expect(readdirSync(places.temp)).toEqual([]);
  return { results, places };
}

function embedded(result: KernelResult | undefined): EmbeddedRecord {
  if (result?.state !== 'failed' && result?.record.method === 'embedded') return result.record;
  throw new Error(`not built from a boot image: ${JSON.stringify(result)}`);
}

async function btfIn(output: string, record: EmbeddedRecord): Promise<Buffer> {
  return (await unpackBtf(programs, readFileSync(join(output, record.tarball.path)))).btf;
}

test('auto takes vmlinux where it is published, and the boot image of kernels without debuginfo', () => {
  const methods = Object.fromEntries(kernels.map(({ uname, method }) => [uname, method]));
  expect(Object.keys(methods).sort()).toEqual([...Object.values(UNAMES), NO_DEBUGINFO].sort());
  for (const [uname, method] of Object.entries(methods)) {
    const debuginfo = [UNAMES.both, UNAMES.emptyDebuginfo, UNAMES.bothWithoutBtf].includes(uname);
    expect([uname, method]).toEqual([uname, debuginfo ? 'dwarf' : 'embedded']);
  }
});

test('dwarf finds only packages with vmlinux, and embedded only packages with a boot image', async () => {
  const dwarf = await published(server.url, 'dwarf');
  expect(dwarf.map(({ nvra }) => nvra.replace(/-\d.*/, ''))).toEqual(
    Array(3).fill('kernel-debuginfo'),
  );
  expect(dwarf.some((kernel) => 'bootPackage' in kernel)).toBe(false);
  const boot = await published(server.url, 'embedded');
  expect(boot.map(({ nvra }) => nvra.replace(/-\d.*/, ''))).toEqual(Array(11).fill('kernel'));
});

test('a signed kernel package is read up to its boot image, and the BTF in it is published', async () => {
  const [kernel] = only(UNAMES.signed);
  const { results, places } = await run(only(UNAMES.signed));
  const record = embedded(results[0]);
  expect(record).toMatchObject({
    uname: UNAMES.signed,
    nvra: `kernel-${UNAMES.signed}`,
    verified: { repodata: false, header: true, file: true, signature: { status: 'good' } },
    bootImage: { layers: ['bzImage', 'gzip', 'ELF'], foundBy: 'section' },
    package: { sha256: kernel?.checksum.value, size: kernel?.size },
  });
  expect(record.bootImage.bytesRead).toBeLessThan(record.package.size / 2);
  expect((await btfIn(places.output, record)).equals(btf)).toBe(true);
  const file = `records/${record.uname}.json`;
  const text = readFileSync(join(places.output, file), 'utf8');
  expect(parseRecord(text, file)).toEqual(JSON.parse(JSON.stringify(record)));
});

test('openEuler 23.03, which has no debuginfo at all, gets the BTF of its kernel', async () => {
  const { results, places } = await run(only(NO_DEBUGINFO));
  const record = embedded(results[0]);
  expect(record).toMatchObject({ uname: NO_DEBUGINFO, versionId: '23.03', releases: ['23.03'] });
  expect((await btfIn(places.output, record)).equals(btf)).toBe(true);
});

test('what lies behind the boot image is not downloaded', async () => {
  const counted = await countingProxy(server.url);
  try {
    const { results } = await run(only(UNAMES.large), {}, [counted.url]);
    const { package: whole, bootImage } = embedded(results[0]);
    expect(whole.size).toBeGreaterThan(30e6);
    expect(bootImage.bytesRead).toBeLessThanOrEqual(counted.sent());
    expect(counted.sent()).toBeLessThan(whole.size / 3);
  } finally {
    await counted.close();
  }
});

test('an unsigned package is read to its end and must have the checksum of the metadata', async () => {
  const { results } = await run(only(UNAMES.zstd, UNAMES.flat), { signature: 'off' });
  for (const record of results.map(embedded)) {
    expect(record.verified).toMatchObject({ repodata: true, file: true });
    expect(record.bootImage.bytesRead).toBe(record.package.size);
  }
  expect(results).toMatchObject([
    { record: { bootImage: { foundBy: 'section' } } },
    { record: { bootImage: { foundBy: 'scan', layers: ['gzip', 'arm64 Image'] } } },
  ]);
});

test('a signed package whose header has only MD5 of its files is read to its end', async () => {
  const { results } = await run(only(UNAMES.md5));
  const record = embedded(results[0]);
  expect(record.verified).toMatchObject({
    repodata: true,
    file: false,
    signature: { status: 'good' },
  });
  expect(record.bootImage.bytesRead).toBe(record.package.size);
});

test('a boot image without BTF, and that of another kernel, are named failures', async () => {
  const { results } = await run(only(UNAMES.withoutBtf, UNAMES.otherKernel));
  expect(results).toMatchObject([
    { state: 'failed', record: { reason: 'no-btf' } },
    { state: 'failed', record: { reason: 'bad-image' } },
  ]);
});

test('bytes that a mirror changed in the boot image are noticed, and fetched from another mirror', async () => {
  const wrong = setting.fresh('wrong');
  cpSync(mirror, wrong, { recursive: true });
  const file = join(wrong, REPOSITORY, 'Packages', `kernel-${UNAMES.signed}.rpm`);
  const bytes = readFileSync(file);
  const at = bytes.indexOf(Buffer.from('fd377a585a00', 'hex')) + 4000;
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(file, bytes);
  const bad = await serveFolder(wrong);
  try {
    const alone = await run(only(UNAMES.signed), {}, [bad.url]);
    expect(alone.results).toMatchObject([{ record: { reason: 'checksum-mismatch' } }]);
    const { results, places } = await run(only(UNAMES.signed), {}, [bad.url, server.url]);
    expect((await btfIn(places.output, embedded(results[0]))).equals(btf)).toBe(true);
  } finally {
    await bad.close();
  }
});

test('a debuginfo package without vmlinux gives way to the boot image, and is not built again', async () => {
  const some = only(UNAMES.emptyDebuginfo);
  const { results, places } = await run(some, { signature: 'off' });
  expect(embedded(results[0]).nvra).toBe(`kernel-${UNAMES.emptyDebuginfo}`);
  for (const replaceMethod of [false, true]) {
    const again = await build(platform, some, places, { signature: 'off', replaceMethod });
    expect(again).toMatchObject([{ state: 'skipped' }]);
  }
});

test('what one method made is replaced by the other only when that is asked for', async () => {
  const { places } = await run(only(UNAMES.both), { signature: 'off' });
  const boot = await published(server.url, 'embedded');
  const some = boot.filter(({ uname }) => uname === UNAMES.both);
  const kept = await build(platform, some, places, { signature: 'off' });
  expect(kept).toMatchObject([{ state: 'skipped', record: { method: 'dwarf' } }]);
  const replaced = await build(platform, some, places, { signature: 'off', replaceMethod: true });
  expect(replaced).toMatchObject([{ state: 'built', record: { method: 'embedded' } }]);
});

test('--cross-check puts the comparison with the boot image into the record', async () => {
  const options = { signature: 'off', crossCheck: true } as const;
  const { results } = await run(only(UNAMES.both, UNAMES.bothWithoutBtf), options);
  expect(results).toMatchObject([
    {
      record: {
        method: 'dwarf',
        crossCheck: {
          state: 'compared',
          method: 'embedded',
          nvra: `kernel-${UNAMES.both}`,
          kinds: { STRUCT: { onlyThere: 0, different: 0 } },
        },
      },
    },
    { record: { method: 'dwarf', crossCheck: { state: 'failed', reason: 'no-btf' } } },
  ]);
});

test('--cross-check with modules ends also where there is space for one of both at a time', async () => {
  const [kernel] = only(UNAMES.both);
  await onSmallDisk(
    setting,
    async (temp) => {
      const output = setting.fresh('output');
      const modules = { names: ['xfs'], output: setting.fresh('with-modules') };
      const request = { output, temp, mirrors: [server.url] };
      const options = { signature: 'off', crossCheck: true, modules } as const;
      expect(await build(platform, [kernel as KernelPackage], request, options)).toMatchObject([
        { state: 'built', record: { crossCheck: { state: 'compared' } } },
      ]);
    },
    '128k',
  );
});

test('fetch and install take the BTF of a kernel straight out of its package, without an archive', async () => {
  const image = makeImage(setting.fresh('image'), '22.03', UNAMES.signed);
  const options = {
    root: image,
    archive: '/nowhere',
    fromKernelPackage: true as const,
    mirror: server.url,
    trustKey: fingerprint,
    minimumTypes: '100',
  };
  const host = { ...platform, stdout: silent, stderr: silent };
  const output = join(setting.fresh('fetched'), 'kernel.btf');
  await runCommand(host, fetch, { ...options, output });
  expect(readFileSync(output).equals(btf)).toBe(true);
  await runCommand(host, install, options);
  const installed = join(image, `lib/modules/${UNAMES.signed}/vmlinux-${UNAMES.signed}`);
  expect((await loadBtf(installed)).equals(btf)).toBe(true);
  const unknown = { ...options, uname: '5.10.0-999.0.0.0.oe2203sp1.x86_64' };
  await expect(runCommand(host, fetch, unknown)).rejects.toMatchObject({ reason: 'not-found' });
});

const silent = { write: () => true };

/** Passes connections on to a server, and counts the bytes that it sends. */
async function countingProxy(target: string) {
  const port = Number(new URL(target).port);
  let sent = 0;
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    server.on('data', (chunk) => {
      sent += chunk.length;
    });
    server.pipe(client).pipe(server);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`,
    sent: () => sent,
    // Connections that are kept alive end when their client closes them.
    close: async () => void proxy.close(),
  };
}
