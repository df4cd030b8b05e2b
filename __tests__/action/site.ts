import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { serveFolder } from '../../src/download/serve.ts';
import { type GitServer, startGitServer } from '../archive/git-server.ts';
import { commit, createRepository } from '../archive/repositories.ts';
import { root } from './files.ts';
import { HostServices } from './runner/host.ts';

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
  const archive = createRepository(repositories, 'archive.git');
  commit(archive, 'master', { 'README.md': '# BTF\n' });
  const git = await startGitServer(repositories, { users: { [TOKEN]: 'write' } });
  return {
    ...{ folder, packages, mirror: mirror.url, git, archive, archiveUrl: git.url('archive.git') },
    services: new HostServices(root, join(folder, 'host')),
    close: async () => {
      await mirror.close();
      await git.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The settings with which the demonstration's small kernels build anywhere, as BTFHUB_* has them. */
export function demoSettings(site: Site): Record<string, string> {
  return {
    ...{ BTFHUB_MIRROR: site.mirror, BTFHUB_ARCHIVE: site.archiveUrl, BTFHUB_MINIMUM_TYPES: '100' },
    ...{ BTFHUB_SIGNATURE: 'off', BTFHUB_PAHOLE: 'system', BTFHUB_XZ: 'system' },
  };
}

/** The workflow that owners copy, with this site in the place of the real one. */
export function ownersWorkflow(site: Site, extra: Readonly<Record<string, unknown>> = {}): string {
  const workflow = parse(readFileSync(join(root, 'examples/github/update-archive.yml'), 'utf8'));
  Object.assign(workflow.jobs.archive.with, {
    ...{ archive: site.archiveUrl, mirror: site.mirror, signature: 'off' },
    ...{ pahole: 'system', xz: 'system', 'minimum-types': '100' },
    ...extra,
  });
  return stringify(workflow);
}
