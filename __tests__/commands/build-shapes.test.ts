import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from '../../src/commands/build.ts';
import type { Values } from '../../src/commands/command.ts';
import { readOptions } from '../../src/commands/values.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { temporaryFolder } from '../btf/made.ts';
import { run } from '../rpm/programs.ts';
import { buildKernelRpm, type KernelRpm } from '../tree/kernel-rpm.ts';
import { fastPlatform } from '../tree/platform.ts';
import { serveTree } from '../tree/server.ts';

const folder = temporaryFolder();

interface Shape {
  readonly at: string;
  readonly rpm: KernelRpm;
  readonly uname: string;
  /** The archive's folder. */
  readonly archived: string;
  /** Whether the folder has no repodata. */
  readonly isFlat?: boolean;
}

const modules = (uname: string) => `/usr/lib/debug/lib/modules/${uname}/vmlinux`;
const SHAPES: Readonly<Record<string, Shape>> = {
  ol: {
    at: 'ol8/debuginfo',
    rpm: {
      name: 'kernel-uek-debuginfo',
      version: '5.4.17',
      release: '2136.el8uek',
      vmlinux: modules('5.4.17-2136.el8uek.x86_64'),
    },
    uname: '5.4.17-2136.el8uek.x86_64',
    archived: 'ol/8/x86_64',
    isFlat: true,
  },
  'opensuse-leap': {
    at: 'debug/update/leap/15.5/oss',
    rpm: {
      name: 'kernel-default-debuginfo',
      version: '5.14.21',
      release: '150500.55.31.1',
      vmlinux: '/usr/lib/debug/usr/lib/modules/5.14.21-150500.55.31-default/vmlinux.debug',
    },
    uname: '5.14.21-150500.55.31-default',
    archived: 'opensuse-leap/15.5/x86_64',
  },
  eur: {
    at: 'openeuler-22.03_LTS_SP1-x86_64',
    rpm: {
      name: 'kernel-debuginfo',
      version: '5.10.0',
      release: '1.eur.oe2203sp1',
      vmlinux: modules('5.10.0-1.eur.oe2203sp1.x86_64'),
    },
    uname: '5.10.0-1.eur.oe2203sp1.x86_64',
    archived: 'openEuler/22.03/x86_64',
  },
  fedora: {
    at: 'releases/44/Everything/x86_64/debug/tree',
    rpm: {
      name: 'kernel-debuginfo',
      version: '6.17.4',
      release: '200.fc44',
      vmlinux: modules('6.17.4-200.fc44.x86_64'),
    },
    uname: '6.17.4-200.fc44.x86_64',
    archived: 'fedora/44/x86_64',
  },
};

async function buildAll(
  distribution: string,
  mirror: string,
  output: string,
  sources: string[] = [],
) {
  const given = {
    distribution: [distribution],
    mirror: [mirror],
    output: [output],
    cache: ['none'],
    pahole: ['system'],
    xz: ['system'],
    minimumTypes: ['1'],
    signature: ['off'],
    ...(sources.length > 0 ? { sources } : {}),
  };
  const options = readOptions(build.options, given, {}) as Values<typeof build.options>;
  return build.run(fastPlatform({ clock: systemClock }), options, []);
}

test.each(Object.keys(SHAPES))(
  'a kernel in a tree of the shape of %s is built, with the right path and record',
  async (key) => {
    const shape = SHAPES[key] as Shape;
    const mirror = join(folder, key);
    const file = buildKernelRpm(join(folder, 'rpms'), shape.rpm);
    mkdirSync(join(mirror, shape.at), { recursive: true });
    copyFileSync(file, join(mirror, shape.at, basename(file)));
    if (!shape.isFlat) run('createrepo_c', ['--quiet', '--no-database', join(mirror, shape.at)]);
    await using server = await serveTree(mirror);
    const output = join(folder, `${key}-btf`);
    const { status, text } = await buildAll(key, server.url, output);
    expect(text).toContain('1 built');
    expect(status).toBe(0);
    expect(existsSync(join(output, shape.archived, `${shape.uname}.btf.tar.xz`))).toBe(true);
    const record = JSON.parse(readFileSync(join(output, 'records', `${shape.uname}.json`), 'utf8'));
    expect(record).toMatchObject({
      uname: shape.uname,
      nvra: basename(file, '.rpm'),
      verified: { repodata: shape.isFlat !== true, header: true, file: true },
      package: { url: `${server.url}${shape.at}/${basename(file)}` },
    });
  },
  60_000,
);

test('a package that two repositories list with other bytes is built from the one that is intact', async () => {
  const { rpm, uname } = SHAPES.fedora as Shape;
  const mirror = join(folder, 'twice');
  const places = ['releases/44/Everything/x86_64/debug/tree', 'updates/44/Everything/x86_64/debug'];
  const files = places.map((place, index) => {
    const file = buildKernelRpm(join(folder, `twice-${index}`), rpm);
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
  const { status } = await buildAll('fedora', server.url, output);
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
  const { status, text } = await buildAll('packed', server.url, output, [description]);
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
