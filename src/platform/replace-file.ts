import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a process that was killed in `replaceFile` leaves beside the file. */
export const PARTIAL_FILE = /\.[0-9a-f]{12}\.partial$/;

/**
 * Writes a file atomically, and the folders above it: a reader sees the old content or the new one,
 * never a part. A process that has the old file open keeps it. Several writers at once are fine.
 *
 * @param options `mode` of the file, 0644 by default, whatever the umask; `sync`: also after a power failure
 */
export async function replaceFile(
  path: string,
  content: Uint8Array | string,
  options: { readonly mode?: number; readonly sync?: boolean } = {},
): Promise<void> {
  const { mode = 0o644, sync = false } = options;
  const partial = `${path}.${randomBytes(6).toString('hex')}.partial`;
  await mkdir(dirname(path), { recursive: true });
  try {
    const file = await open(partial, 'wx', mode);
    try {
      await file.writeFile(content);
      // open(2) applies the umask to the mode.
      await file.chmod(mode);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
