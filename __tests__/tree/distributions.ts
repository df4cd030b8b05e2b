/** A package of a distribution as its tree has it, and what is to be made of it. */
export interface DistributionShape {
  /** The repository's folder below the root of a mirror. */
  readonly at: string;
  /** `<name> <version> <release> <arch>` */
  readonly rpm: string;
  readonly tarball: string;
  readonly vmlinux: string;
}

const usual = (uname: string) => `./usr/lib/debug/lib/modules/${uname}/vmlinux`;
/** By the word of --distribution: one kernel of each source file. */
export const DISTRIBUTION_SHAPES: Readonly<Record<string, DistributionShape>> = {
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
