import { createHash } from 'node:crypto';
import { link, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'fflate';
import { Header } from 'tar';
import type { KernelName } from '../../archive/layout.ts';
import { Failure, isSystemError } from '../../failure.ts';
import { writeWhole } from '../install/write.ts';

/**
 * How the files are named. `bpf-compatible`: as its library asks for them on the running machine, by
 * ID, VERSION_ID and `uname -m`. `plain`: the same without the folder in front.
 */
export const LAYOUTS = ['bpf-compatible', 'plain'] as const;
export type Layout = (typeof LAYOUTS)[number];

export interface Entry {
  /** The library of bpf-compatible compares it as it stands, `./` and all. */
  readonly path: string;
  readonly content: Buffer;
}

export function pathIn(layout: Layout, kernel: KernelName): string {
  const { distribution, versionId, arch, uname } = kernel;
  const path = `${distribution}/${versionId}/${arch}/${uname}.btf`;
  return layout === 'plain' ? path : `./btfhub-archive/${path}`;
}

const BLOCK = 512;
const MODE = 0o444;

/**
 * A tar.gz, the same bytes for the same entries on any machine. Equal files lie next to each other,
 * so that gzip has the earlier one in its window; in the plain layout the later ones are hard links.
 * bpf-compatible's library takes the bytes behind an entry's header and follows no link
 * (bpf-compatible-sys/src/lib.rs), so for it every file is whole.
 */
export function packTar(layout: Layout, entries: readonly Entry[]): Uint8Array {
  const blocks: Buffer[] = [];
  for (const group of groupEqual(entries)) {
    for (const [index, { path, content }] of group.entries()) {
      const first = group[0] as Entry;
      if (index > 0 && layout === 'plain') blocks.push(header(path, 0, first.path));
      else blocks.push(header(path, content.length), content, padding(content.length));
    }
  }
  blocks.push(Buffer.alloc(2 * BLOCK));
  // Node's own zlib gives other bytes on other processors.
  return gzipSync(Buffer.concat(blocks), { level: 9, mtime: 0 });
}

/** Entries by content, sorted by the first path of each. */
function groupEqual(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries.toSorted((one, two) => (one.path < two.path ? -1 : 1))) {
    const sum = createHash('sha256').update(entry.content).digest('hex');
    const group = groups.get(sum) ?? [];
    group.push(entry);
    groups.set(sum, group);
  }
  return [...groups.values()];
}

/** How many different contents there are. */
export function countDifferent(entries: readonly Entry[]): number {
  return groupEqual(entries).length;
}

function header(path: string, size: number, target?: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  const made = new Header({
    ...{ path, size, mode: MODE, uid: 0, gid: 0, mtime: new Date(0) },
    ...(target === undefined ? { type: 'File' } : { type: 'Link', linkpath: target }),
  });
  // The reader looks at this header alone, so a name that needs an extended one would be lost on it.
  if (made.encode(block)) throw new Failure('internal', `${path} does not fit a tar header.`);
  return block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Throws `usage` unless the folder is empty or can be made: files of an earlier run would be shipped too. */
export async function requireEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  if (names.length === 0) return;
  throw new Failure(
    'usage',
    `The folder ${folder} is not empty.`,
    'Empty it, or name another one: what else is in it would be shipped too.',
  );
}

/** Writes the entries below a folder; equal files are one file with several names. */
export async function writeFolder(folder: string, entries: readonly Entry[]): Promise<void> {
  for (const group of groupEqual(entries)) {
    let first: string | undefined;
    for (const { path, content } of group) {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      if (first === undefined) await writeWhole(file, content, 0o644);
      else await link(first, file);
      first ??= file;
    }
  }
}
