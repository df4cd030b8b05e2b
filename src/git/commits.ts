import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import type { GitRepository, Oid, TreeChanges } from './repository.ts';

/** A person or program, as git writes it: `Name <mail>`. */
export interface GitIdentity {
  readonly name: string;
  readonly email: string;
}

/** Who stands in our commits; where one is missing, git's own configuration says. */
export interface CommitIdentities {
  readonly author: GitIdentity | undefined;
  readonly committer: GitIdentity | undefined;
}

/** @throws Failure `usage` unless it is `Name <mail>` */
export function parseIdentity(text: string, option: string): GitIdentity {
  const [, name, email] = /^([^<>\p{Cc}]*[^<>\p{Cc}\s])\s*<([^<>\s]+@[^<>\s]+)>$/u.exec(text) ?? [];
  if (name === undefined || email === undefined) {
    throw new Failure('usage', `${option}: '${text}' is not of the shape 'Name <mail@host>'.`);
  }
  return { name: name.trim(), email };
}

/** Stands in commits where neither options nor git's configuration say; `.invalid` belongs to no one (RFC 2606). */
const DEFAULT_IDENTITY: GitIdentity = {
  name: 'openEuler BTFHub',
  email: 'btfhub@noreply.invalid',
};

/** Writes commits without a checkout. */
export interface CommitWriter {
  /** Puts bytes into the object store. */
  writeBlob(bytes: Uint8Array): Promise<Oid>;
  /** The tree of a commit (or the empty one) with changes; the blobs need not be present. */
  writeTree(base: Oid | undefined, changes: TreeChanges): Promise<Oid>;
  /** A commit by us; signed when git's configuration says that commits are. */
  commit(tree: Oid, parent: Oid | undefined, message: string): Promise<Oid>;
  /** A commit again, with another tree on another parent: author and message stay. */
  copyCommit(original: Oid, tree: Oid, parent: Oid | undefined): Promise<Oid>;
}

export async function openCommitWriter(
  platform: Pick<Platform, 'env'>,
  repository: GitRepository,
  identities: CommitIdentities,
): Promise<CommitWriter> {
  const author = await identityOf(platform, repository, 'AUTHOR', identities.author);
  const committer = await identityOf(platform, repository, 'COMMITTER', identities.committer);
  const sign = await repository.isSet('commit.gpgsign');
  return {
    writeBlob: (bytes) => repository.writeBlob(bytes),
    writeTree: (base, changes) => repository.writeTree(base, changes),
    commit: (tree, parent, message) =>
      repository.commitTree(tree, parent, message, { sign, env: { ...author, ...committer } }),
    copyCommit: async (original, tree, parent) => {
      const { name, email, date, message } = await repository.readCommit(original);
      const env = {
        GIT_AUTHOR_NAME: name,
        GIT_AUTHOR_EMAIL: email,
        GIT_AUTHOR_DATE: date,
        ...committer,
      };
      return repository.commitTree(tree, parent, message, { sign, env });
    },
  };
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
  return (await repository.knowsIdentity(role)) ? {} : variables(DEFAULT_IDENTITY);
}
