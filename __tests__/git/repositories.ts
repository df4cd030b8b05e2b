import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Bare repositories as a forge keeps them, made and changed by git itself, behind the server's back. */

const WHO = {
  GIT_AUTHOR_NAME: 'A Person',
  GIT_AUTHOR_EMAIL: 'person@example.org',
  GIT_COMMITTER_NAME: 'A Person',
  GIT_COMMITTER_EMAIL: 'person@example.org',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
};

export function git(folder: string, args: readonly string[], input?: string | Buffer): string {
  return execFileSync('git', args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...WHO },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
  }).trim();
}

export interface RepositoryOptions {
  /** Whether the server can leave blobs out. */
  readonly filter?: boolean;
  /** Refuses pushes to `master`, as the forges do with a protected branch. */
  readonly protect?: boolean;
  /** The algorithm that names its objects. */
  readonly format?: 'sha1' | 'sha256';
}

/** Makes `<root>/<name>`, bare and without a commit. */
export function createRepository(
  root: string,
  name: string,
  { filter = true, protect = true, format = 'sha1' }: RepositoryOptions = {},
): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  const names = ['--initial-branch=master', `--object-format=${format}`];
  git(folder, ['init', '--quiet', '--bare', ...names, '--template=', '.']);
  const settings = `[http]\nreceivepack = true\n[uploadpack]\nallowFilter = ${filter}\n`;
  appendFileSync(join(folder, 'config'), settings);
  mkdirSync(join(folder, 'hooks'));
  if (protect) {
    const hook = join(folder, 'hooks/pre-receive');
    writeFileSync(
      hook,
      '#!/bin/sh\nwhile read old new ref; do\n  test "$ref" != refs/heads/master || { echo "GH006: protected branch" >&2; exit 1; }\ndone\n',
    );
    chmodSync(hook, 0o755);
  }
  return folder;
}

export type Files = Readonly<Record<string, string | Buffer | null>>;

/** One commit on a branch: files set, or removed by `null`. Returns its name. */
export function commit(
  folder: string,
  branch: string,
  files: Files,
  message = 'By hand',
  parent: string | undefined = head(folder, branch),
): string {
  const chunks: Buffer[] = [];
  const add = (text: string | Buffer) => chunks.push(Buffer.from(text));
  const data = (bytes: string | Buffer) => {
    const buffer = Buffer.from(bytes);
    add(`data ${buffer.length}\n`);
    add(buffer);
    add('\n');
  };
  add(
    `commit refs/heads/${branch}\nmark :1\ncommitter A Person <person@example.org> 1700000000 +0000\n`,
  );
  data(message);
  if (parent !== undefined) add(`from ${parent}\n`);
  for (const [path, bytes] of Object.entries(files)) {
    if (bytes === null) add(`D ${path}\n`);
    else {
      add(`M 100644 inline ${path}\n`);
      data(bytes);
    }
  }
  add('get-mark :1\ndone\n');
  return git(folder, ['fast-import', '--quiet', '--done', '--force'], Buffer.concat(chunks));
}

export function head(folder: string, branch: string): string | undefined {
  const loose = join(folder, 'refs/heads', branch);
  if (existsSync(loose)) return readFileSync(loose, 'utf8').trim();
  const refs = git(folder, ['for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`]);
  return refs === '' ? undefined : refs;
}

/** Path -> blob, of everything on a branch. */
export function tree(folder: string, branch: string): Record<string, string> {
  const lines = git(folder, ['ls-tree', '-r', `refs/heads/${branch}`]).split('\n');
  return Object.fromEntries(
    lines.filter(Boolean).map((line) => {
      const [meta = '', path = ''] = line.split('\t');
      return [path, meta.split(' ')[2] ?? ''];
    }),
  );
}

/** The subjects of the commits that `branch` has and `base` has not, the oldest first. */
export function subjects(folder: string, branch: string, base?: string): string[] {
  const range = base === undefined ? `refs/heads/${branch}` : `${base}..${branch}`;
  return git(folder, ['log', '--reverse', '--format=%s', range]).split('\n').filter(Boolean);
}

export function read(folder: string, branch: string, path: string): string {
  return git(folder, ['cat-file', 'blob', `refs/heads/${branch}:${path}`]);
}
