import { join } from 'node:path';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { folderCache, noCache } from '../rpmmd/cache.ts';
import { chooseSource } from '../sources/choose.ts';
import type { KernelQuery } from '../sources/discover.ts';
import { list, text, type Values } from './command.ts';

/** Which kernels: the options of every command that starts from what is published. */
export const selectionOptions = {
  release: list('<release>', "release as the mirror names it, '22.03-LTS-SP1'; a glob, or 'all'", {
    default: ['all'],
  }),
  arch: list('<arch>', "architecture, 'x86_64' or 'aarch64' for example; a glob, or 'all'", {
    default: ['all'],
  }),
  kernel: list('<uname>', "kernel by its 'uname -r' or its package's name; a glob, or 'all'", {
    default: ['all'],
  }),
  flavour: list(
    '<flavour>',
    "flavour of kernel: 'stock' (the default), 'rt', '64kb'; a glob, or 'all'",
  ),
  mirror: list(
    '<URL>',
    "root of a mirror, asked before those that follow; the source's by default",
  ),
  distribution: text(
    '<ID>',
    'distribution whose kernels to find, as ID in /etc/os-release has it',
    {
      default: 'openEuler',
    },
  ),
  sources: list('<file>', 'file that describes another distribution (JSON or YAML)'),
  cache: text('<folder>', "where to keep repository metadata between runs; 'none' keeps nothing"),
} as const;

/** The query that the options stand for; `usage` or `not-found` for sources that cannot be used. */
export async function toQuery(
  platform: Platform,
  options: Values<typeof selectionOptions>,
  progress: Progress,
): Promise<KernelQuery> {
  const source = await chooseSource(options.distribution, options.sources);
  const folder = options.cache ?? defaultCache(platform.env);
  return {
    source,
    mirrors: options.mirror,
    releases: options.release,
    arches: options.arch,
    kernels: options.kernel,
    flavours: options.flavour,
    cache: folder === 'none' ? noCache : folderCache(folder, (message) => progress.warn(message)),
  };
}

function defaultCache(env: Platform['env']): string {
  const base = env.XDG_CACHE_HOME || (env.HOME && join(env.HOME, '.cache'));
  return base ? join(base, 'btfhub', 'metadata') : 'none';
}
