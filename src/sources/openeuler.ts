import { parseSource, type Source } from './source.ts';

const VMLINUX = './usr/lib/debug/lib/modules/<uname>/vmlinux';

/** openEuler's tree: https://repo.openeuler.org/ and its mirrors. */
export const OPENEULER: Source = parseSource(
  {
    id: 'openEuler',
    mirrors: [
      'https://repo.openeuler.org/',
      'https://mirrors.aliyun.com/openeuler/',
      'https://mirrors.huaweicloud.com/openeuler/',
      'https://repo.openeuler.openatom.cn/',
      'https://de-repo.openeuler.org/',
    ],
    versionId: '^(\\d{2}\\.\\d{2})(?:-|$)',
    repositories: [
      {
        // The kernel of the release day.
        name: 'debuginfo',
        folders: [
          'openEuler-<release>/debuginfo/<arch>',
          'openEuler-<release>/debuginfo/<arch>/<variant>/<arch>',
        ],
      },
      {
        // Every later one, among all other packages.
        name: 'update',
        folders: [
          'openEuler-<release>/update/<arch>',
          'openEuler-<release>/update/<arch>/<variant>/<arch>',
        ],
      },
    ],
    flavours: {
      stock: {
        package: 'kernel-debuginfo',
        uname: '<ver>-<rel>.<arch>',
        vmlinux: VMLINUX,
        // CONFIG_DEBUG_INFO_BTF=y since then; 4.19 never had it.
        embeddedBtf: { from: '5.10.0-52', arches: ['x86_64', 'aarch64'] },
      },
      rt: { package: 'kernel-rt-debuginfo', uname: '<ver>-<rel>.<arch>', vmlinux: VMLINUX },
      '64kb': {
        package: 'kernel-64kb-debuginfo',
        uname: '<ver>-<rel>.<arch>+64kb',
        vmlinux: VMLINUX,
      },
    },
    keys: {
      file: 'RPM-GPG-KEY-openEuler',
      fingerprints: [
        '12EA74AC9DF48D46C69CA0BED557065EB25E7F66',
        '8AA16BF9F2CA5244010DCA963B477C60B675600B',
      ],
    },
  },
  "openEuler's source",
);
