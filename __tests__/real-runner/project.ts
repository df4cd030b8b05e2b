import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const project = join(import.meta.dirname, '../..');

export const WHO = {
  GIT_AUTHOR_NAME: 'A Person',
  GIT_AUTHOR_EMAIL: 'person@example.org',
  GIT_COMMITTER_NAME: 'A Person',
  GIT_COMMITTER_EMAIL: 'person@example.org',
};

/**
 * Puts this work tree, as openeuler/btfhub-action at `v0`, below a folder: a repository in `mirror/`, where a git with
 * the HOME `home/` finds it under its addresses, and its files in `project/`. Returns the path of the repository.
 */
export function mirrorProject(folder: string): string {
  const mirror = join(folder, 'mirror');
  const bare = join(mirror, 'openeuler/btfhub-action.git');
  mkdirSync(bare, { recursive: true });
  mkdirSync(join(folder, 'home'));
  const git = (args: readonly string[], env = {}) =>
    execFileSync('git', args, {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    }).trim();
  git(['init', '--quiet', '--bare', '--initial-branch=main', bare]);
  const index = { GIT_INDEX_FILE: join(folder, 'index') };
  git(['add', '--all'], index);
  const tree = git(['write-tree'], index);
  const commit = git(['commit-tree', '-m', 'The work tree', tree], WHO);
  git(['push', '--quiet', bare, `${commit}:refs/heads/main`, `${commit}:refs/tags/v0`]);
  git(['checkout-index', '--all', `--prefix=${join(folder, 'project')}/`], index);
  const config = ['https://github.com/openeuler/', 'https://atomgit.com/openeuler/'].map(
    (address) => `\tinsteadOf = ${address}\n`,
  );
  writeFileSync(
    join(folder, 'home/.gitconfig'),
    `[url "${mirror}/openeuler/"]\n${config.join('')}`,
  );
  return bare;
}
