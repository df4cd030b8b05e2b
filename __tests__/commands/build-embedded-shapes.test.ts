import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseRecord } from '../../src/archive/parse-record.ts';
import { unpackBtf } from '../../src/btf/tarball.ts';
import { builtInSource } from '../../src/sources/choose.ts';
import { bzImage, elfKernel, withSize } from '../boot-image/made.ts';
import { EVERY_KIND, paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { run } from '../rpm/programs.ts';
import { buildKernelRpm } from '../tree/kernel-rpm.ts';
import { serveTree } from '../tree/server.ts';
import { buildDistribution } from './build-distribution.ts';

const folder = temporaryFolder();
const btf = paholeBtf(folder, EVERY_KIND);

/** A source file of a user's own, for packages as SUSE has them. */
const OWN = join(folder, 'own.yaml');
writeFileSync(
  OWN,
  `id: own
mirrors: []
versionId: '^(\\d+\\.\\d+)$'
repositories: [{ name: oss, folders: [<release>/<arch>], bootImagesOnly: true }]
flavours:
  default:
    package: kernel-default-debuginfo
    uname: { match: '^(?<version>[^-]+)-(?<number>.+)\\.\\d+\\.[^.]+$', text: <version>-<number>-default }
    vmlinux: ./usr/lib/debug/boot/vmlinux-<uname>.debug
    bootImage: { package: kernel-default, path: ./usr/lib/modules/<uname>/vmlinuz }
    embeddedBtf: { from: 5.14.21-1, arches: [x86_64] }
`,
);

interface Shape {
  /** The word of --distribution. */
  readonly source: string;
  /** Its file, where it is not offered by name. */
  readonly file?: string;
  /** The repository's folder below the root of a mirror. */
  readonly at: string;
  /** `<name> <version> <release> <arch>` */
  readonly rpm: string;
  readonly image: string;
  readonly tarball: string;
}

const SHAPES: readonly Shape[] = [
  {
    source: 'rocky',
    at: '9.4/BaseOS/x86_64/os',
    rpm: 'kernel-core 5.14.0 427.13.1.el9_4 x86_64',
    image: '/lib/modules/5.14.0-427.13.1.el9_4.x86_64/vmlinuz',
    tarball: 'rocky/9.4/x86_64/5.14.0-427.13.1.el9_4.x86_64',
  },
  {
    source: 'almalinux',
    file: join(import.meta.dirname, '..', '..', 'sources', 'almalinux.yaml'),
    at: '8.9/BaseOS/aarch64/os',
    rpm: 'kernel-core 4.18.0 513.5.1.el8_9 aarch64',
    image: '/lib/modules/4.18.0-513.5.1.el8_9.aarch64/vmlinuz',
    tarball: 'almalinux/8.9/arm64/4.18.0-513.5.1.el8_9.aarch64',
  },
  {
    source: 'fedora',
    at: 'releases/44/Everything/x86_64/os',
    rpm: 'kernel-core 6.17.1 300.fc44 x86_64',
    image: '/lib/modules/6.17.1-300.fc44.x86_64/vmlinuz',
    tarball: 'fedora/44/x86_64/6.17.1-300.fc44.x86_64',
  },
  {
    source: 'fedora',
    at: 'updates/44/Everything/aarch64',
    rpm: 'kernel-core 6.17.4 200.fc44 aarch64',
    image: '/lib/modules/6.17.4-200.fc44.aarch64/vmlinuz',
    tarball: 'fedora/44/arm64/6.17.4-200.fc44.aarch64',
  },
  {
    source: 'own',
    file: OWN,
    at: '15.6/x86_64',
    rpm: 'kernel-default 6.4.0 150600.23.7.3 x86_64',
    image: '/usr/lib/modules/6.4.0-150600.23.7-default/vmlinuz',
    tarball: 'own/15.6/x86_64/6.4.0-150600.23.7-default',
  },
];

test.each(SHAPES)(
  '$source: the BTF of $rpm in $at comes out of its boot image, by --method embedded and by auto',
  async (shape) => {
    const [name = '', version = '', release = '', arch = ''] = shape.rpm.split(' ');
    const uname = basename(shape.tarball);
    const content = bzImage(withSize('gzip', elfKernel(folder, btf, uname)));
    const rpm = { name, version, release, arch, vmlinux: shape.image, content };
    const file = buildKernelRpm(join(folder, uname), rpm);
    const mirror = join(folder, `${uname}-mirror`);
    const place = join(mirror, shape.at);
    mkdirSync(place, { recursive: true });
    copyFileSync(file, join(place, basename(file)));
    run('createrepo_c', ['--quiet', '--no-database', place]);
    await using server = await serveTree(mirror);
    for (const method of ['embedded', 'auto']) {
      const output = join(folder, `${uname}-${method}`);
      const { status, text } = await buildDistribution(shape.source, server.url, output, {
        method: [method],
        ...(shape.file === undefined ? {} : { sources: [shape.file] }),
      });
      expect(text).toContain('1 built');
      expect(status).toBe(0);
      const tarball = readFileSync(join(output, `${shape.tarball}.btf.tar.xz`));
      expect((await unpackBtf(programs, tarball)).btf.equals(btf)).toBe(true);
      const path = `records/${uname}.json`;
      expect(parseRecord(readFileSync(join(output, path), 'utf8'), path)).toMatchObject({
        uname,
        arch,
        method: 'embedded',
        nvra: basename(file, '.rpm'),
        verified: { repodata: true, header: true, file: true },
      });
    }
  },
  120_000,
);

test.each(['rocky', 'almalinux', 'fedora', 'openEuler'])(
  'the file of %s says from which kernel on it carries BTF, and where the boot image is',
  (key) => {
    const [first] = Object.values(builtInSource(key).flavours);
    expect(first?.embeddedBtf?.from).toMatch(/^\d+\.\d+\.\d+-\d+$/);
    expect(first?.bootImage?.path).toContain('vmlinuz');
  },
);
