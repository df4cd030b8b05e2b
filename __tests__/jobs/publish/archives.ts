import { commit, createRepository, type RepositoryOptions } from '../../git/repositories.ts';
import type { PublishFixture } from './fixture.ts';

export const A = '5.10.0-1.oe2203.x86_64';
export const B = '5.10.0-2.oe2203.x86_64';
export const C = '6.6.0-3.oe2403.aarch64';
export const PATH_A = `openEuler/22.03/x86_64/${A}.btf.tar.xz`;
export const PATH_B = `openEuler/22.03/x86_64/${B}.btf.tar.xz`;
export const PATH_C = `openEuler/24.03/arm64/${C}.btf.tar.xz`;
export const ALIAS_C = `openEuler/24.03/aarch64/${C}.btf.tar.xz`;

/** An archive with a README on `master`: `url` is that of a server, `folder` where it lies. */
export function archives(fixture: PublishFixture) {
  let count = 0;
  return {
    archive: async (options: RepositoryOptions = {}) => {
      count += 1;
      const name = `archive-${count}.git`;
      const folder = createRepository(fixture.root, name, options);
      commit(folder, 'master', { 'README.md': 'An archive.\n' }, 'Begin');
      const server = await fixture.serve();
      return { folder, server, url: server.url(name) };
    },
    push: async (archive: string, built: string[], failed: string[] = [], more = {}) =>
      fixture.run({
        input: await fixture.output(built, failed),
        archive,
        noPullRequest: true,
        ...more,
      }),
  };
}
