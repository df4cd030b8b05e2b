import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { isSystemError } from '../failure.ts';
import { fingerprint, type Recipe } from './recipes.ts';

/** Where tools are kept: the runner's tool cache, or the user's own (XDG Base Directory). */
export function defaultCacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  if (env.RUNNER_TOOL_CACHE) return env.RUNNER_TOOL_CACHE;
  const home = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache');
  return join(home, 'btfhub', 'tools');
}

/**
 * `<cache>/btfhub-pahole/1.31.0/x64-<fingerprint>`: the layout of @actions/tool-cache, whose
 * `find` finds it. That package is not used itself: it prints `::debug::` lines on standard output,
 * and its `cacheDir` removes the folder and copies file by file, under the feet of whoever uses it.
 */
export function toolFolder(cacheFolder: string, recipe: Recipe): string {
  const version = [...recipe.version.split('.'), '0', '0'].slice(0, 3).join('.');
  const variant = `${process.arch}-${fingerprint(recipe)}`;
  return join(cacheFolder, `btfhub-${recipe.tool}`, version, variant);
}

/** The kept tool's folder, or undefined where it is not there or not complete. */
export function findTool(cacheFolder: string, recipe: Recipe): string | undefined {
  const folder = toolFolder(cacheFolder, recipe);
  return existsSync(folder) && existsSync(`${folder}.complete`) ? folder : undefined;
}

/**
 * Puts a finished tool into the cache: copied beside its place, then renamed, so that nobody ever
 * sees half of it. Of two that do so at once the second takes what the first left there.
 */
export async function saveTool(
  cacheFolder: string,
  recipe: Recipe,
  finished: string,
): Promise<string> {
  const folder = toolFolder(cacheFolder, recipe);
  const staging = join(dirname(folder), `.${randomUUID()}`);
  try {
    await mkdir(dirname(folder), { recursive: true });
    await cp(finished, staging, { recursive: true });
    await rename(staging, folder).catch((error) => {
      if (!isSystemError(error, 'ENOTEMPTY') && !isSystemError(error, 'EEXIST')) throw error;
    });
    await writeFile(`${folder}.complete`, '');
    return folder;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Takes a tool that does not run any more out of the cache, whole as well. */
export async function discardTool(cacheFolder: string, recipe: Recipe): Promise<void> {
  const folder = toolFolder(cacheFolder, recipe);
  const discarded = join(dirname(folder), `.${randomUUID()}`);
  await rm(`${folder}.complete`, { force: true });
  await rename(folder, discarded).catch((error) => {
    if (!isSystemError(error, 'ENOENT')) throw error;
  });
  await rm(discarded, { recursive: true, force: true });
}
