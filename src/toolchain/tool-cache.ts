import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { Failure, isSystemError } from '../failure.ts';
import { sha256 } from '../sha256.ts';
import { fingerprint, type Recipe } from './recipes.ts';
import type { ToolPlace } from './toolkit-cache.ts';

/** Where tools are kept: the runner's tool cache, or the user's own (XDG Base Directory). */
export function defaultCacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  if (env.RUNNER_TOOL_CACHE) return env.RUNNER_TOOL_CACHE;
  const home = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache');
  return join(home, 'btfhub', 'tools');
}

/** `<cache>/btfhub-pahole/1.31.0/x64-<fingerprint>`: the layout of @actions/tool-cache. */
export function toolFolder(cacheFolder: string, recipe: Recipe): string {
  const { name, version, variant } = placeOf(recipe);
  return join(cacheFolder, name, version, variant);
}

function placeOf(recipe: Recipe): ToolPlace {
  return {
    name: `btfhub-${recipe.tool}`,
    version: [...recipe.version.split('.'), '0', '0'].slice(0, 3).join('.'),
    variant: `${process.arch}-${fingerprint(recipe)}`,
  };
}

/** In the folder of a kept tool: the checksums of all other files there. */
const SUMS = 'SHA256SUMS';

/**
 * The kept tool's folder; undefined where it is not there or not complete. Throws `checksum-mismatch` when its files
 * are not those that were built.
 */
export async function findTool(cacheFolder: string, recipe: Recipe): Promise<string | undefined> {
  const { findIn } = await import('./toolkit-cache.ts');
  const folder = findIn(cacheFolder, placeOf(recipe));
  if (folder === undefined) return undefined;
  const sums = await readFile(join(folder, SUMS), 'utf8').catch(undefinedIfMissing);
  if (sums === (await sumsOf(folder))) return folder;
  throw new Failure(
    'checksum-mismatch',
    `The files in ${folder} are not those that were built.`,
    'Remove the folder, and look for who can write there.',
  );
}

/** One line for each file, as sha256sum(1) writes them: checksum, two blanks, relative path. */
async function sumsOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = entries
    .filter((entry) => !entry.isDirectory() && entry.name !== SUMS)
    .map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      // A link is not followed: its name and kind are all that counts, and no tool has one.
      const sum = entry.isFile() ? sha256(await readFile(path)) : 'not a file';
      return `${sum}  ${relative(folder, path)}\n`;
    });
  return (await Promise.all(lines)).sort().join('');
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error;
}

/**
 * Puts a finished tool into the cache. @actions/tool-cache would remove the folder and copy file by file while another
 * process may use it: so it copies into a cache of its own beside the tool's place, and what came out is renamed, so
 * that no process sees half of it. Of two that do so at once the second takes what the first left there.
 */
export async function saveTool(
  cacheFolder: string,
  recipe: Recipe,
  finished: string,
): Promise<string> {
  const folder = toolFolder(cacheFolder, recipe);
  const staging = join(dirname(folder), `.${randomUUID()}`);
  try {
    await mkdir(staging, { recursive: true });
    const { cacheIn } = await import('./toolkit-cache.ts');
    const copy = await cacheIn(staging, placeOf(recipe), finished);
    await writeFile(join(copy, SUMS), await sumsOf(copy));
    await rename(copy, folder).catch(async (error: unknown) => {
      if (!isSystemError(error, 'ENOTEMPTY') && !isSystemError(error, 'EEXIST')) throw error;
      await writeFile(`${folder}.complete`, '');
      if (await findTool(cacheFolder, recipe).catch(() => undefined)) return;
      await discardTool(cacheFolder, recipe);
      await rename(copy, folder);
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
