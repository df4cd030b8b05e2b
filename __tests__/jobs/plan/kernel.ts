import { asArch, asDistributionId, asRelease, asUname, asVersionId } from '../../../src/names.ts';
import type { DebuginfoPackage } from '../../../src/sources/kernels.ts';

/** A kernel as discovery gives it; only what a test is about needs to be said. */
export function kernelOf(
  number: number,
  changes: Partial<DebuginfoPackage> & { readonly release?: string } = {},
): DebuginfoPackage {
  const { release = '22.03-LTS', ...rest } = changes;
  const arch = rest.arch ?? asArch('x86_64');
  const name = `5.10.0-${number}.0.0.1.oe2203.${arch}`;
  return {
    distribution: asDistributionId('openEuler'),
    versionId: asVersionId('22.03'),
    releases: [asRelease(release)],
    arch,
    flavour: 'stock',
    nvra: `kernel-debuginfo-${name}`,
    evr: { epoch: 0, version: '5.10.0', release: `${number}.0.0.1.oe2203` },
    uname: asUname(name),
    method: 'dwarf',
    vmlinuxPath: `./usr/lib/debug/lib/modules/${name}/vmlinux`,
    size: 500_000_000,
    checksum: { algorithm: 'sha256', value: 'a'.repeat(64) },
    builtAt: 1_600_000_000 + number,
    locations: [`openEuler-${release}/update/${arch}/Packages/kernel-debuginfo-${name}.rpm`],
    keyPaths: [],
    trustedKeys: [],
    ...rest,
  };
}
