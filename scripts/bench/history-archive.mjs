// An archive of the size of openEuler's behind a real git server, and new kernels for it.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { importSources } from '../import-sources.mjs';
import { run } from './kernels.mjs';

export const ARCHIVED = 700;
/** Of a tarball, bytes. */
const SIZE = 900_000;

/** Parts of the tests: the git server, and kernels as build leaves them. */
const parts = () =>
  importSources(
    'bench-night',
    `export { startGitServer } from './__tests__/git/git-server.ts';
      export { makeKernel, put, putRecord } from './__tests__/jobs/publish/kernels.ts';`,
  );

const folderOf = (arch) => (arch === 'aarch64' ? 'arm64' : arch);

/**
 * A bare repository with a file of random bytes for each kernel, which git cannot make smaller, as it cannot real ones.
 * @returns {Promise<{url: string, size: number, reset(): void, moved(): number, stop(): Promise<void>}>} sizes in bytes
 */
export async function makeArchive(folder, kernels) {
  const { startGitServer } = await parts();
  const tree = join(folder, 'tree');
  for (const { versionId, arch, uname } of kernels) {
    const file = join(tree, 'openEuler', versionId, folderOf(arch), `${uname}.btf.tar.xz`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, randomBytes(SIZE));
  }
  const git = (...args) => run('git', ['-C', tree, ...args]);
  git('init', '--quiet', '--initial-branch=master');
  git('add', '--all');
  git(
    '-c',
    'user.name=bench',
    '-c',
    'user.email=bench@example.org',
    'commit',
    '--quiet',
    '--message=Kernels',
  );
  run('git', ['clone', '--quiet', '--bare', tree, join(folder, 'archive.git')]);
  rmSync(tree, { recursive: true });
  const bare = ['-C', join(folder, 'archive.git')];
  run('git', [...bare, 'config', 'uploadpack.allowFilter', 'true']);
  run('git', [...bare, 'config', 'http.receivepack', 'true']);
  // Forges serve packs that are made; without one, each clone would wait for it.
  run('git', [...bare, 'repack', '-adq', '--window=0']);
  const server = await startGitServer(folder);
  return {
    url: server.url('archive.git'),
    size: kernels.length * SIZE,
    /** Takes back what a contender pushed, and counts from nothing. */
    reset: () => {
      for (const branch of ['next', 'catalog']) {
        spawnSync('git', [
          '-C',
          join(folder, 'archive.git'),
          'update-ref',
          '-d',
          `refs/heads/${branch}`,
        ]);
      }
      server.reset();
    },
    moved: () => server.wire.received + server.wire.sent,
    stop: () => server.close(),
  };
}

/** A folder as build leaves it, with these kernels, all of the same BTF. */
export async function makeNewKernels(folder, kernels, btf) {
  const { makeKernel, put, putRecord } = await parts();
  for (const { uname, versionId, arch } of kernels) {
    const { record, tarball } = await makeKernel(uname, {}, btf);
    const path = `openEuler/${versionId}/${folderOf(arch)}/${uname}.btf.tar.xz`;
    const own = { ...record, versionId, arch, tarball: { ...record.tarball, path } };
    put(folder, path, tarball);
    putRecord(folder, own);
  }
}
