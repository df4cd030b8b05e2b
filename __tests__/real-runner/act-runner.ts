import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { forgeUrl, type User } from '../real-forge/gitea.ts';
import { mirrorProject } from './project.ts';

/** How one run of a workflow ended, as Gitea's API has it. */
export interface GiteaRun {
  readonly conclusion: string;
  /** Job name -> conclusion. */
  readonly jobs: Readonly<Record<string, string>>;
  /** The logs of all jobs, as Gitea shows them. */
  readonly log: string;
}

interface Listed {
  readonly id: number;
  readonly name: string;
  readonly status: string;
  readonly conclusion?: string;
}

/** Gitea's act_runner in host mode, registered for the repositories of one user. */
export class ActRunner {
  readonly folder = mkdtempSync(join(tmpdir(), 'btfhub-act-runner-'));
  readonly #owner: User;
  readonly #child: ChildProcess;
  #printed = '';

  /**
   * `program`: the runner; `settings`: variables that every job has, as an administrator of the machine sets them.
   * Actions of others come from where DEFAULT_ACTIONS_URL of the Gitea says.
   */
  static async open(
    program: string,
    owner: User,
    settings: Readonly<Record<string, string>>,
  ): Promise<ActRunner> {
    const path = '/user/actions/runners/registration-token';
    const { token } = await owner.call<{ token: string }>('POST', path);
    return new ActRunner(program, owner, settings, token);
  }

  private constructor(
    program: string,
    owner: User,
    settings: Readonly<Record<string, string>>,
    registration: string,
  ) {
    this.#owner = owner;
    mirrorProject(this.folder);
    const home = join(this.folder, 'home');
    const tools = process.env.BTFHUB_TEST_TOOL_CACHE;
    mkdirSync(join(home, '.cache/act/tool_cache'), { recursive: true });
    for (const name of tools ? readdirSync(tools) : []) {
      symlinkSync(join(tools ?? '', name), join(home, '.cache/act/tool_cache', name));
    }
    const config = join(this.folder, 'config.yaml');
    const labels = ['ubuntu-latest:host', 'ubuntu-24.04:host'];
    writeFileSync(
      config,
      stringify({
        runner: { file: '.runner', capacity: 2, fetch_interval: '1s', labels, envs: settings },
        cache: { enabled: true, host: '127.0.0.1', dir: join(this.folder, 'cache') },
      }),
    );
    const options = { cwd: this.folder, env: { PATH: process.env.PATH, HOME: home } };
    const connection = ['--no-interactive', '--instance', forgeUrl(), '--token', registration];
    execFileSync(program, ['register', '--config', config, ...connection], {
      ...options,
      stdio: 'pipe',
    });
    const child = spawn(program, ['daemon', '--config', config], {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#printed += text;
      });
    }
    this.#child = child;
  }

  /** All that the runner itself printed. */
  get printed(): string {
    return this.#printed;
  }

  /** Starts a workflow of the user's repository by `workflow_dispatch`, and waits for its end. */
  async dispatch(repository: string, workflow: string): Promise<GiteaRun> {
    const api = `/repos/${this.#owner.name}/${repository}/actions`;
    const before = await this.#newest(repository);
    await this.#owner.call('POST', `${api}/workflows/${workflow}/dispatches`, { ref: 'master' });
    return this.finished(repository, before);
  }

  /** Waits until the run that follows the run `before` has ended. */
  async finished(repository: string, before = 0): Promise<GiteaRun> {
    const api = `/repos/${this.#owner.name}/${repository}/actions`;
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`act_runner ended:\n${this.#printed}`);
      const { workflow_runs: runs } = await this.#owner.call<{ workflow_runs: Listed[] }>(
        'GET',
        `${api}/runs`,
      );
      const run = runs?.find(({ id }) => id > before);
      if (run?.status === 'completed') return this.#describe(api, run);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  async #newest(repository: string): Promise<number> {
    const path = `/repos/${this.#owner.name}/${repository}/actions/runs`;
    const { workflow_runs: runs } = await this.#owner.call<{ workflow_runs: Listed[] }>(
      'GET',
      path,
    );
    return Math.max(0, ...(runs ?? []).map(({ id }) => id));
  }

  async #describe(api: string, run: Listed): Promise<GiteaRun> {
    const { jobs } = await this.#owner.call<{ jobs: Listed[] }>(
      'GET',
      `${api}/runs/${run.id}/jobs`,
    );
    const logs = jobs
      .filter(({ conclusion }) => conclusion !== 'skipped')
      .map(({ id }) => this.#owner.text(`${api}/jobs/${id}/logs`));
    return {
      conclusion: run.conclusion ?? '',
      jobs: Object.fromEntries(jobs.map(({ name, conclusion }) => [name, conclusion ?? ''])),
      log: (await Promise.all(logs)).join('\n'),
    };
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    if (this.#child.exitCode === null && this.#child.kill('SIGINT')) await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
