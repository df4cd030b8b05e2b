import { createHash } from 'node:crypto';
import { tarballPath } from '../../src/archive/layout.ts';
import type { DwarfRecord, FailureRecord } from '../../src/archive/record.ts';
import { asArch, asDistributionId, asRelease, asUname, asVersionId } from '../../src/names.ts';

const sum = (text: string) => createHash('sha256').update(text).digest('hex');

/** What every record of a kernel says; `6.6` is of 24.03, everything else of 22.03. */
function identity(name: string) {
  const uname = asUname(name);
  const [version, release] = name.startsWith('6.6')
    ? ['24.03', '24.03-LTS']
    : ['22.03', '22.03-LTS-SP1'];
  const nvra = `kernel-debuginfo-${name}`;
  return {
    schema: 1 as const,
    uname,
    nvra,
    distribution: asDistributionId('openEuler'),
    versionId: asVersionId(version as string),
    releases: [asRelease(release as string)],
    arch: asArch(name.slice(name.lastIndexOf('.') + 1)),
    package: {
      url: `https://mirror.example.org/openEuler-${release}/update/Packages/${nvra}.rpm`,
      size: 600_000_000,
      sha256: sum(nvra),
    },
  };
}

/** The record of a kernel that was built, true to itself. */
export function kernelRecord(name: string, changes: Partial<DwarfRecord> = {}): DwarfRecord {
  const known = identity(name);
  return {
    ...known,
    verified: {
      repodata: true,
      header: true,
      file: true,
      signature: { status: 'good', key: '007C6A3CD50A0F9C', hash: 'sha256' },
    },
    method: 'dwarf',
    vmlinux: { size: 300_000_000, sha256: sum(`vmlinux ${name}`), embeddedBtf: false },
    pahole: { version: '1.31', flags: ['--btf_features=default'], origin: 'built' },
    btf: { size: 3_700_000, sha256: sum(`btf ${name}`), kinds: { INT: 20, PTR: 30_000 } },
    tarball: {
      path: tarballPath(known, known.uname),
      size: 880_000,
      sha256: sum(`tarball ${name}`),
    },
    stages: {
      download: { seconds: 60.5, bytes: 600_000_000 },
      decode: { seconds: 20, bytes: 300_000_000 },
      pahole: { seconds: 30, bytes: 3_700_000 },
      check: { seconds: 0.5, bytes: 3_700_000 },
      compress: { seconds: 1, bytes: 880_000 },
    },
    finishedAt: '2026-11-22T10:00:00.000Z',
    ...changes,
  };
}

/** The record of a kernel that could not be built. */
export function failureRecord(name: string, changes: Partial<FailureRecord> = {}): FailureRecord {
  return {
    ...identity(name),
    state: 'failed',
    reason: 'no-vmlinux',
    message: 'The package holds no vmlinux.',
    finishedAt: '2026-11-22T10:00:00.000Z',
    ...changes,
  };
}
