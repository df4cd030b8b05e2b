import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseRecord } from '../../src/archive/parse-record.ts';
import { builtInSource } from '../../src/sources/choose.ts';
import { temporaryFolder } from '../btf/made.ts';
import { run } from '../rpm/programs.ts';
import { DISTRIBUTION_SHAPES } from '../tree/distributions.ts';
import { buildKernelRpm } from '../tree/kernel-rpm.ts';
import { serveTree } from '../tree/server.ts';
import { buildDistribution } from './build-distribution.ts';

const folder = temporaryFolder();
const sources = join(import.meta.dirname, '..', '..', 'sources');

/** A kernel of Fedora's, as two repositories list it. */
const FEDORA = {
  name: 'kernel-debuginfo',
  version: '6.17.4',
  release: '200.fc44',
  vmlinux: '/usr/lib/debug/lib/modules/6.17.4-200.fc44.x86_64/vmlinux',
};

test.each(Object.entries(DISTRIBUTION_SHAPES))(
  'a kernel in a tree of the shape of %s is built, with the right path and record',
  async (key, shape) => {
    const [name = '', version = '', release = '', arch = ''] = shape.rpm.split(' ');
    const uname = basename(shape.tarball);
    const { repositories, status: isConfirmed } = builtInSource(key);
    const isFlat = repositories.some(({ packages }) => packages === 'listing');
    const vmlinux = shape.vmlinux.slice(1);
    const file = buildKernelRpm(join(folder, key), { name, version, release, arch, vmlinux });
    const mirror = join(folder, `${key}-mirror`);
    const place = join(mirror, shape.at);
    mkdirSync(place, { recursive: true });
    copyFileSync(file, join(place, basename(file)));
    if (!isFlat) run('createrepo_c', ['--quiet', '--no-database', place]);
    await using server = await serveTree(mirror);
    const output = join(folder, `${key}-btf`);
    const own = isConfirmed === 'confirmed' ? {} : { sources: [join(sources, `${key}.yaml`)] };
    const { status, text } = await buildDistribution(key, server.url, output, own);
    expect(text).toContain('1 built');
    expect(status).toBe(0);
    expect(existsSync(join(output, `${shape.tarball}.btf.tar.xz`))).toBe(true);
    const written = readFileSync(join(output, 'records', `${uname}.json`), 'utf8');
    // What publish would read.
    expect(parseRecord(written, `records/${uname}.json`)).toMatchObject({
      uname,
      arch,
      nvra: basename(file, '.rpm'),
      verified: { repodata: !isFlat, header: true, file: true },
      package: { url: `${server.url}${shape.at}/${basename(file)}` },
    });
  },
  60_000,
);

test('a package that two repositories list with other bytes is built from the one that is intact', async () => {
  const uname = '6.17.4-200.fc44.x86_64';
  const mirror = join(folder, 'twice');
  const places = ['releases/44/Everything/x86_64/debug/tree', 'updates/44/Everything/x86_64/debug'];
  const files = places.map((place, index) => {
    const file = buildKernelRpm(join(folder, `twice-${index}`), FEDORA);
    const target = join(mirror, place, basename(file));
    mkdirSync(join(mirror, place), { recursive: true });
    copyFileSync(file, target);
    run('createrepo_c', ['--quiet', '--no-database', join(mirror, place)]);
    return target;
  });
  const [first = '', second = ''] = files;
  const bytes = readFileSync(first);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
  writeFileSync(first, bytes);
  await using server = await serveTree(mirror);
  const output = join(folder, 'twice-btf');
  const { status } = await buildDistribution('fedora', server.url, output);
  expect(status).toBe(0);
  const record = JSON.parse(readFileSync(join(output, 'records', `${uname}.json`), 'utf8'));
  const sha256 = createHash('sha256').update(readFileSync(second)).digest('hex');
  expect(record.package.sha256).toBe(sha256);
}, 60_000);

test('a vmlinux that the package holds packed is unpacked', async () => {
  const uname = '5.10.0-9.x86_64';
  const vmlinux = `/boot/vmlinux-${uname}.xz`;
  const rpm = { name: 'kernel-debuginfo', version: '5.10.0', release: '9', vmlinux };
  const mirror = join(folder, 'packed');
  mkdirSync(join(mirror, '9/x86_64'), { recursive: true });
  const file = buildKernelRpm(join(folder, 'packed-rpms'), rpm);
  copyFileSync(file, join(mirror, '9/x86_64', basename(file)));
  run('createrepo_c', ['--quiet', '--no-database', join(mirror, '9/x86_64')]);
  const description = join(folder, 'packed.yaml');
  writeFileSync(
    description,
    `id: packed
mirrors: []
versionId: '^(\\d+)$'
repositories: [{ name: all, folders: [<release>/<arch>] }]
flavours:
  stock: { package: kernel-debuginfo, uname: <ver>-<rel>.<arch>, vmlinux: ./boot/vmlinux-<uname>.xz }
`,
  );
  await using server = await serveTree(mirror);
  const output = join(folder, 'packed-btf');
  const { status, text } = await buildDistribution('packed', server.url, output, {
    sources: [description],
  });
  expect(text).toContain('1 built');
  expect(status).toBe(0);
  const record = JSON.parse(readFileSync(join(output, 'records', `${uname}.json`), 'utf8'));
  const packed = join(folder, `packed-rpms/kernel-debuginfo-5.10.0-9/tree${vmlinux}`);
  const plain = run('xz', ['-dc', packed]);
  expect(record.vmlinux).toMatchObject({
    size: plain.length,
    sha256: createHash('sha256').update(plain).digest('hex'),
  });
}, 60_000);
