import { existsSync } from 'node:fs';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Failure } from '../failure.ts';
import type { Branch } from '../names.ts';
import { makeTemporaryFolder } from '../platform/temporary-folder.ts';
import type { GitCredential } from './credential.ts';
import { GitExitError, type GitPlatform, GitRunner } from './run.ts';

/** The name of a git object: 40 (SHA-1) or 64 (SHA-256) hex digits. */
export type Oid = string;

export interface TreeEntry {
  readonly oid: Oid;
  /** `100644` for a regular file; 100755, 120000 (link) and 160000 (submodule) break the archive's contract. */
  readonly mode: string;
}

/** The files of a commit by path. */
export type TreeListing = ReadonlyMap<string, TreeEntry>;

/** Paths to set, or with `null` to remove. */
export type TreeChanges = ReadonlyMap<string, TreeEntry | null>;

/** Author and text of a commit. */
export interface CommitText {
  readonly name: string;
  readonly email: string;
  /** As git reads it again: `<seconds> <zone>`. */
  readonly date: string;
  readonly message: string;
}

type ObjectFormat = 'sha1' | 'sha256';

/** The name of the remote in the repository. */
const REMOTE = 'archive';
const FETCH = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--recurse-submodules=no'];
const WITHOUT_BLOBS = '--filter=blob:none';

/**
 * A bare repository in the temporary folder that knows one remote: what git can do for an archive, a
 * method each. Nothing of the user's own repository gets in. Close it: the folder is removed.
 *
 * Every method throws Failure, with what git was to do, on what, and what helps.
 */
export class GitRepository {
  readonly folder: string;
  /** For messages: the remote, without a credential. */
  readonly name: string;
  readonly #git: GitRunner;
  /** The folder with the objects of a repository on this machine, which are not copied. */
  readonly #alternate: string | undefined;
  #format: ObjectFormat;
  #indexes = 0;

  private constructor(
    git: GitRunner,
    name: string,
    format: ObjectFormat,
    alternate: string | undefined,
  ) {
    this.folder = git.folder;
    this.name = name;
    this.#git = git;
    this.#format = format;
    this.#alternate = alternate;
  }

  /**
   * @param url of the remote
   * @param isLocal whether it is a folder on this machine, whose objects can be read in place
   */
  static async open(
    platform: GitPlatform,
    url: string,
    isLocal: boolean,
    credential: GitCredential | undefined,
  ): Promise<GitRepository> {
    await GitRunner.requireInstalled(platform);
    const other = isLocal ? await findObjects(platform, url) : undefined;
    const folder = await makeTemporaryFolder(platform.env.TMPDIR ?? tmpdir(), 'git');
    const git = new GitRunner(platform, folder, credential);
    const repository = new GitRepository(git, url, other?.format ?? 'sha1', other?.folder);
    try {
      await repository.#init();
    } catch (error) {
      await repository.close();
      throw error;
    }
    return repository;
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #init(): Promise<void> {
    // Git before 2.29 knows no other format than SHA-1, and not the option.
    const format = this.#format === 'sha1' ? [] : [`--object-format=${this.#format}`];
    await this.#local('make a repository in', ['init', ...format]);
    if (this.#alternate !== undefined) {
      await mkdir(join(this.folder, 'objects/info'), { recursive: true });
      await writeFile(join(this.folder, 'objects/info/alternates'), `${this.#alternate}\n`);
    }
    await this.#local('make a repository in', ['remote', 'add', REMOTE, this.name]);
    // Git follows redirects, and would go on without encryption where an https server says so.
    if (/^https:/i.test(this.name)) {
      await appendFile(join(this.folder, 'config'), '[protocol "http"]\n\tallow = never\n');
    }
  }

  #local(attempt: string, args: readonly string[], input?: string | Uint8Array): Promise<string> {
    const running =
      args[0] === 'init'
        ? this.#git.init(args.slice(1))
        : this.#git.local(args, input === undefined ? {} : { input });
    return this.#git.explained(attempt, this.folder, running);
  }

  // What talks to the remote.

  /** All references of the remote, and `HEAD`: name -> commit. */
  async lsRemote(): Promise<ReadonlyMap<string, Oid>> {
    const running = this.#git.remote(['ls-remote', '--quiet', REMOTE]);
    const text = await this.#git.explained('list the branches of', this.name, running);
    const refs = new Map(
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [oid = '', ref = ''] = line.split('\t');
          return [ref, oid] as const;
        }),
    );
    const [first] = refs.values();
    if (first !== undefined) await this.#useFormatOf(first);
    return refs;
  }

  /** Fetching and pushing need the remote's own format; nothing is here yet when that is seen first. */
  async #useFormatOf(oid: Oid): Promise<void> {
    const format = oid.length === 64 ? 'sha256' : 'sha1';
    if (format === this.#format) return;
    this.#format = format;
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
    await mkdir(this.folder, { mode: 0o700 });
    await this.#init();
  }

  /**
   * Fetches commits and trees of branches, without blobs where the server can leave them out.
   * @param depth `1` leaves out history too
   * @returns their commits, in the same order
   */
  async fetchBranches(branches: readonly string[], depth: 1 | 'all'): Promise<Oid[]> {
    const specs = branches.map((branch) => `+${remoteRef(branch)}:${localRef(branch)}`);
    const isShallow = existsSync(join(this.folder, 'shallow'));
    const shallow = depth === 1 ? ['--depth=1'] : isShallow ? ['--unshallow'] : [];
    const running = this.#git.remote([...FETCH, ...shallow, WITHOUT_BLOBS, REMOTE, ...specs]);
    await this.#git.explained('read', this.name, running);
    const heads = await this.#local('read', ['rev-parse', ...branches.map(localRef)]);
    return heads.trim().split('\n');
  }

  /**
   * Fetches blobs by their names, of those that a fetched branch holds and that are not here.
   * Throws GitExitError where the server gives no blob by its name.
   */
  async fetchBlobs(branch: string, oids: readonly Oid[]): Promise<void> {
    const missing = await this.#missingObjects(branch);
    const wanted = [...new Set(oids)].filter((oid) => missing.has(oid));
    // 400 names of 64 digits are far from any limit on the length of a command line.
    for (let start = 0; start < wanted.length; start += 400) {
      const some = wanted.slice(start, start + 400);
      const config = ['fetch.negotiationAlgorithm=noop'];
      await this.#git.remote([...FETCH, WITHOUT_BLOBS, REMOTE, ...some], { config });
    }
  }

  /** Fetches the latest commit of a branch again, with all its files. */
  async fetchWhole(branch: string): Promise<void> {
    const spec = `+${remoteRef(branch)}:${localRef(branch)}`;
    const whole = [...FETCH, '--refetch', '--no-filter', '--depth=1', REMOTE, spec];
    await this.#git.explained('read files of', this.name, this.#git.remote(whole));
  }

  /**
   * Pushes a commit to a branch that must be at `lease`, or not exist where that is undefined.
   * Throws GitExitError, whose output says why.
   */
  async pushWithLease(branch: Branch, commit: Oid, lease: Oid | undefined): Promise<void> {
    const ref = `refs/heads/${branch}`;
    // Tarballs are compressed already: git is not to search them for likeness.
    const config = ['core.bigFileThreshold=256k'];
    await this.#git.remote(
      [
        ...['push', '--porcelain', '--no-thin', '--no-verify', '--recurse-submodules=no'],
        ...[`--force-with-lease=${ref}:${lease ?? ''}`, REMOTE, `${commit}:${ref}`],
      ],
      { config },
    );
  }

  // What reads objects.

  async #missingObjects(branch: string): Promise<ReadonlySet<Oid>> {
    const walk = ['rev-list', '--objects', '--no-walk', '--missing=print', localRef(branch)];
    const lines = (await this.#local('list the files of', walk)).split('\n');
    return new Set(lines.filter((line) => line.startsWith('?')).map((line) => line.slice(1)));
  }

  /** All files of a commit or tree. */
  async listTree(oid: Oid): Promise<TreeListing> {
    const listing = await this.#local('list', ['ls-tree', '-r', '-z', '--full-tree', oid]);
    return new Map(
      listing
        .split('\0')
        .filter(Boolean)
        .map((line) => {
          const tab = line.indexOf('\t');
          const [mode = '', , blob = ''] = line.slice(0, tab).split(' ');
          return [line.slice(tab + 1), { mode, oid: blob }];
        }),
    );
  }

  /** The contents of blobs, by one process: `<oid> SP blob SP <size> LF <bytes> LF` (git-cat-file(1)). */
  async readBlobs(oids: readonly Oid[]): Promise<Buffer[]> {
    if (oids.length === 0) return [];
    const running = this.#git.catFile(['--batch'], { input: `${oids.join('\n')}\n` });
    const output = await this.#git.explained('read files of', this.name, running);
    let at = 0;
    return oids.map((oid) => {
      const end = output.indexOf(0x0a, at);
      const [, type, size] = output.toString('latin1', at, end).split(' ');
      if (type !== 'blob') {
        throw new Failure(
          'bad-archive',
          `The archive lacks the contents of a file that it lists (blob ${oid}).`,
          'If it is a folder that was cloned with a filter, give the URL it came from.',
        );
      }
      at = end + 1 + Number(size) + 1;
      return output.subarray(end + 1, at - 1);
    });
  }

  /** How many commits a range holds: `a..b`, with options of git-rev-list(1). */
  async countCommits(range: string, options: readonly string[] = []): Promise<number> {
    return Number(
      await this.#local('count the commits of', ['rev-list', '--count', ...options, range]),
    );
  }

  /** The commits of a range without merges, parents first. */
  async listCommits(range: string): Promise<Oid[]> {
    const walk = ['rev-list', '--reverse', '--topo-order', '--no-merges', range];
    return (await this.#local('list the commits of', walk)).split('\n').filter(Boolean);
  }

  /** The best common ancestor; undefined for histories that have nothing in common. */
  async mergeBase(a: Oid, b: Oid): Promise<Oid | undefined> {
    try {
      return (await this.#git.local(['merge-base', a, b])).trim();
    } catch (error) {
      if (error instanceof GitExitError && error.status === 1) return undefined;
      return this.#git.explained('compare the branches of', this.name, Promise.reject(error));
    }
  }

  /** What a commit changed against its first parent (git-diff-tree(1), raw format with -z). */
  async changesOf(commit: Oid): Promise<TreeChanges> {
    const raw = ['diff-tree', '-r', '-z', '--root', '--no-commit-id', '--no-renames', commit];
    const fields = (await this.#local('compare the commits of', raw)).split('\0');
    const changes = new Map<string, TreeEntry | null>();
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const [, mode = '', , oid = '', status] = (fields[at] as string).split(' ');
      changes.set(fields[at + 1] as string, status === 'D' ? null : { mode, oid });
    }
    return changes;
  }

  /** Every blob that a path had in a range of commits. */
  async blobsOf(range: string, path: string): Promise<ReadonlySet<Oid>> {
    const log = ['log', '--format=', '--raw', '--no-abbrev', '--no-renames', '-m', range];
    const text = await this.#local('read the history of', [...log, '--', `:(literal)${path}`]);
    const lines = text.split('\n').filter(Boolean);
    return new Set(lines.map((line) => line.split(' ')[3] ?? ''));
  }

  async readCommit(commit: Oid): Promise<CommitText> {
    const shown = await this.#local('read a commit of', [
      ...['show', '--no-patch', '--no-show-signature', '--date=raw'],
      ...['--format=%an%x00%ae%x00%ad%x00%B', commit],
    ]);
    const [name = '', email = '', date = '', ...message] = shown.split('\0');
    return { name: name || 'unknown', email, date, message: `${message.join('').trimEnd()}\n` };
  }

  // What writes objects.

  async writeBlob(bytes: Uint8Array): Promise<Oid> {
    const args = ['hash-object', '-w', '--stdin'];
    return (await this.#local('write a file into', args, bytes)).trim();
  }

  /** The tree of a commit (or the empty one) with changes; the blobs need not be here. */
  async writeTree(base: Oid | undefined, changes: TreeChanges): Promise<Oid> {
    this.#indexes += 1;
    const env = { GIT_INDEX_FILE: join(this.folder, `index-${this.#indexes}`) };
    const run = (args: readonly string[], input?: string) =>
      this.#git.explained(
        'write a tree into',
        this.folder,
        this.#git.local(args, input === undefined ? { env } : { env, input }),
      );
    await run(['read-tree', base === undefined ? '--empty' : `${base}^{tree}`]);
    const zero = '0'.repeat(this.#format === 'sha256' ? 64 : 40);
    const lines = [...changes].map(([path, entry]) =>
      entry === null ? `0 ${zero}\t${path}\0` : `${entry.mode} ${entry.oid}\t${path}\0`,
    );
    if (lines.length > 0) await run(['update-index', '-z', '--index-info'], lines.join(''));
    return (await run(['write-tree', '--missing-ok'])).trim();
  }

  /**
   * Writes a commit.
   * @param env who it is by: GIT_AUTHOR_NAME and its siblings (git-commit-tree(1))
   */
  async commitTree(
    tree: Oid,
    parent: Oid | undefined,
    message: string,
    options: { readonly sign: boolean; readonly env: Readonly<Record<string, string>> },
  ): Promise<Oid> {
    const parents = parent === undefined ? [] : ['-p', parent];
    const sign = options.sign ? ['-S'] : [];
    const args = ['commit-tree', ...sign, ...parents, '-F', '-', tree];
    const running = this.#git.local(args, { input: message, env: options.env });
    return (await this.#git.explained('write a commit for', this.name, running)).trim();
  }

  // What git's configuration says.

  async isSet(name: string): Promise<boolean> {
    const asked = this.#git.local(['config', '--type=bool', '--get', name]);
    return (await asked.catch(() => 'false')).trim() === 'true';
  }

  /** Whether configuration or environment say who commits; git would make an address up otherwise. */
  async knowsIdentity(role: 'AUTHOR' | 'COMMITTER'): Promise<boolean> {
    const config = ['user.useConfigOnly=true'];
    const asked = this.#git.local(['var', `GIT_${role}_IDENT`], { config });
    return asked.then(
      () => true,
      () => false,
    );
  }
}

/** Where a repository on this machine has its objects, and of which format they are. */
async function findObjects(
  platform: GitPlatform,
  folder: string,
): Promise<{ readonly folder: string; readonly format: ObjectFormat }> {
  const git = new GitRunner(platform, folder);
  const asked = (args: readonly string[]) =>
    git.explained('read', folder, git.local(['rev-parse', ...args]));
  const objects = (await asked(['--git-path', 'objects'])).trim();
  // Git before 2.29 does not know the question, and no other format either.
  const format = await git.local(['rev-parse', '--show-object-format']).catch(() => 'sha1');
  return {
    folder: resolve(folder, objects),
    format: format.trim() === 'sha256' ? 'sha256' : 'sha1',
  };
}

function remoteRef(branch: string): string {
  return branch === 'HEAD' ? 'HEAD' : `refs/heads/${branch}`;
}

/** Where the repository keeps a branch of the remote. */
function localRef(branch: string): string {
  return `refs/archive/${branch}`;
}
