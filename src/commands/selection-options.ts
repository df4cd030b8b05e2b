import { join } from 'node:path';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { folderCache, noCache } from '../rpmmd/cache.ts';
import { chooseSource } from '../sources/choose.ts';
import type { KernelQuery } from '../sources/discover.ts';
import { archOption } from './arch-option.ts';
import { list, text, type Values } from './command.ts';

/** Which kernels: the options of every command that starts from published packages. */
export const selectionOptions = {
  release: list(
    '<release>',
    "release, as the mirror names its folder: '22.03-LTS-SP1'; a glob, or 'all'",
    {
      default: ['all'],
    },
  ),
  arch: archOption,
  kernel: list(
    '<uname>',
    "kernel, by its 'uname -r' or the name of its package; a glob, or 'all'",
    {
      default: ['all'],
    },
  ),
  flavour: list(
    '<flavour>',
    "flavour of kernel: 'stock' (the default), 'rt', '64kb'; a glob, or 'all'",
  ),
  mirror: list(
    '<URL>',
    "root URL of a mirror; mirrors are asked in the order given; default: the distribution's own mirrors",
  ),
  distribution: text('<ID>', 'distribution whose kernels to find: ID of /etc/os-release', {
    default: 'openEuler',
  }),
  sources: list('<file>', 'file that describes another distribution (JSON or YAML)', {
    separator: 'lines',
  }),
  cache: text(
    '<folder>',
    "folder that keeps repository metadata between runs; 'none' keeps nothing",
  ),
} as const;

/** The query that the options describe. Throws `usage` for a bad source file, `not-found` for an unknown ID. */
export async function toQuery(
  platform: Platform,
  options: Values<typeof selectionOptions>,
  progress: Progress,
): Promise<Omit<KernelQuery, 'method'>> {
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
