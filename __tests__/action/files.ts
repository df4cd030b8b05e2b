import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

export interface WorkflowFile {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
}

const known = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
}).split('\n');

/** The files of the project whose path, from its root, is like this. */
function like(pattern: RegExp): WorkflowFile[] {
  return known
    .filter((path) => pattern.test(path) && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** Every workflow that GitHub or Gitea would run: ours, and those we show to others. */
export const workflows = like(/^(\.github\/workflows|examples\/git(hub|ea))\/[^/]+\.yml$/);

/** Every action of this repository. */
export const actions = like(/^(\w+\/)?action\.yml$/);

/** What people read and copy: pages, examples, issue forms. */
export const pages = like(
  /^((docs\/)?[\w.-]+\.md|(examples|\.github)\/.*(\.yml|\.md|Jenkinsfile))$/,
);
