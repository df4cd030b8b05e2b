import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** What a step of another project's action gets from the runner. */
export interface Use {
  readonly inputs: Readonly<Record<string, string>>;
  readonly workspace: string;
  readonly permissions: Readonly<Record<string, string>>;
  say(line: string): void;
}

type StandIn = (use: Use) => Record<string, string>;

/**
 * The host's side of a run: folders in the place of its services. Each stand-in keeps the rules of
 * the real action that our files depend on, and refuses what the real one would refuse.
 */
export class HostServices {
  /** `path -> sha256` of every attested file. */
  readonly attested: Record<string, string> = {};
  private readonly artifacts: string;
  private readonly caches: string;
  private readonly project: string;

  /** `project`: what checkout brings; `home`: where artifacts and caches are kept. */
  constructor(project: string, home: string) {
    this.project = project;
    this.artifacts = join(home, 'artifacts');
    this.caches = join(home, 'caches');
  }

  artifact(name: string): string {
    return join(this.artifacts, name);
  }

  artifactNames(): string[] {
    return existsSync(this.artifacts) ? readdirSync(this.artifacts).sort() : [];
  }

  cacheKeys(): string[] {
    return existsSync(this.caches) ? readdirSync(this.caches).sort() : [];
  }

  /** The artifacts and attestations of a run go with it; the caches stay. */
  beginRun(): void {
    rmSync(this.artifacts, { recursive: true, force: true });
    for (const path of Object.keys(this.attested)) delete this.attested[path];
  }

  /** The stand-in for `actions/checkout` and the like, by the name before the `@`. */
  find(action: string): StandIn | undefined {
    return this.standIns[action];
  }

  private readonly standIns: Readonly<Record<string, StandIn>> = {
    'actions/checkout': ({ inputs, workspace, permissions }) => {
      if (permissions.contents === undefined) throw new Error('checkout: needs contents: read');
      const target = join(workspace, inputs.path ?? '.');
      mkdirSync(target, { recursive: true });
      for (const name of [
        'action.yml',
        'plan',
        'publish',
        'check',
        'tailor',
        'site',
        'dist',
        'package.json',
        '.github',
      ]) {
        const source = join(this.project, name);
        if (existsSync(source)) cpSync(source, join(target, name), { recursive: true });
      }
      return { ref: inputs.ref ?? '', commit: inputs.ref ?? '' };
    },

    'actions/setup-node': ({ inputs }) => {
      if (!inputs['node-version']) throw new Error('setup-node: no version was asked for');
      return { 'node-version': process.version };
    },

    'actions/cache/restore': (use) => this.restore(use),
    'actions/cache/save': (use) => this.save(use),

    'actions/upload-artifact': ({ inputs, workspace, say }) => {
      const name = required(inputs, 'name');
      if (/["<>|*?\r\n\\/:]/.test(name)) throw new Error(`upload-artifact: bad name '${name}'`);
      const files = lines(required(inputs, 'path')).flatMap((path) =>
        walk(resolve(workspace, path)),
      );
      const shown = files.filter((file) => !/\/\./.test(file.slice(workspace.length)));
      if (shown.length === 0) {
        const message = `No files were found with the provided path: ${inputs.path}.`;
        if (inputs['if-no-files-found'] === 'error') throw new Error(message);
        say(`${message} No artifacts will be uploaded.`);
        return {};
      }
      const target = this.artifact(name);
      if (existsSync(target) && inputs.overwrite !== 'true') {
        throw new Error(`upload-artifact: an artifact with the name ${name} already exists`);
      }
      rmSync(target, { recursive: true, force: true });
      const root = commonFolder(
        lines(required(inputs, 'path')).map((path) => resolve(workspace, path)),
      );
      for (const file of shown) cpSync(file, join(target, relative(root, file)));
      return { 'artifact-id': '1', 'artifact-url': `https://forge.test/artifacts/${name}` };
    },

    'actions/upload-pages-artifact': ({ inputs, workspace }) => {
      const target = this.artifact(inputs.name ?? 'github-pages');
      cpSync(resolve(workspace, required(inputs, 'path')), target, { recursive: true });
      return { artifact_id: '1' };
    },

    'actions/deploy-pages': ({ permissions }) => {
      for (const scope of ['id-token', 'pages']) {
        if (permissions[scope] !== 'write') throw new Error(`deploy-pages: needs ${scope}: write`);
      }
      if (!existsSync(join(this.artifact('github-pages'), 'index.html'))) {
        throw new Error('deploy-pages: the artifact has no index.html');
      }
      return { page_url: 'https://pages.test/' };
    },

    'actions/download-artifact': ({ inputs, workspace, say }) => {
      const target = resolve(workspace, inputs.path ?? '.');
      mkdirSync(target, { recursive: true });
      const pattern = inputs.pattern;
      const names = this.artifactNames().filter((name) =>
        inputs.name ? name === inputs.name : !pattern || matches(name, pattern),
      );
      if (inputs.name && names.length === 0) throw new Error(`no artifact ${inputs.name}`);
      for (const name of names) {
        const flat = inputs.name !== undefined || inputs['merge-multiple'] === 'true';
        cpSync(this.artifact(name), flat ? target : join(target, name), { recursive: true });
      }
      say(`Total of ${names.length} artifact(s) downloaded`);
      return { 'download-path': target };
    },

    'actions/attest': ({ inputs, workspace, permissions }) => {
      for (const scope of ['id-token', 'attestations']) {
        if (permissions[scope] !== 'write') throw new Error(`attest: needs ${scope}: write`);
      }
      const checksums = readFileSync(
        resolve(workspace, required(inputs, 'subject-checksums')),
        'utf8',
      );
      if (checksums === '') throw new Error('attest: no subjects');
      for (const line of lines(checksums)) {
        const [, sum, path] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
        if (!sum || !path) throw new Error(`attest: not a checksum: ${line}`);
        this.attested[path] = sum;
      }
      const bundle = join(workspace, 'attestation.json');
      writeFileSync(bundle, `${unsignedBundle(Object.values(this.attested))}\n`);
      return {
        'attestation-url': 'https://forge.test/attestations/1',
        'bundle-path': bundle,
      };
    },
  };

  private restore({ inputs }: Use): Record<string, string> {
    const key = required(inputs, 'key');
    const wanted = [key, ...lines(inputs['restore-keys'] ?? '')].map(encodeURIComponent);
    const [exact = '', ...prefixes] = wanted;
    const names = this.cacheKeys();
    const found =
      names.find((name) => name === exact) ??
      names.find((name) => prefixes.some((prefix) => name.startsWith(prefix)));
    const hit = found === exact ? 'true' : found === undefined ? '' : 'false';
    for (const path of found === undefined ? [] : lines(required(inputs, 'path'))) {
      const source = join(this.caches, found ?? '', encodeURIComponent(path));
      if (existsSync(source)) cpSync(source, path, { recursive: true });
    }
    return { 'cache-hit': hit, 'cache-primary-key': key };
  }

  private save({ inputs, say }: Use): Record<string, string> {
    const kept = join(this.caches, encodeURIComponent(required(inputs, 'key')));
    const paths = lines(required(inputs, 'path')).filter((path) => existsSync(path));
    if (existsSync(kept) || paths.length === 0) say('Cache not saved.');
    else
      for (const path of paths)
        cpSync(path, join(kept, encodeURIComponent(path)), { recursive: true });
    return {};
  }
}

function required(inputs: Readonly<Record<string, string>>, name: string): string {
  const value = inputs[name];
  if (!value) throw new Error(`Input required and not supplied: ${name}`);
  return value;
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

function matches(name: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replace(/\*/g, '.*');
  return new RegExp(`^${escaped}$`).test(name);
}

/** Every file below a path, or the path itself; none where there is nothing. */
export function walk(path: string): string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => walk(join(path, name)));
}

/** An artifact's root is the folder that was named, or what several paths have in common. */
function commonFolder(paths: readonly string[]): string {
  const [first = '/', ...others] = paths;
  let folder = existsSync(first) && statSync(first).isFile() ? dirname(first) : first;
  while (others.some((path) => path !== folder && !path.startsWith(`${folder}/`))) {
    folder = dirname(folder);
  }
  return folder;
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** A Sigstore bundle in all but its signature, which publish leaves to those who fetch. */
function unsignedBundle(sums: readonly string[]): string {
  const subject = sums.map((sha256) => ({ name: sha256, digest: { sha256 } }));
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject };
  const payload = Buffer.from(JSON.stringify(statement)).toString('base64');
  const dsseEnvelope = { payloadType: 'application/vnd.in-toto+json', payload, signatures: [] };
  const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  return JSON.stringify({ mediaType, dsseEnvelope });
}
