import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Platform } from '../platform/platform.ts';
import { inspectPahole } from './pahole.ts';
import { RECIPES } from './recipes.ts';
import { defaultCacheFolder, toolFolder } from './tool-cache.ts';

/** The programs that read DWARF, by their versions: `1.31`, `0.190`. */
export interface DwarfTools {
  readonly pahole: string;
  /** libdw and libelf; absent where the version is not known. */
  readonly elfutils?: string;
}

/** Which pahole a build is to use, as its options have it. */
export interface RequestedPahole {
  readonly pahole: string;
  readonly toolCache: string | undefined;
}

/** Where the linker finds libdw (ld.so(8)): Debian's folders of the architecture, and those of 64-bit systems. */
const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib/riscv64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
];

/** What a pahole reads DWARF with. */
export function dwarfToolsOf(pahole: {
  readonly path: string;
  readonly version: string;
}): DwarfTools {
  // A pahole that btfhub built has its libraries beside it.
  const beside = join(dirname(pahole.path), '..', 'lib');
  return toolsWith(pahole.version, [beside, ...LIBRARY_FOLDERS]);
}

/** What a build with that pahole would read DWARF with; undefined where that is not known before it is there. */
export async function expectedDwarfTools(
  platform: Pick<Platform, 'programs' | 'env'>,
  { pahole, toolCache }: RequestedPahole,
): Promise<DwarfTools | undefined> {
  if (pahole === 'system' || pahole.includes('/')) {
    const path = pahole === 'system' ? 'pahole' : pahole;
    const found = await inspectPahole(platform, path, 'system').catch(() => undefined);
    return found && dwarfToolsOf(found);
  }
  const wanted = pahole.replace(/^v/, '');
  const recipe = RECIPES.find(
    ({ tool, version }) => tool === 'pahole' && (wanted === 'auto' || version === wanted),
  );
  if (recipe === undefined) return { pahole: wanted };
  const kept = toolFolder(toolCache ?? defaultCacheFolder(platform.env), recipe);
  return toolsWith(recipe.version, [join(kept, 'lib'), ...LIBRARY_FOLDERS]);
}

function toolsWith(pahole: string, folders: readonly string[]): DwarfTools {
  const elfutils = elfutilsVersion(folders);
  return elfutils === undefined ? { pahole } : { pahole, elfutils };
}

/** The version of the first libdw in these folders: the text that its function `dwfl_version` gives. */
function elfutilsVersion(folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    try {
      const text = readFileSync(join(folder, 'libdw.so.1'), 'latin1');
      return /\0(0\.\d{3})\0/.exec(text)?.[1];
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
