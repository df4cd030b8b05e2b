import { parseEnv } from '@simple-git/argv-parser';
import type { SimpleGit, SimpleGitOptions } from 'simple-git';
import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import type { GitCredential } from './credential.ts';
import { explainGitError } from './explain-error.ts';

/** What git needs of the platform. */
export type GitPlatform = Pick<Platform, 'env' | 'programs' | 'interrupted'>;

/** Git ended with another status than 0. Both streams are kept: `push --porcelain` reports on the first. */
export class GitExitError extends Error {
  /** The exit status, or the name of the signal that ended git. */
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;

  constructor(status: number | NodeJS.Signals, stdout: string, stderr: string) {
    super(stderr.trim() || stdout.trim() || `git ended with ${status}`);
    this.status = status;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

export interface GitCall {
  /** What git reads on standard input. */
  readonly input?: string | Uint8Array;
  /** Added to the environment of this one call. */
  readonly env?: Readonly<Record<string, string>>;
  /** For git alone: `name=value` pairs, as after `-c`. */
  readonly config?: readonly string[];
}

/** Variables that would turn git to another repository than the one in its folder. */
const LOCATING =
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|SHALLOW_FILE|QUARANTINE_PATH)$/;

/** Variables that no command of ours needs. simple-git guards against them, rightly: they name programs. */
const NOT_NEEDED =
  /^(GIT_)?(EDITOR|PAGER|PREFIX)$|^VISUAL$|^GIT_(SEQUENCE_EDITOR|EXTERNAL_DIFF|TEMPLATE_DIR|EXEC_PATH|CONFIG)$/;

/** Git tidies up a repository by itself, in the background. Ours are used once. */
const NO_MAINTENANCE = ['gc.auto=0', 'maintenance.auto=false'];

/**
 * Runs git in one folder. Every git process starts here, with simple-git and its guards. The exception is
 * `runInGroup`, where the processes that git started have to end with it: simple-git starts no process group.
 *
 * Of simple-git's guards these are off, and no others:
 * - those against variables that the user's own environment sets (GIT_SSH_COMMAND, GIT_ASKPASS,
 *   GIT_CONFIG_COUNT and the like): they are how the user reaches a host;
 * - for calls to the remote with a credential, those against `credential.helper` and GIT_ASKPASS: the
 *   helper is a constant of ours, and GIT_ASKPASS is emptied, so that no program is asked instead;
 * - for `init`, the one against `--template`: it is empty, so that no hook of the user's template gets in.
 *
 * Messages of git are in English, and it does not prompt: in a workflow it would wait for ever.
 */
export class GitRunner {
  readonly folder: string;
  readonly #platform: GitPlatform;
  readonly #credential: GitCredential | undefined;
  readonly #env: Readonly<Record<string, string>>;
  readonly #removed: Readonly<Record<string, undefined>>;
  readonly #userGuards: NonNullable<SimpleGitOptions['unsafe']>;

  constructor(platform: GitPlatform, folder: string, credential?: GitCredential) {
    this.folder = folder;
    this.#platform = platform;
    this.#credential = credential;
    const users = Object.entries(platform.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        !LOCATING.test(entry[0]) &&
        !NOT_NEEDED.test(entry[0]) &&
        entry[0] !== 'BTFHUB_TOKEN',
    );
    const { vulnerabilities } = parseEnv(Object.fromEntries(users));
    this.#userGuards = Object.fromEntries(vulnerabilities.map(({ category }) => [category, true]));
    this.#env = {
      ...Object.fromEntries(users),
      LC_ALL: 'C.UTF-8',
      LANGUAGE: '',
      GIT_TERMINAL_PROMPT: '0',
    };
    const removed = Object.keys(platform.env).filter((name) => !(name in this.#env));
    this.#removed = Object.fromEntries(removed.map((name) => [name, undefined]));
  }

  /** Throws Failure `missing-program`, which simple-git would turn into a stack trace. */
  static async requireInstalled({ programs }: GitPlatform): Promise<void> {
    await programs.run({ program: 'git', args: ['--version'] });
  }

  /** Text without the secret. */
  hide(text: string): string {
    return this.#credential?.hide(text) ?? text;
  }

  /**
   * Standard output of a command that stays on this machine. It does not see the credential.
   * Throws GitExitError on any status but 0.
   */
  local(args: readonly string[], call: GitCall = {}): Promise<string> {
    return this.#run(call, this.#localEnv(call), {}, (git) => git.raw([...args]));
  }

  /** The same for `cat-file`, whose output is bytes. */
  catFile(args: readonly string[], call: GitCall = {}): Promise<Buffer> {
    return this.#run(call, this.#localEnv(call), {}, (git) => git.binaryCatFile([...args]));
  }

  /** `git init` here, bare and without a template. */
  init(args: readonly string[]): Promise<string> {
    const unsafe = { allowUnsafeTemplateDir: true };
    const init = ['init', '--quiet', '--bare', '--template=', ...args, '.'];
    return this.#run({}, this.#localEnv({}), unsafe, (git) => git.raw(init));
  }

  /** Standard output of a command that talks to the remote, with the credential. */
  remote(args: readonly string[], call: GitCall = {}): Promise<string> {
    const credential = this.#credential;
    const env = { ...this.#env, ...credential?.gitEnvironment, ...call.env };
    const config = [...(call.config ?? []), ...(credential?.gitConfig ?? [])];
    const unsafe =
      credential === undefined
        ? {}
        : { allowUnsafeCredentialHelper: true, allowUnsafeAskPass: true };
    return this.#run({ ...call, config }, env, unsafe, (git) => git.raw([...args]));
  }

  /**
   * Standard output of a command that does not see the credential. The signal ends it, with all the
   * processes that it started.
   * Throws GitExitError on any status but 0, what the signal carries, and Failure `missing-program`.
   */
  async runInGroup(
    args: readonly string[],
    { input = '', env, config = [] }: GitCall,
    signal: AbortSignal,
  ): Promise<string> {
    const {
      status,
      signal: endedBy,
      stdout,
      stderr,
    } = await this.#platform.programs.run({
      program: 'git',
      args: [...[...NO_MAINTENANCE, ...config].flatMap((pair) => ['-c', pair]), ...args],
      cwd: this.folder,
      env: { ...this.#removed, ...this.#env, ...env },
      group: true,
      signal,
      input,
    });
    const text = stdout.toString('utf8');
    if (status !== 0) throw new GitExitError(status ?? endedBy ?? 'SIGKILL', text, stderr);
    return text;
  }

  /**
   * Runs one of the above, and explains what git says when it fails.
   * @param attempt a verb phrase: `list the branches of`
   * @param on what it is done to
   * @throws Failure
   */
  async explained<T>(attempt: string, on: string, running: Promise<T>): Promise<T> {
    try {
      return await running;
    } catch (error) {
      if (!(error instanceof GitExitError)) throw error;
      throw explainGitError(attempt, on, error.message, error);
    }
  }

  /** Git would fetch what is missing by itself, without the credential. Git 2.44 and later can be stopped from it. */
  #localEnv(call: GitCall): Record<string, string> {
    return { ...this.#env, GIT_NO_LAZY_FETCH: '1', ...call.env };
  }

  /** An interruption is reported as what it is, not as git's complaint about it. */
  async #run<T>(
    { input, config = [] }: GitCall,
    env: Readonly<Record<string, string>>,
    unsafe: NonNullable<SimpleGitOptions['unsafe']>,
    command: (git: SimpleGit) => PromiseLike<T>,
  ): Promise<T> {
    // Loaded here, because many commands run no git.
    const { GitPluginError, simpleGit } = await import('simple-git');
    let failed: GitExitError | undefined;
    const git = simpleGit({
      baseDir: this.folder,
      config: [...NO_MAINTENANCE, ...config],
      allowEnvironment: Object.keys(env),
      unsafe: { ...this.#userGuards, ...unsafe },
      completion: { onClose: true, onExit: false },
      abort: this.#platform.interrupted,
      ...(input === undefined ? {} : { input: () => Buffer.from(input) }),
      errors: (error, { exitCode, stdOut, stdErr }) => {
        if (exitCode === 0 || error instanceof GitPluginError) return error;
        const text = (chunks: Buffer[]) => this.hide(Buffer.concat(chunks).toString('utf8'));
        failed = new GitExitError(exitCode, text(stdOut), text(stdErr));
        return failed;
      },
    }).env(env);
    try {
      return await command(git);
    } catch (error) {
      this.#platform.interrupted.throwIfAborted();
      // simple-git wraps it, and keeps no more than its message.
      throw failed ?? new Failure('internal', 'git could not be run.', undefined, error);
    }
  }
}
