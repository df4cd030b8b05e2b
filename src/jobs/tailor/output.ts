import { link, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'fflate';
import type { KernelName } from '../../archive/layout.ts';
import { type FileToPack, packFiles } from '../../btf/tar.ts';
import { Failure, isSystemError } from '../../failure.ts';
import { replaceFile } from '../../platform/replace-file.ts';
import { sha256 } from '../../sha256.ts';

/**
 * How the files are named. `bpf-compatible`: as its library asks for them on the running machine, by
 * ID, VERSION_ID and `uname -m`. `plain`: the same without the folder in front.
 */
export const LAYOUTS = ['bpf-compatible', 'plain'] as const;
export type FileLayout = (typeof LAYOUTS)[number];

export interface OutputFile {
  /** The library of bpf-compatible compares it as it stands, `./` and all. */
  readonly path: string;
  readonly content: Buffer;
}

export function pathIn(layout: FileLayout, kernel: KernelName): string {
  const { distribution, versionId, arch, uname } = kernel;
  const path = `${distribution}/${versionId}/${arch}/${uname}.btf`;
  return layout === 'plain' ? path : `./btfhub-archive/${path}`;
}

/**
 * A tar.gz, the same bytes for the same files on any machine. Equal files lie next to each other, so
 * that gzip has the earlier one in its window; in the plain layout the later ones are hard links.
 * bpf-compatible's library takes the bytes behind an entry's header and follows no link
 * (bpf-compatible-sys/src/lib.rs), so for it every file is whole.
 */
export async function packTarGz(
  layout: FileLayout,
  files: readonly OutputFile[],
): Promise<Uint8Array> {
  const toPack = groupEqual(files).flatMap((group) =>
    group.map(({ path, content }, index): FileToPack => {
      const target = (group[0] as OutputFile).path;
      return index > 0 && layout === 'plain'
        ? { kind: 'link', path, target }
        : { kind: 'file', path, content };
    }),
  );
  // Node's own zlib gives other bytes on other processors.
  return gzipSync(await packFiles(toPack), { level: 9, mtime: 0 });
}

/** Files by content, sorted by the first path of each. */
function groupEqual(files: readonly OutputFile[]): readonly (readonly OutputFile[])[] {
  const groups = new Map<string, OutputFile[]>();
  for (const file of files.toSorted((one, two) => (one.path < two.path ? -1 : 1))) {
    const sum = sha256(file.content);
    const group = groups.get(sum) ?? [];
    group.push(file);
    groups.set(sum, group);
  }
  return [...groups.values()];
}

/** How many different contents there are. */
export function countDistinct(files: readonly OutputFile[]): number {
  return groupEqual(files).length;
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

/** Writes the files below a folder; equal files are one file with several names. */
export async function writeFolder(folder: string, files: readonly OutputFile[]): Promise<void> {
  for (const group of groupEqual(files)) {
    let first: string | undefined;
    for (const { path, content } of group) {
      const target = join(folder, path);
      await mkdir(dirname(target), { recursive: true });
      if (first === undefined) await replaceFile(target, content, { mode: 0o644, sync: true });
      else await link(first, target);
      first ??= target;
    }
  }
}
