import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { serveFolder } from '../../src/download/static-server.ts';
import { type GitServer, startGitServer } from '../git/git-server.ts';
import { commit, createRepository } from '../git/repositories.ts';
import { root } from './files.ts';
import { type GiteaStandIn, startGitea } from './gitea.ts';
import { HostServices, walk } from './runner/host.ts';

export const TOKEN = 't0ken-of-the-archive';

/** All that a night needs besides us: a mirror, the archive's git host with its forge, a CI host. */
export interface Site {
  readonly folder: string;
  /** The mirror's files, to be spoilt. */
  readonly packages: string;
  readonly mirror: string;
  readonly git: GitServer;
  /** The archive's bare repository. */
  readonly archive: string;
  readonly archiveUrl: string;
  readonly forge: GiteaStandIn;
  readonly services: HostServices;
  close(): Promise<void>;
}

export async function openSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'site-'));
  const packages = join(folder, 'packages');
  cpSync(join(root, 'demo/repository'), packages, { recursive: true });
  const mirror = await serveFolder(packages);
  const repositories = join(folder, 'git');
  mkdirSync(repositories);
  const archive = createRepository(repositories, 'openeuler/archive.git');
  commit(archive, 'master', { 'README.md': '# BTF\n' });
  const git = await startGitServer(repositories, { users: { [TOKEN]: 'write' } });
  const forge = await startGitea(TOKEN);
  return {
    folder,
    packages,
    mirror: mirror.url,
    git,
    archive,
    forge,
    archiveUrl: git.url('openeuler/archive.git'),
    services: new HostServices(root, join(folder, 'host')),
    close: async () => {
      await mirror.close();
      await git.close();
      await forge.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The settings with which the demonstration's small kernels build anywhere, as BTFHUB_* has them. */
export function demoSettings(site: Site): Record<string, string> {
  return {
    BTFHUB_MIRROR: site.mirror,
    BTFHUB_ARCHIVE: site.archiveUrl,
    BTFHUB_MINIMUM_TYPES: '100',
    BTFHUB_SIGNATURE: 'off',
    BTFHUB_PAHOLE: 'system',
    BTFHUB_XZ: 'system',
    BTFHUB_FORGE: 'gitea',
    BTFHUB_API_URL: site.forge.root,
    BTFHUB_ALLOW_EMPTY: 'true',
  };
}

/** The workflow that owners copy, with this site in the place of the real one. */
export function ownersWorkflow(site: Site, extra: Readonly<Record<string, unknown>> = {}): string {
  const workflow = parse(readFileSync(join(root, 'examples/github/update-archive.yml'), 'utf8'));
  Object.assign(workflow.jobs.archive.with, {
    archive: site.archiveUrl,
    mirror: site.mirror,
    signature: 'off',
    pahole: 'system',
    xz: 'system',
    'minimum-types': '100',
    'max-jobs': '4',
    forge: 'gitea',
    'api-url': site.forge.root,
    'allow-empty': true,
    ...extra,
  });
  return stringify(workflow);
}

/** Turns over one bit of a package on the mirror, near its end: its checksum is not as promised then. */
export function spoilPackage(site: Site, name: string): void {
  const found = walk(site.packages).find((path) => path.endsWith(`/${name}`));
  if (found === undefined) throw new Error(`The mirror has no ${name}.`);
  const bytes = readFileSync(found);
  const place = bytes.length - 20;
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  writeFileSync(found, bytes);
}
