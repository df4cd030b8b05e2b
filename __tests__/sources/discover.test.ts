import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silent } from '../../src/report/progress.ts';
import { noCache } from '../../src/rpmmd/cache.ts';
import { findKernels, type KernelQuery } from '../../src/sources/discover.ts';
import { OPENEULER } from '../../src/sources/openeuler.ts';
import { makeRepository } from '../tree/repository.ts';
import { serveTree } from '../tree/server.ts';
import { hastyWorld } from '../tree/world.ts';

const root = mkdtempSync(join(tmpdir(), 'btfhub-discover-'));
afterAll(() => rmSync(root, { recursive: true }));

const query = (changes: Partial<KernelQuery>): KernelQuery => ({
  source: OPENEULER,
  mirrors: [],
  releases: [],
  arches: [],
  kernels: [],
  flavours: [],
  cache: noCache,
  ...changes,
});

const kernel = (release: string, arch = 'x86_64', name = 'kernel-debuginfo') => ({
  ...{ name, version: '5.10.0', release, arch },
  filler: 1000,
});
const other = { name: 'zlib', version: '1.2.11', release: '20.oe2203', arch: 'x86_64' };

const at = (path: string) => join(root, path);
makeRepository(at('openEuler-22.03-LTS-SP1/debuginfo/x86_64'), [
  kernel('136.12.0.86.oe2203sp1'),
  other,
]);
makeRepository(at('openEuler-22.03-LTS-SP1/update/x86_64'), [
  kernel('136.9.0.1.oe2203sp1'),
  kernel('136.100.0.1.oe2203sp1'),
  other,
]);
makeRepository(at('openEuler-22.03-LTS/debuginfo/x86_64'), [kernel('60.18.0.50.oe2203'), other]);
makeRepository(at('openEuler-24.03-LTS-SP3/debuginfo/riscv64/rva20/riscv64'), [
  kernel('132.0.0.111.oe2403sp3', 'riscv64'),
]);
makeRepository(at('openEuler-22.03-LTS-SP3/update/aarch64'), [
  kernel('200.0.0.1.oe2203sp3', 'aarch64', 'kernel-64kb-debuginfo'),
]);

test('finds the kernels of every release and architecture, oldest first', async () => {
  await using server = await serveTree(root);
  const found = await findKernels(hastyWorld(), query({ mirrors: [server.url] }), silent);
  expect(found.kernels.map(({ uname }) => uname)).toEqual([
    '5.10.0-60.18.0.50.oe2203.x86_64',
    '5.10.0-132.0.0.111.oe2403sp3.riscv64',
    '5.10.0-136.9.0.1.oe2203sp1.x86_64',
    '5.10.0-136.12.0.86.oe2203sp1.x86_64',
    '5.10.0-136.100.0.1.oe2203sp1.x86_64',
  ]);
  expect(found.troubles).toEqual([]);
  expect(found.kernels[1]).toMatchObject({
    versionId: '24.03',
    releases: ['24.03-LTS-SP3'],
    vmlinuxPath: './usr/lib/debug/lib/modules/5.10.0-132.0.0.111.oe2403sp3.riscv64/vmlinux',
    keyPaths: ['openEuler-24.03-LTS-SP3/debuginfo/riscv64/rva20/riscv64/RPM-GPG-KEY-openEuler'],
  });
});
