import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { mirrorProject, project, WHO } from './project.ts';

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

export interface ActOptions {
  readonly event?: string;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly vars?: Readonly<Record<string, string>>;
  /** What tells the runs of a workflow, and the attempts of a run, from each other. */
  readonly run?: { readonly id: number; readonly attempt: number };
}

/**
 * act (nektos/act) in host mode, with the artifact and cache servers that it brings. The actions of others are the
 * real ones at their pins: fetched from GitHub, or on a machine without a network from the folder that
 * BTFHUB_TEST_ACTIONS names, which holds `<name>@<commit>`; BTFHUB_TEST_TOOL_CACHE names a tool cache with Node.js 24.
 */
export class Act {
  readonly folder = mkdtempSync(join(tmpdir(), 'btfhub-act-'));
  /** RUNNER_TOOL_CACHE of every job. */
  readonly tools = join(this.folder, 'cache/tool_cache');
  readonly #proxy: Server;
  readonly #proxyPort: number;
  readonly #artifactPort: number;
  readonly #copies: readonly string[];
  #runs = 0;

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
    mkdirSync(this.tools, { recursive: true });
    const tools = process.env.BTFHUB_TEST_TOOL_CACHE;
    for (const name of tools ? readdirSync(tools) : []) {
      symlinkSync(join(tools ?? '', name), join(this.tools, name));
    }
    mirrorProject(this.folder);
    this.#copies = [
      ...['--local-repository', `${OWN}=${join(this.folder, 'project')}`],
      ...this.#copyActions(),
    ];
  }

  /** What runs of the actions of others, without their sources and packages. */
  #copyActions(): string[] {
    const given = process.env.BTFHUB_TEST_ACTIONS;
    return pins().flatMap((name) => {
      const to = join(this.folder, 'actions', name);
      const from = given
        ? join(given, name)
        : fetchAction(name, join(this.folder, 'fetched', name));
      cpSync(from, to, {
        recursive: true,
        filter: (path) => !UNUSED.has(basename(path)) || relative(from, path).includes('dist/'),
      });
      return ['--local-repository', `actions/${name}=${to}`];
    });
  }

  /** Runs the workflow of a repository that has this one workflow, and these files. */
  async run(workflow: string, options: ActOptions = {}): Promise<ActRun> {
    const owner = mkdtempSync(join(this.folder, 'owner-'));
    mkdirSync(join(owner, '.github/workflows'), { recursive: true });
    writeFileSync(join(owner, '.github/workflows/update.yml'), workflow);
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: owner, env: { ...process.env, ...WHO } });
    git('init', '--quiet', '--initial-branch=main');
    git('add', '.');
    git('commit', '--quiet', '--message=Workflow');
    git('remote', 'add', 'origin', 'https://github.com/someone/archive.git');
    this.#runs += 1;
    const { id, attempt } = options.run ?? { id: this.#runs, attempt: 1 };
    const secrets = { GITHUB_TOKEN: 'unused', ...options.secrets };
    const named = (option: string, table: Readonly<Record<string, string>> = {}) =>
      Object.entries(table).flatMap(([name, value]) => [option, `${name}=${value}`]);
    const args = [
      options.event ?? 'workflow_dispatch',
      ...['-P', 'ubuntu-24.04=-self-hosted', '-P', 'ubuntu-latest=-self-hosted'],
      ...this.#copies,
      ...['--action-cache-path', join(this.folder, 'cache')],
      ...['--artifact-server-path', join(this.folder, 'artifacts')],
      ...['--artifact-server-addr', '127.0.0.1', '--artifact-server-port', `${this.#artifactPort}`],
      ...['--cache-server-path', join(this.folder, 'cache-server')],
      ...['--cache-server-addr', '127.0.0.1'],
      ...named('--env', {
        HOME: join(this.folder, 'home'),
        GITHUB_RUN_ID: `${id}`,
        GITHUB_RUN_NUMBER: `${id}`,
        GITHUB_RUN_ATTEMPT: `${attempt}`,
      }),
      ...named('--input', options.inputs),
      ...named('--var', options.vars),
      ...Object.keys(secrets).flatMap((name) => ['--secret', name]),
    ];
    const env = {
      ...secrets,
      PATH: process.env.PATH,
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

  async close(): Promise<void> {
    this.#proxy.closeAllConnections();
    await new Promise((resolve) => this.#proxy.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const OWN = 'openeuler/btfhub-action@v0';
/** `checkout@<commit>` and the like: the pins of this project's workflows and actions, but not of the job `attest`. */
function pins(): string[] {
  const files = ['.github/workflows/update-archive.yml', 'action.yml'];
  const folders = ['plan', 'publish', 'tailor', 'check'].map((name) => `${name}/action.yml`);
  const found = [...files, ...folders].flatMap((path) => [
    ...readFileSync(join(project, path), 'utf8').matchAll(
      /uses: actions\/([\w-]+)[\w/-]*(@[0-9a-f]{40})/g,
    ),
  ]);
  return [...new Set(found.map(([, name, commit]) => `${name}${commit}`))].filter(
    (name) => !name.startsWith('attest@'),
  );
}

/** Fetches the one commit of an action from GitHub. Returns the folder. */
function fetchAction(pin: string, folder: string): string {
  const [name, commit = ''] = pin.split('@');
  mkdirSync(folder, { recursive: true });
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, stdio: 'pipe' });
  git('init', '--quiet');
  git('fetch', '--quiet', '--depth=1', `https://github.com/actions/${name}`, commit);
  git('checkout', '--quiet', 'FETCH_HEAD');
  return folder;
}

const UNUSED = new Set(['node_modules', '.git', 'src', '__tests__', '__test__']);

/** `[archive/Update the archive/Plan] 🏁  Job succeeded` */
function jobsOf(log: string): Record<string, boolean> {
  const ends = log.matchAll(/^\[(?:[^\]]*\/)?([^\]/]+?)\s*\].*🏁\s+Job (succeeded|failed)/gm);
  return Object.fromEntries([...ends].map(([, name, end]) => [name ?? '', end === 'succeeded']));
}

function errorsOf(log: string): string[] {
  return log.split('\n').filter((line) => /::error|❌|level=error|panic|^Error:/.test(line));
}

/**
 * Stands before act's artifact server, for two faults of act 0.2.89: it refuses the field `mime_type` that
 * upload-artifact 7 sends (nektos/act issue 6022), and it checks its signed URLs by a date that Azure's client encodes
 * anew, which the server then takes for another date. The field is left out, and the signed query travels as one word.
 */
function artifactProxy(port: number): Server {
  return createServer(async (incoming, outgoing) => {
    const method = /[^/]*$/.exec(incoming.url?.split('?')[0] ?? '')?.[0] ?? '';
    const body = await bytesOf(incoming);
    const sent = method === 'CreateArtifact' ? withoutMimeType(body) : body;
    const headers = { ...incoming.headers, 'content-length': `${sent.length}` };
    delete headers['transfer-encoding'];
    const path = unfold(incoming.url ?? '/');
    const onward = request(
      { port, host: '127.0.0.1', path, method: incoming.method, headers },
      async (answer) => {
        const whole = await bytesOf(answer);
        const answered = SIGNING.has(method) ? withFoldedUrl(whole) : whole;
        const own = { ...answer.headers, 'content-length': `${answered.length}` };
        delete own['transfer-encoding'];
        outgoing.writeHead(answer.statusCode ?? 502, own).end(answered);
      },
    );
    onward.once('error', () => outgoing.writeHead(502).end());
    onward.end(sent);
  });
}

const SIGNING = new Set(['CreateArtifact', 'GetSignedArtifactURL']);

/** Puts the query of a signed URL into one parameter, `signed`. */
function withFoldedUrl(body: Buffer): Buffer {
  if (body.length === 0) return body;
  const document = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  for (const name of ['signedUploadUrl', 'signedUrl']) {
    const [address, query] = String(document[name] ?? '').split('?');
    if (query === undefined) continue;
    document[name] = `${address}?signed=${Buffer.from(query).toString('base64url')}`;
  }
  return Buffer.from(JSON.stringify(document));
}

/** The path and query as act signed them, with what the client added: `comp`, `blockid`. */
function unfold(path: string): string {
  return path.replace(/\bsigned=([\w-]+)/, (_, word: string) =>
    Buffer.from(word, 'base64url').toString('utf8'),
  );
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
