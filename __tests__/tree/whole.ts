import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shared } from '../shared.ts';
import { makeRepository } from './repository.ts';
import type { TinyRpm } from './rpm-file.ts';

export const ARCHES = ['x86_64', 'aarch64'] as const;

/** Release -> the version of its kernels and the end of their release. */
const RELEASES: Readonly<Record<string, readonly [version: string, suffix: string]>> = {
  '20.03-LTS': ['4.19.90', 'oe1'],
  '20.03-LTS-SP1': ['4.19.90', 'oe2003sp1'],
  '20.03-LTS-SP2': ['4.19.90', 'oe2003sp2'],
  '20.03-LTS-SP3': ['4.19.90', 'oe2003sp3'],
  '20.03-LTS-SP4': ['4.19.90', 'oe2003sp4'],
  '22.03-LTS': ['5.10.0', 'oe2203'],
  '22.03-LTS-SP1': ['5.10.0', 'oe2203sp1'],
  '22.03-LTS-SP2': ['5.10.0', 'oe2203sp2'],
  '22.03-LTS-SP3': ['5.10.0', 'oe2203sp3'],
  '22.03-LTS-SP4': ['5.10.0', 'oe2203sp4'],
  '24.03-LTS': ['6.6.0', 'oe2403'],
  '24.03-LTS-SP1': ['6.6.0', 'oe2403sp1'],
};

export interface PublishedKernel {
  readonly release: string;
  readonly arch: string;
  readonly uname: string;
}

/**
 * Makes a mirror of 12 releases, 2 architectures and 2 repositories with real createrepo_c: the
 * kernels of the real archive's listing, where it is at hand, as many made-up ones, and thousands of
 * other packages. Gives the kernels, each once; two service packs share some.
 */
export function makeWholeTree(root: string): readonly PublishedKernel[] {
  const published = new Map<string, PublishedKernel>();
  for (const [index, [release, [version, suffix]]] of Object.entries(RELEASES).entries()) {
    for (const arch of ARCHES) {
      const releases = [...listed(version, suffix, arch), ...invented(index, suffix)];
      const kernels = releases.map((rel) => kernelRpm(version, rel, arch));
      const folder = (name: string) => join(root, `openEuler-${release}`, name, arch);
      makeRepository(folder('debuginfo'), [...kernels.slice(0, 1), ...others(30, arch)]);
      // What was published for the service pack before is listed again.
      const again = release.endsWith('SP4') ? earlier(release, arch) : [];
      makeRepository(folder('update'), [...kernels.slice(1), ...again, ...others(100, arch)]);
      for (const rpm of kernels) {
        const uname = `${rpm.version}-${rpm.release}.${arch}`;
        published.set(uname, published.get(uname) ?? { release, arch, uname });
      }
    }
  }
  return [...published.values()];
}

function earlier(release: string, arch: string): TinyRpm[] {
  const before = release.replace('SP4', 'SP3');
  const [version, suffix] = RELEASES[before] ?? ['', ''];
  const index = Object.keys(RELEASES).indexOf(before);
  return invented(index, suffix)
    .slice(0, 2)
    .map((rel) => kernelRpm(version, rel, arch));
}

/** The same name has the same bytes wherever it is listed. */
function kernelRpm(version: string, release: string, arch: string): TinyRpm {
  const number = Number(release.split('.')[0]) % 400;
  return {
    name: 'kernel-debuginfo',
    version,
    release,
    arch,
    filler: 2000 + 10 * number,
    builtAt: 1_600_000_000 + number * 86_400,
  };
}

/** The `%{release}`s of the archive's kernels that end so. */
function listed(version: string, suffix: string, arch: string): string[] {
  const file = join(shared, 'archive-listing.txt');
  if (!existsSync(file)) return [];
  const ending = `.${suffix}.${arch}.btf.tar.xz`;
  const names = readFileSync(file, 'utf8').split('\n');
  return names
    .map((line) => line.slice(line.lastIndexOf('/') + 1))
    .filter((name) => name.startsWith(`${version}-`) && name.endsWith(ending))
    .map((name) => `${name.slice(version.length + 1, -ending.length)}.${suffix}`);
}

function invented(index: number, suffix: string): string[] {
  return Array.from({ length: 16 }, (_, n) => `${900 + n}.${index % 3}.0.${n}.${suffix}`);
}

function others(count: number, arch: string): TinyRpm[] {
  return Array.from({ length: count }, (_, n) => ({
    name: n % 3 === 0 ? `package${n}-debuginfo` : `kernel-tools${n}`,
    version: `1.${n}`,
    release: '1.oe',
    arch,
  }));
}
