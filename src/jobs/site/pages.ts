import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isSystemError } from '../../failure.ts';

/** The pages, which lie beside the bundle: `npm run build` makes them. */
const FOLDER = fileURLToPath(new URL('./site/', import.meta.url));

/** Copies the pages into the folder of a site. */
export async function copyPages(output: string): Promise<void> {
  await mkdir(output, { recursive: true });
  for (const name of await pageFiles()) await copyFile(join(FOLDER, name), join(output, name));
}

async function pageFiles(): Promise<readonly string[]> {
  try {
    return await readdir(FOLDER);
  } catch (error) {
    // The sources alone, as tests run them, have none.
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
