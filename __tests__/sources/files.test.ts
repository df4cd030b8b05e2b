import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { tarballPath } from '../../src/archive/layout.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silent } from '../../src/report/progress.ts';
import { noCache } from '../../src/rpmmd/cache.ts';
import { BUILT_IN } from '../../src/sources/built-in.ts';
import { builtInSource, chooseSource } from '../../src/sources/choose.ts';
import { findKernels } from '../../src/sources/discover.ts';
import { parseSource } from '../../src/sources/source.ts';
import { fastPlatform } from '../tree/platform.ts';
import { makeRepository } from '../tree/repository.ts';
import { tinyRpm } from '../tree/rpm-file.ts';
import { serveTree } from '../tree/server.ts';

const root = join(import.meta.dirname, '..', '..');
const files = readdirSync(join(root, 'sources')).filter((name) => name.endsWith('.yaml'));
const folder = mkdtempSync(join(tmpdir(), 'btfhub-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the program carries every file of sources/, as it is', () => {
  const read = files.map((name) => ({
    file: `sources/${name}`,
    data: parse(readFileSync(join(root, 'sources', name), 'utf8')),
  }));
  expect(BUILT_IN).toEqual(read.sort((one, two) => (one.file < two.file ? -1 : 1)));
});

test.each(files)(
  'sources/%s names the schema in its first line, its evidence, and is valid',
  (name) => {
    const text = readFileSync(join(root, 'sources', name), 'utf8');
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/schema\.json\n/);
    const source = parseSource(parse(text), name);
    expect(source.key ?? source.id).toBe(name.replace('.yaml', ''));
    expect(source.evidence.length).toBeGreaterThan(0);
  },
);

/** A package of a distribution as its tree has it, and what is to be made of it. */
interface Shape {
  /** The repository's folder below the root of a mirror. */
  readonly at: string;
  /** `<name> <version> <release> <arch>` */
  readonly rpm: string;
  readonly tarball: string;
  readonly vmlinux: string;
}

const usual = (uname: string) => `./usr/lib/debug/lib/modules/${uname}/vmlinux`;
const SHAPES: Readonly<Record<string, Shape>> = {
  alinux: {
    at: '3/plus/x86_64/debug',
    rpm: 'kernel-debuginfo 5.10.134 16.1.al8 x86_64',
    tarball: 'alinux/3/x86_64/5.10.134-16.1.al8.x86_64',
    vmlinux: usual('5.10.134-16.1.al8.x86_64'),
  },
  almalinux: {
    at: '9.4/BaseOS/aarch64/debug/tree',
    rpm: 'kernel-debuginfo 5.14.0 427.13.1.el9_4 aarch64',
    tarball: 'almalinux/9.4/arm64/5.14.0-427.13.1.el9_4.aarch64',
    vmlinux: usual('5.14.0-427.13.1.el9_4.aarch64'),
  },
  amzn: {
    at: 'al2023/core/guids/0f3c9a/x86_64',
    rpm: 'kernel-debuginfo 6.1.84 99.169.amzn2023 x86_64',
    tarball: 'amzn/2023/x86_64/6.1.84-99.169.amzn2023.x86_64',
    vmlinux: usual('6.1.84-99.169.amzn2023.x86_64'),
  },
  anolis: {
    at: '8.6/BaseOS/x86_64/debug',
    rpm: 'kernel-debuginfo 4.19.91 26.an8 x86_64',
    tarball: 'anolis/8.6/x86_64/4.19.91-26.an8.x86_64',
    vmlinux: usual('4.19.91-26.an8.x86_64'),
  },
  bclinux: {
    at: 'oe21.10/OS/aarch64',
    rpm: 'kernel-debuginfo 4.19.90 2107.6.0.0100.oe1.bclinux aarch64',
    tarball: 'bclinux/21.10/arm64/4.19.90-2107.6.0.0100.oe1.bclinux.aarch64',
    vmlinux: usual('4.19.90-2107.6.0.0100.oe1.bclinux.aarch64'),
  },
  centos: {
    at: '7/x86_64',
    rpm: 'kernel-debuginfo 3.10.0 1160.119.1.el7 x86_64',
    tarball: 'centos/7/x86_64/3.10.0-1160.119.1.el7.x86_64',
    vmlinux: usual('3.10.0-1160.119.1.el7.x86_64'),
  },
  ctyunos: {
    at: 'ctyunos-23.01/update/x86_64',
    rpm: 'kernel-debuginfo 5.10.0 136.12.0.90.ctl3 x86_64',
    tarball: 'ctyunos/23.01/x86_64/5.10.0-136.12.0.90.ctl3.x86_64',
    vmlinux: usual('5.10.0-136.12.0.90.ctl3.x86_64'),
  },
  eur: {
    at: 'openeuler-22.03_LTS_SP1-aarch64',
    rpm: 'kernel-debuginfo 5.10.0 1.eur.oe2203sp1 aarch64',
    tarball: 'openEuler/22.03/arm64/5.10.0-1.eur.oe2203sp1.aarch64',
    vmlinux: usual('5.10.0-1.eur.oe2203sp1.aarch64'),
  },
  fedora: {
    at: 'updates/44/Everything/x86_64/debug',
    rpm: 'kernel-debuginfo 6.17.4 200.fc44 x86_64',
    tarball: 'fedora/44/x86_64/6.17.4-200.fc44.x86_64',
    vmlinux: usual('6.17.4-200.fc44.x86_64'),
  },
  kylin: {
    at: 'NS/V10/V10SP3-2403/os/adv/lic/updates/x86_64',
    rpm: 'kernel-debuginfo 4.19.90 52.39.v2207.ky10 x86_64',
    tarball: 'kylin/V10/x86_64/4.19.90-52.39.v2207.ky10.x86_64',
    vmlinux: usual('4.19.90-52.39.v2207.ky10.x86_64'),
  },
  ol: {
    at: 'ol8/debuginfo',
    rpm: 'kernel-uek-debuginfo 5.4.17 2136.330.7.el8uek aarch64',
    tarball: 'ol/8/arm64/5.4.17-2136.330.7.el8uek.aarch64',
    vmlinux: usual('5.4.17-2136.330.7.el8uek.aarch64'),
  },
  openEuler: {
    at: 'openEuler-24.03-LTS-SP3/debuginfo/riscv64/rva20/riscv64',
    rpm: 'kernel-debuginfo 6.6.0 132.0.0.111.oe2403sp3 riscv64',
    tarball: 'openEuler/24.03/riscv64/6.6.0-132.0.0.111.oe2403sp3.riscv64',
    vmlinux: usual('6.6.0-132.0.0.111.oe2403sp3.riscv64'),
  },
  opencloudos: {
    at: '9/BaseOS/x86_64/debug/tree',
    rpm: 'kernel-debuginfo 6.6.47 12.oc9 x86_64',
    tarball: 'opencloudos/9/x86_64/6.6.47-12.oc9.x86_64',
    vmlinux: usual('6.6.47-12.oc9.x86_64'),
  },
  'opensuse-leap': {
    at: 'debug/update/leap/15.3/sle',
    rpm: 'kernel-default-debuginfo 5.3.18 150300.59.106.1 x86_64',
    tarball: 'opensuse-leap/15.3/x86_64/5.3.18-150300.59.106-default',
    vmlinux: './usr/lib/debug/boot/vmlinux-5.3.18-150300.59.106-default.debug',
  },
  'opensuse-tumbleweed': {
    at: 'debug/tumbleweed/repo/oss',
    rpm: 'kernel-default-debuginfo 6.6.3 1.1 x86_64',
    tarball: 'opensuse-tumbleweed/tumbleweed/x86_64/6.6.3-1-default',
    vmlinux: './usr/lib/debug/usr/lib/modules/6.6.3-1-default/vmlinux.debug',
  },
  rocky: {
    at: '9.4/BaseOS/x86_64/debug/tree',
    rpm: 'kernel-debuginfo 5.14.0 427.13.1.el9_4 x86_64',
    tarball: 'rocky/9.4/x86_64/5.14.0-427.13.1.el9_4.x86_64',
    vmlinux: usual('5.14.0-427.13.1.el9_4.x86_64'),
  },
  sles: {
    at: 'SUSE/Updates/SLE-Module-Basesystem/15-SP3/x86_64/update_debug',
    rpm: 'kernel-default-debuginfo 4.12.14 24.100.2 x86_64',
    tarball: 'sles/15.3/x86_64/4.12.14-24.100-default',
    vmlinux: './usr/lib/debug/boot/vmlinux-4.12.14-24.100-default.debug',
  },
};

test.each(files.map((name) => name.replace('.yaml', '')))(
  'a tree of the shape of %s is planned with the right names',
  async (key) => {
    const shape = SHAPES[key];
    if (!shape) throw new Error(`There is no tree for sources/${key}.yaml.`);
    const [name = '', version = '', release = '', arch = ''] = shape.rpm.split(' ');
    const source = builtInSource(key);
    const mirror = join(folder, key);
    const rpm = { name, version, release, arch, filler: 99 };
    const isFlat = source.repositories.some(({ packages }) => packages === 'listing');
    if (isFlat) {
      mkdirSync(join(mirror, shape.at), { recursive: true });
      writeFileSync(
        join(mirror, shape.at, `${name}-${version}-${release}.${arch}.rpm`),
        tinyRpm(rpm),
      );
    } else makeRepository(join(mirror, shape.at), [rpm]);
    await using server = await serveTree(mirror);
    const query = {
      source,
      mirrors: [server.url],
      releases: [],
      arches: [],
      kernels: [],
      flavours: [],
      method: 'dwarf' as const,
      cache: noCache,
    };
    const { kernels, problems } = await findKernels(
      fastPlatform({ clock: systemClock }),
      query,
      silent,
    );
    expect(problems).toEqual([]);
    expect(kernels.map((one) => tarballPath(one, one.uname))).toEqual([
      `${shape.tarball}.btf.tar.xz`,
    ]);
    expect(kernels[0]).toMatchObject({ vmlinuxPath: shape.vmlinux });
  },
);

test('an unconfirmed description is not offered by name, and is taken from its file', async () => {
  await expect(chooseSource('kylin', [])).rejects.toMatchObject({
    reason: 'not-found',
    advice: expect.stringContaining('sources/kylin.yaml'),
  });
  const own = await chooseSource('kylin', [join(root, 'sources/kylin.yaml')]);
  expect(own.id).toBe('kylin');
});
