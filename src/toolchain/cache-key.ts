import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fingerprint, RECIPES, type ToolName } from './recipes.ts';
import { toolFolder } from './tool-cache.ts';

/** What a workflow keeps between its runs (actions/cache): these folders under this key. */
export interface CachePlan {
  /** Differs wherever a kept tool would not be the requested one, or might not run. */
  readonly key: string;
  /** Absolute; none where nothing would be built. */
  readonly folders: readonly string[];
}

/**
 * The cache of what the request need: tool, version, operating system, architecture and format.
 * A request for the machine's own, or for a path, keeps nothing.
 */
export async function planCache(
  cacheFolder: string,
  request: Readonly<Record<ToolName, string>>,
  osRelease = '/etc/os-release',
): Promise<CachePlan> {
  const tools: readonly ToolName[] = ['pahole', 'xz'];
  const recipes = tools.flatMap((tool) => {
    const fitting = RECIPES.filter((recipe) => recipe.tool === tool);
    const wanted = request[tool].replace(/^v/, '');
    const found =
      wanted === 'auto' ? fitting[0] : fitting.find(({ version }) => version === wanted);
    return found ? [found] : [];
  });
  const words = recipes.map((one) => `${one.tool}-${one.version}-${fingerprint(one)}`);
  return {
    key: ['btfhub-tools', await system(osRelease), process.arch, ...words].join('-'),
    folders: recipes.map((recipe) => dirname(toolFolder(cacheFolder, recipe))),
  };
}

/** `debian12`; os-release(5). A tool that was linked on one system may not run on an older one. */
async function system(osRelease: string): Promise<string> {
  const text = await readFile(osRelease, 'utf8').catch(() => '');
  const value = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return (value('ID') + value('VERSION_ID')).replace(/[^\w.]/g, '') || 'linux';
}
