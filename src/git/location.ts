import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../failure.ts';
import { addressText } from '../names.ts';

/** Where an archive is, and how it is reached. */
export type RepositoryLocation =
  | {
      readonly kind: 'remote';
      /** For git; a password that stood in it is gone. */
      readonly url: string;
      /** `https://gitee.com`, undefined for ssh. */
      readonly origin: string | undefined;
      /** The host, without a port. */
      readonly host: string;
      /** `owner/repository`, without `.git`. */
      readonly path: string;
      /** What stood in the URL before the host, and was taken out of it. */
      readonly user: string | undefined;
      readonly password: string | undefined;
    }
  | {
      /** A git repository on this machine, bare or with a work tree. */
      readonly kind: 'repository';
      /** The absolute path, which git takes as a URL. */
      readonly url: string;
    }
  | { readonly kind: 'folder'; readonly folder: string };

/** `user@host:path`, as ssh writes it: no slash before the colon. */
const SCP = /^(?:([^@/\s]+)@)?([0-9A-Za-z][0-9A-Za-z.-]*):(?!\/\/)(.+)$/;

/**
 * Finds out whether an address is a URL of git (http, https, ssh, git, file, `user@host:path`) or a folder.
 * @throws Failure `usage` for a URL of another kind, `not-found` for a folder that is not there
 */
export function parseLocation(where: string): RepositoryLocation {
  // `ext::<command>` and its like are programs to git, not places.
  if (where.startsWith('-') || where.trim() === '' || /^[0-9A-Za-z+.-]+::/.test(where)) {
    throw new Failure(
      'usage',
      `'${addressText(where)}' is not the URL or the folder of an archive.`,
    );
  }
  if (/^file:\/\//i.test(where)) return local(fileURLToPath(where));
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(where)) return remote(where);
  const scp = SCP.exec(where);
  if (scp && !existsSync(where)) {
    const [, user, host, path] = scp as unknown as [string, string | undefined, string, string];
    return {
      kind: 'remote',
      url: where,
      origin: undefined,
      host,
      path: repositoryPath(path),
      user,
      password: undefined,
    };
  }
  return local(where);
}

function remote(where: string): RepositoryLocation {
  const url = URL.canParse(where) ? new URL(where) : undefined;
  if (!url || !/^(https?|ssh|git):$/.test(url.protocol) || url.host === '') {
    throw new Failure(
      'usage',
      'The URL of the archive is none that git can use.',
      'Give https://<host>/<owner>/<repository>.git, ssh://..., or a folder.',
    );
  }
  const user = url.username === '' ? undefined : decodeURIComponent(url.username);
  const password = url.password === '' ? undefined : decodeURIComponent(url.password);
  url.password = '';
  const web = /^https?:$/.test(url.protocol);
  if (web) url.username = '';
  return {
    kind: 'remote',
    url: url.href,
    origin: web ? url.origin : undefined,
    host: url.hostname,
    path: repositoryPath(url.pathname),
    user,
    password,
  };
}

function local(where: string): RepositoryLocation {
  const folder = resolve(where);
  if (!existsSync(folder)) {
    throw new Failure('not-found', `There is no archive at ${folder}.`, 'Check --archive.');
  }
  // `.git` is a file in a linked work tree. A folder deep inside some other repository is a folder.
  const bare = existsSync(join(folder, 'HEAD')) && existsSync(join(folder, 'objects'));
  if (bare || existsSync(join(folder, '.git'))) return { kind: 'repository', url: folder };
  return { kind: 'folder', folder };
}

function repositoryPath(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
}
