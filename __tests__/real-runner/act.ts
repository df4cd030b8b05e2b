import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const project = join(import.meta.dirname, '../..');

/** How one run of a workflow in act ended. */
export interface ActRun {
  readonly status: number;
  /** All that act printed. */
  readonly log: string;
  /** Job name -> whether it succeeded. */
  readonly jobs: Readonly<Record<string, boolean>>;
  /** The error annotations and what act says about failed steps. */
  readonly errors: readonly string[];
}

/**
 * act (nektos/act) in host mode, with the artifact and cache servers that it brings. The actions of others are the
 * real ones at their pins: from GitHub, or on a machine without a network from the folder that BTFHUB_TEST_ACTIONS
 * names, which holds `<name>@<commit>`; BTFHUB_TEST_TOOL_CACHE names a tool cache that holds Node.js 24.
 */
export class Act {
  readonly folder = mkdtempSync(join(tmpdir(), 'btfhub-act-'));
  readonly #proxy: Server;
  readonly #proxyPort: number;
  readonly #artifactPort: number;

  static async open(): Promise<Act> {
    const artifactPort = await freePort();
    const proxy = artifactProxy(artifactPort);
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    return new Act(proxy, artifactPort);
  }

  private constructor(proxy: Server, artifactPort: number) {
    this.#proxy = proxy;
    this.#proxyPort = (proxy.address() as AddressInfo).port;
    this.#artifactPort = artifactPort;
    mkdirSync(join(this.folder, 'cache'));
    const tools = process.env.BTFHUB_TEST_TOOL_CACHE;
    if (tools) cpSync(tools, join(this.folder, 'cache/tool_cache'), { recursive: true });
    this.#mirrorProject();
  }

  /** This work tree as openeuler/btfhub-action at `v0`, which git finds below `mirror/`. */
  #mirrorProject(): void {
    const mirror = join(this.folder, 'mirror');
    const bare = join(mirror, 'openeuler/btfhub-action');
    mkdirSync(bare, { recursive: true });
    const git = (args: readonly string[], env = {}) =>
      execFileSync('git', args, {
        cwd: project,
        encoding: 'utf8',
        env: { ...process.env, ...env },
      }).trim();
    git(['init', '--quiet', '--bare', bare]);
    const index = { GIT_INDEX_FILE: join(this.folder, 'index') };
    git(['add', '--all'], index);
    const tree = git(['write-tree'], index);
    const commit = git(['commit-tree', '-m', 'The work tree', tree], WHO);
    git(['push', '--quiet', bare, `${commit}:refs/tags/v0`]);
    mkdirSync(join(this.folder, 'home'));
    const config = `[url "${mirror}/openeuler/"]\n\tinsteadOf = https://github.com/openeuler/\n`;
    writeFileSync(join(this.folder, 'home/.gitconfig'), config);
  }

  /** Runs the workflow of a repository that has this one file. */
  async run(
    workflow: string,
    options: {
      readonly event?: string;
      readonly inputs?: Readonly<Record<string, string>>;
      readonly secrets?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<ActRun> {
    const owner = mkdtempSync(join(this.folder, 'owner-'));
    mkdirSync(join(owner, '.github/workflows'), { recursive: true });
    writeFileSync(join(owner, '.github/workflows/update.yml'), workflow);
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: owner, env: { ...process.env, ...WHO } });
    git('init', '--quiet', '--initial-branch=main');
    git('add', '.');
    git('commit', '--quiet', '--message=Workflow');
    git('remote', 'add', 'origin', 'https://github.com/someone/archive.git');
    const secrets = { GITHUB_TOKEN: 'unused', ...options.secrets };
    const args = [
      options.event ?? 'workflow_dispatch',
      ...['-P', 'ubuntu-24.04=-self-hosted', '-P', 'ubuntu-latest=-self-hosted'],
      ...['--local-repository', `openeuler/btfhub-action@v0=${project}`],
      ...this.#actions(),
      ...['--action-cache-path', join(this.folder, 'cache')],
      ...['--artifact-server-path', join(this.folder, 'artifacts')],
      ...['--artifact-server-addr', '127.0.0.1', '--artifact-server-port', `${this.#artifactPort}`],
      ...[
        '--cache-server-path',
        join(this.folder, 'cache-server'),
        '--cache-server-addr',
        '127.0.0.1',
      ],
      ...['--env', `HOME=${join(this.folder, 'home')}`],
      ...Object.entries(options.inputs ?? {}).flatMap(([name, value]) => [
        '--input',
        `${name}=${value}`,
      ]),
      ...Object.keys(secrets).flatMap((name) => ['--secret', name]),
    ];
    const env = {
      ...process.env,
      ...secrets,
      HOME: join(this.folder, 'home'),
      ACTIONS_RUNTIME_URL: `http://127.0.0.1:${this.#proxyPort}/`,
    };
    const child = spawn('act', args, { cwd: owner, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        log += text;
      });
    }
    const status = await new Promise<number>((resolve) =>
      child.once('close', (code) => resolve(code ?? 1)),
    );
    return { status, log, jobs: jobsOf(log), errors: errorsOf(log) };
  }

  #actions(): string[] {
    const folder = process.env.BTFHUB_TEST_ACTIONS;
    if (!folder) return [];
    return readdirSync(folder)
      .filter((name) => /@[0-9a-f]{40}$/.test(name))
      .flatMap((name) => ['--local-repository', `actions/${name}=${join(folder, name)}`]);
  }

  async close(): Promise<void> {
    this.#proxy.closeAllConnections();
    await new Promise((resolve) => this.#proxy.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const WHO = {
  GIT_AUTHOR_NAME: 'A Person',
  GIT_AUTHOR_EMAIL: 'person@example.org',
  GIT_COMMITTER_NAME: 'A Person',
  GIT_COMMITTER_EMAIL: 'person@example.org',
};

/** `[archive/Update the archive/Plan] 🏁  Job succeeded` */
function jobsOf(log: string): Record<string, boolean> {
  const ends = log.matchAll(/^\[(?:[^\]]*\/)?([^\]/]+?)\s*\].*🏁\s+Job (succeeded|failed)/gm);
  return Object.fromEntries([...ends].map(([, name, end]) => [name ?? '', end === 'succeeded']));
}

function errorsOf(log: string): string[] {
  return log.split('\n').filter((line) => /::error|❌|level=error|panic|^Error:/.test(line));
}

/**
 * Stands before act's artifact server, which refuses what upload-artifact 7 sends since it names a MIME type
 * (nektos/act issue 6022): takes that one field out, and changes nothing else.
 */
function artifactProxy(port: number): Server {
  return createServer(async (incoming, outgoing) => {
    const body = await bytesOf(incoming);
    const create = incoming.url?.endsWith('/CreateArtifact') ?? false;
    const sent = create ? withoutMimeType(body) : body;
    const headers = { ...incoming.headers, 'content-length': `${sent.length}` };
    delete headers['transfer-encoding'];
    const onward = request(
      { port, host: '127.0.0.1', path: incoming.url, method: incoming.method, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.once('error', () => outgoing.writeHead(502).end());
    onward.end(sent);
  });
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function withoutMimeType(body: Buffer): Buffer {
  const { mime_type: _, mimeType: __, ...rest } = JSON.parse(body.toString('utf8'));
  return Buffer.from(JSON.stringify(rest));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
