import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../failure.ts';
import { replaceFile } from '../platform/replace-file.ts';
import { sha256 } from '../sha256.ts';
import type { KernelName } from './layout.ts';
import { type ArchivedTarball, type ArchiveReader, isPromised } from './reader.ts';

/**
 * The same archive, whose tarballs are kept in a folder under the names of their bytes: what is
 * there is not moved again. A file that was cut off or changed has another name by its content, and
 * is fetched anew.
 */
export function cachedReader(reader: ArchiveReader, folder: string): ArchiveReader {
  return { ...reader, read: (kernels) => readCached(reader, folder, kernels) };
}

async function* readCached(
  reader: ArchiveReader,
  folder: string,
  kernels: readonly KernelName[],
): AsyncGenerator<ArchivedTarball> {
  await mkdir(folder, { recursive: true });
  const kept = new Map<KernelName, string>();
  for (const kernel of kernels) {
    const name = await reader.identify(kernel);
    if (name !== undefined && (await readKept(folder, name))) kept.set(kernel, name);
  }
  const missing = kernels.filter((kernel) => !kept.has(kernel));
  // Both follow the order asked for; what the archive lacks does not come.
  const fetched = reader.read(missing);
  let next = await fetched.next();
  for (const kernel of kernels) {
    const name = kept.get(kernel);
    const tarball = name && (await readKept(folder, name));
    if (tarball) {
      const promised = isPromised(await reader.catalog(), kernel, tarball, reader.name);
      yield { kernel, tarball, promised };
    } else if (!next.done && next.value.kernel === kernel) {
      await keep(reader, folder, next.value);
      yield next.value;
      next = await fetched.next();
    }
  }
}

async function keep(reader: ArchiveReader, folder: string, one: ArchivedTarball): Promise<void> {
  const name = await reader.identify(one.kernel);
  if (name !== undefined) await replaceFile(join(folder, name), one.tarball);
}

async function readKept(folder: string, name: string): Promise<Buffer | undefined> {
  try {
    const bytes = await readFile(join(folder, name));
    return isNamed(name, bytes) ? bytes : undefined;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Git hashes a blob with its kind and length in front (gitformat-loose, git-hash-object(1)). */
function isNamed(name: string, bytes: Buffer): boolean {
  const [kind, sum = ''] = name.split('-');
  const hash = createHash(kind === 'git' && sum.length === 40 ? 'sha1' : 'sha256');
  if (kind === 'git') hash.update(`blob ${bytes.length}\0`);
  return hash.update(bytes).digest('hex') === sum;
}

/** Takes away what is kept of other kernels than these. */
export async function removeOthers(
  reader: ArchiveReader,
  folder: string,
  kernels: readonly KernelName[],
): Promise<void> {
  const wanted = new Set(await Promise.all(kernels.map((kernel) => reader.identify(kernel))));
  const names = await readdir(folder);
  const ours = names.filter((name) => /^(git|sha256)-[0-9a-f]+$/.test(name));
  await Promise.all(ours.filter((name) => !wanted.has(name)).map((name) => rm(join(folder, name))));
}

/** A name for the tarballs of these kernels together: the same as long as each has the same bytes. */
export async function cacheKey(
  reader: ArchiveReader,
  kernels: readonly KernelName[],
): Promise<string> {
  const names = await Promise.all(kernels.map((kernel) => reader.identify(kernel)));
  const sum = sha256(names.join('\n'));
  return `btfhub-archive-${sum.slice(0, 32)}`;
}
