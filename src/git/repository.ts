import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GitError, GitPluginError, type SimpleGitOptions, simpleGit } from 'simple-git';
import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import type { GitCredential } from './credential.ts';

/** Git ended with another status than 0. Both streams are kept: `push --porcelain` says why on the first. */
export class GitExitError extends GitError {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;

  constructor(status: number, stdout: string, stderr: string) {
    super(undefined, stderr.trim() || stdout.trim() || `git ended with status ${status}`);
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
}

/** Git's repository on one bare scratch repository that nobody else sees, and that is gone in the end. */
export interface GitRepository {
  readonly folder: string;
  /** Standard output of one git command. Rejects with GitExitError on any status but 0. */
  run(args: readonly string[], call?: GitCall): Promise<string>;
  /** `git cat-file` whose output is bytes. */
  catFile(args: readonly string[], call?: GitCall): Promise<Buffer>;
  close(): Promise<void>;
}

/** Variables that would turn our git to another repository than the scratch one. */
const LOCATING =
  /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|SHALLOW_FILE|QUARANTINE_PATH)$/;

/**
 * What simple-git guards against stands in the environment or in our own constants, and is meant:
 * the user's ssh command, askpass, editor and configuration are the user's own.
 */
const ALLOWED_UNSAFE: NonNullable<SimpleGitOptions['unsafe']> = {
  allowUnsafeAskPass: true,
  allowUnsafeConfigEnvCount: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeCredentialHelper: true,
  allowUnsafeDiffExternal: true,
  allowUnsafeEditor: true,
  allowUnsafeExec: true,
  allowUnsafeGitProxy: true,
  allowUnsafePager: true,
  allowUnsafeSshCommand: true,
  allowUnsafeTemplateDir: true,
};

/**
 * Makes a bare scratch repository in the temporary folder. Nothing of the caller's own repository or
 * of git's porcelain settings gets in; the user's identity, proxies, certificates and ssh do.
 */
export async function createScratchRepository(
  platform: Pick<Platform, 'env' | 'programs' | 'interrupted'>,
  credential: GitCredential | undefined,
): Promise<GitRepository> {
  // Rejects with `missing-program`, which simple-git would turn into a stack trace.
  await platform.programs.run({ program: 'git', args: ['--version'] });
  const folder = await mkdtemp(join(platform.env.TMPDIR ?? tmpdir(), 'btfhub-git-'));
  const env = gitEnvironment(platform.env, credential);

  const git = ({ input, env: more }: GitCall) => {
    const whole = { ...env, ...more };
    return simpleGit({
      baseDir: folder,
      config: ['gc.auto=0', 'maintenance.auto=false', ...(credential?.gitConfig ?? [])],
      allowEnvironment: Object.keys(whole),
      unsafe: ALLOWED_UNSAFE,
      completion: { onClose: true, onExit: false },
      abort: platform.interrupted,
      ...(input === undefined ? {} : { input: () => Buffer.from(input) }),
      errors: (error, { exitCode, stdOut, stdErr }) => {
        if (exitCode === 0 || error instanceof GitPluginError) return error;
        const text = (chunks: Buffer[]) => hide(Buffer.concat(chunks).toString('utf8'));
        return new GitExitError(exitCode, text(stdOut), text(stdErr));
      },
    }).env(whole);
  };
  const hide = (text: string) => credential?.hide(text) ?? text;
  const repository: GitRepository = {
    folder,
    run: (args, call = {}) => settled(platform, git(call).raw([...args])),
    catFile: (args, call = {}) => settled(platform, git(call).binaryCatFile([...args])),
    close: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
  try {
    await repository.run(['init', '--quiet', '--bare', '--template=', '.']);
  } catch (error) {
    await repository.close();
    throw error;
  }
  return repository;
}

/** An interruption is told as what it is, not as git's complaint about it. */
async function settled<T>(
  platform: Pick<Platform, 'interrupted'>,
  answer: PromiseLike<T>,
): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    platform.interrupted.throwIfAborted();
    if (error instanceof GitExitError) throw error;
    throw new Failure('internal', 'git could not be run.', undefined, error);
  }
}

function gitEnvironment(
  env: Platform['env'],
  credential: GitCredential | undefined,
): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !LOCATING.test(entry[0]) && entry[0] !== 'BTFHUB_TOKEN',
  );
  return {
    ...Object.fromEntries(kept),
    // Messages are read by program here and there; prompts would wait for ever in a workflow.
    LC_ALL: 'C.UTF-8',
    LANGUAGE: '',
    GIT_TERMINAL_PROMPT: '0',
    ...credential?.gitEnvironment,
  };
}
