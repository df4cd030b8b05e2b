import { join } from 'node:path';
import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import type { Oid, TreeEntry } from './remote.ts';
import type { GitCall, GitRepository } from './repository.ts';

/** A person or program, as git writes it: `Name <mail>`. */
export interface GitIdentity {
  readonly name: string;
  readonly email: string;
}

/** Who is behind our commits; without one, git's own configuration says. */
export interface CommitIdentities {
  readonly author?: GitIdentity;
  readonly committer?: GitIdentity;
}

/** @throws Failure `usage` unless it is `Name <mail>` */
export function parseIdentity(text: string, option: string): GitIdentity {
  const [, name, email] = /^([^<>\p{Cc}]*[^<>\p{Cc}\s])\s*<([^<>\s]+@[^<>\s]+)>$/u.exec(text) ?? [];
  if (name === undefined || email === undefined) {
    throw new Failure('usage', `${option}: '${text}' is not of the shape 'Name <mail@host>'.`);
  }
  return { name: name.trim(), email };
}

/** Who commits where neither options nor git's configuration say; `.invalid` is nobody's (RFC 2606). */
const DEFAULT_IDENTITY: GitIdentity = { name: 'openEuler BTFHub', email: 'btfhub@noreply.invalid' };

/** Paths to set, or with `null` to remove. */
export type TreeChanges = ReadonlyMap<string, TreeEntry | null>;

/** Writes commits without a checkout, by git's repository. */
export interface CommitWriter {
  /** Puts bytes into the object store. */
  writeBlob(bytes: Uint8Array): Promise<Oid>;
  /** The tree of a commit (or the empty one) with changes; the blobs need not be present. */
  writeTree(base: Oid | undefined, changes: TreeChanges): Promise<Oid>;
  /** A commit by us; signed when git's configuration says that commits are. */
  commit(tree: Oid, parent: Oid | undefined, message: string): Promise<Oid>;
  /** Somebody's commit again, with another tree on another parent: author and message stay. */
  copyCommit(original: Oid, tree: Oid, parent: Oid | undefined): Promise<Oid>;
}

export async function openCommitWriter(
  platform: Pick<Platform, 'env'>,
  repository: GitRepository,
  signature: CommitIdentities,
): Promise<CommitWriter> {
  const author = await identityOf(platform, repository, 'AUTHOR', signature.author);
  const committer = await identityOf(platform, repository, 'COMMITTER', signature.committer);
  const sign = (await setting(repository, 'commit.gpgsign')) ? ['-S'] : [];
  let indexes = 0;

  const commitTree = async (tree: Oid, parent: Oid | undefined, call: GitCall) => {
    const parents = parent === undefined ? [] : ['-p', parent];
    return (
      await repository.run(['commit-tree', ...sign, ...parents, '-F', '-', tree], call)
    ).trim();
  };
  return {
    writeBlob: async (bytes) => {
      const written = await repository.run(['hash-object', '-w', '--stdin'], { input: bytes });
      return written.trim();
    },
    writeTree: async (base, changes) => {
      indexes += 1;
      const env = { GIT_INDEX_FILE: join(repository.folder, `index-${indexes}`) };
      await repository.run(['read-tree', base === undefined ? '--empty' : `${base}^{tree}`], {
        env,
      });
      const zero = '0'.repeat(40);
      const lines = [...changes].map(([path, entry]) =>
        entry === null ? `0 ${zero}\t${path}\0` : `${entry.mode} ${entry.oid}\t${path}\0`,
      );
      if (lines.length > 0) {
        await repository.run(['update-index', '-z', '--index-info'], {
          env,
          input: lines.join(''),
        });
      }
      return (await repository.run(['write-tree', '--missing-ok'], { env })).trim();
    },
    commit: (tree, parent, message) =>
      commitTree(tree, parent, { input: message, env: { ...author, ...committer } }),
    copyCommit: async (original, tree, parent) => {
      const format = [
        '-c',
        'log.showSignature=false',
        'show',
        '--no-patch',
        '--format=%an%x00%ae%x00%ad%x00%B',
        '--date=raw',
      ];
      const shown = await repository.run([...format, original]);
      const [name = '', email = '', date = '', ...message] = shown.split('\0');
      return commitTree(tree, parent, {
        input: `${message.join('').trimEnd()}\n`,
        env: {
          GIT_AUTHOR_NAME: name || 'unknown',
          GIT_AUTHOR_EMAIL: email,
          GIT_AUTHOR_DATE: date,
          ...committer,
        },
      });
    },
  };
}

async function setting(repository: GitRepository, name: string): Promise<boolean> {
  const asked = repository.run(['config', '--type=bool', '--get', name]);
  return (await asked.catch(() => 'false')).trim() === 'true';
}

async function identityOf(
  platform: Pick<Platform, 'env'>,
  repository: GitRepository,
  role: 'AUTHOR' | 'COMMITTER',
  given: GitIdentity | undefined,
): Promise<Record<string, string>> {
  const variables = ({ name, email }: GitIdentity) => ({
    [`GIT_${role}_NAME`]: name,
    [`GIT_${role}_EMAIL`]: email,
  });
  if (given !== undefined) return variables(given);
  if (platform.env[`GIT_${role}_EMAIL`]) return {};
  // Otherwise git makes an address up out of the login and the machine's name.
  const known = repository.run(['-c', 'user.useConfigOnly=true', 'var', `GIT_${role}_IDENT`]);
  return known.then(
    () => ({}),
    () => variables(DEFAULT_IDENTITY),
  );
}
