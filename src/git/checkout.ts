import { mkdir } from 'node:fs/promises';
import type { Platform } from '../platform/platform.ts';
import { type GitCall, GitExitError, GitRunner } from './run.ts';

/** How long a remote may stay silent, and how long one command may take in all, in seconds. */
export interface Timeouts {
  readonly silence: number;
  readonly attempt: number;
}

export type CheckoutPlatform = Pick<Platform, 'env' | 'programs' | 'clock' | 'interrupted'>;

/** What a server answers that gives commits of its branches and tags only. */
const NOT_BY_NAME = /unadvertised object|not our ref|allow.*sha1/i;

/**
 * A folder that gets the files of one commit of a public remote. No token is sent, no hook runs, and each command
 * has a deadline: it ends with all the processes that it started.
 *
 * Every method throws Error, with the last line of what git said, or with the deadline that passed; and what
 * `interrupted` carries.
 */
export class GitCheckout {
  readonly #platform: CheckoutPlatform;
  readonly #git: GitRunner;
  readonly #url: string;
  readonly #timeouts: Timeouts;

  private constructor(platform: CheckoutPlatform, folder: string, url: string, timeouts: Timeouts) {
    this.#platform = platform;
    this.#git = new GitRunner(platform, folder);
    this.#url = url;
    this.#timeouts = timeouts;
  }

  /** Makes an empty repository in `folder`, which may exist. */
  static async init(
    platform: CheckoutPlatform,
    folder: string,
    url: string,
    timeouts: Timeouts,
  ): Promise<GitCheckout> {
    await mkdir(folder, { recursive: true });
    const checkout = new GitCheckout(platform, folder, url, timeouts);
    await checkout.#run(['init', '--quiet', '--template=']);
    // No redirect leads from https to http.
    if (/^https:/i.test(url)) await checkout.#run(['config', 'protocol.http.allow', 'never']);
    return checkout;
  }

  /**
   * Fetches one commit and nothing before it where the server gives commits by name; else all that its branches and
   * tags reach. Where these point does not matter: git checks every object against its name.
   */
  async fetchCommit(commit: string): Promise<void> {
    const fetch = ['fetch', '--quiet'];
    try {
      await this.#run([...fetch, '--depth=1', '--no-tags', this.#url, commit]);
    } catch (error) {
      if (!(error instanceof Error && NOT_BY_NAME.test(error.message))) throw error;
      await this.#run([...fetch, '--tags', this.#url, '+refs/heads/*:refs/remotes/origin/*']);
    }
  }

  /** `commit`, `tag`, ...; or `missing`. */
  async typeOf(object: string): Promise<string | undefined> {
    const line = await this.#run(['cat-file', '--batch-check'], { input: object });
    return line.trim().split(' ')[1];
  }

  /** Writes the files of a commit into the folder. */
  async checkOut(commit: string): Promise<void> {
    const config = ['core.hooksPath=/dev/null', 'advice.detachedHead=false'];
    await this.#run(['checkout', '--quiet', '--detach', commit], { config });
  }

  async #run(args: readonly string[], { input = '', config = [] }: GitCall = {}): Promise<string> {
    const { clock, interrupted } = this.#platform;
    const { silence, attempt } = this.#timeouts;
    const deadline = new AbortController();
    const late = new Error(`no answer within ${attempt} seconds`);
    const signal = AbortSignal.any([interrupted, deadline.signal]);
    const waiting = clock
      .sleep(attempt * 1000, signal)
      .then(() => deadline.abort(late))
      .catch(() => {});
    const slow = ['http.lowSpeedLimit=1000', `http.lowSpeedTime=${silence}`];
    try {
      return await this.#git.runInGroup(args, { input, config: [...slow, ...config] }, signal);
    } catch (error) {
      if (!(error instanceof GitExitError)) throw error;
      throw new Error(error.message.split('\n').at(-1), { cause: error });
    } finally {
      deadline.abort();
      await waiting;
    }
  }
}
