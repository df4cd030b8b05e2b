import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, isSystemError } from '../../failure.ts';

/** As many symbolic links as Linux follows in one path (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * The real path of a path of an image, resolved as a process in a chroot of the image does: absolute links and
 * `..` stay inside. Parts that do not exist are kept as they are.
 *
 * @param root the folder of the image; with `/` this machine resolves the path
 * @param path absolute, as the image sees it
 * @param last whether a link in the last part is followed
 * @throws Failure `usage` for a loop of links
 */
export async function resolveInImage(
  root: string,
  path: string,
  last: 'follow' | 'keep' = 'follow',
): Promise<string> {
  if (root === '/') return path;
  let todo = path.split('/');
  let done: string[] = [];
  for (let links = 0; todo.length > 0; ) {
    const [part = '', ...rest] = todo;
    todo = rest;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done = done.slice(0, -1);
      continue;
    }
    const isLast = rest.every((one) => one === '');
    const target = isLast && last === 'keep' ? undefined : await linkAt(join(root, ...done, part));
    if (target === undefined) {
      done = [...done, part];
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) {
      throw new Failure(
        'usage',
        `${path} below ${root} cannot be resolved: its symbolic links form a loop.`,
        'Repair the image, or give another path.',
      );
    }
    if (target.startsWith('/')) done = [];
    todo = [...target.split('/'), ...rest];
  }
  return join(root, ...done);
}

async function linkAt(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}
