import { corrupt } from './corrupt.ts';
import { type Header, quoted } from './header.ts';
import { DIGEST_ALGORITHMS, type Digest, type DigestAlgorithm, TAG } from './tags.ts';

/** What no package reaches, and what keeps a hostile list of names from filling the memory. */
const MAX_PATH = 4096;
const MAX_ALL_PATHS = 64 * 1024 * 1024;

const FILE_FLAG_GHOST = 1 << 6;
const KINDS = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
] as const);

/** A file as the header lists it. */
export interface PackageFile {
  /** Its place in the list, which a stripped cpio refers to. */
  readonly index: number;
  /** Absolute, e.g. `/usr/lib/debug/lib/modules/<uname -r>/vmlinux`; in source packages a bare name. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Type and permissions, as `st_mode` has them. */
  readonly mode: number;
  /** Bytes of the file, or of a symlink's target; directories have a size that means nothing. */
  readonly size: number;
  /** Of regular files only. */
  readonly digest: Digest | undefined;
  /** Where a symlink points. */
  readonly linkTo: string | undefined;
  /** Owned by the package but not in its payload. */
  readonly ghost: boolean;
  /** The indexes of all names of this file, its own among them, in order: more than one for hard links. */
  readonly links: readonly number[];
}

/** The path that a member's name stands for: payloads have `./usr/...`, old ones `usr/...`, headers `/usr/...`. */
export function pathOfMember(name: string): string {
  return name.replace(/^\.?\/*/, '/');
}

/**
 * The files of a package, in the header's order. The payload's is the same but for hard links, or where another program wrote it.
 * @param source whether it is a source package, whose files have bare names.
 * Throws `corrupt-package` when the lists disagree in length, a name is not one (`..`, relative, absurd), or comes twice.
 */
export function packageFiles(header: Header, source: boolean): PackageFile[] {
  const paths = filePaths(header, source);
  const list = <T>(tag: number, values: T[]): T[] => {
    if (values.length !== paths.length) {
      throw corrupt(
        `The header lists ${paths.length} files, but its tag ${tag} has ${values.length} values.`,
      );
    }
    return values;
  };
  const numbers = (tag: number) => list(tag, header.numbers(tag));
  const sizesTag = header.has(TAG.longFileSizes) ? TAG.longFileSizes : TAG.fileSizes;
  const sizes = numbers(sizesTag);
  const modes = numbers(TAG.fileModes);
  const flags = header.has(TAG.fileFlags) ? numbers(TAG.fileFlags) : [];
  const digests = header.has(TAG.fileDigests)
    ? list(TAG.fileDigests, header.strings(TAG.fileDigests))
    : [];
  const linkTos = header.has(TAG.fileLinkTos)
    ? list(TAG.fileLinkTos, header.strings(TAG.fileLinkTos))
    : [];
  const algorithm = DIGEST_ALGORITHMS.get(header.number(TAG.fileDigestAlgorithm) ?? 1);

  const files = paths.map((path, index): PackageFile => {
    const mode = modes[index] ?? 0;
    const kind = KINDS.get((mode & 0o170000) as 0o100000) ?? 'other';
    return {
      index,
      path,
      kind,
      mode,
      size: sizes[index] ?? 0,
      digest: kind === 'file' ? asDigest(digests[index], algorithm, path) : undefined,
      linkTo: kind === 'symlink' ? linkTos[index] : undefined,
      ghost: ((flags[index] ?? 0) & FILE_FLAG_GHOST) !== 0,
      links: [index],
    };
  });
  return withHardLinks(files, header);
}

function filePaths(header: Header, source: boolean): string[] {
  const namesTag = header.has(TAG.baseNames) ? TAG.baseNames : TAG.oldFileNames;
  const names = header.strings(namesTag);
  const paths = namesTag === TAG.oldFileNames ? names : joined(header, names);
  const seen = new Set<string>();
  let total = 0;
  for (const path of paths) {
    total += path.length;
    if (path.length > MAX_PATH || total > MAX_ALL_PATHS)
      throw corrupt('The header has file names of absurd length.');
    checkPath(path, source);
    if (seen.has(path)) throw corrupt(`The header lists the file ${quoted(path)} twice.`);
    seen.add(path);
  }
  return paths;
}

function joined(header: Header, names: string[]): string[] {
  const folders = header.strings(TAG.dirNames);
  const indexes = header.numbers(TAG.dirIndexes);
  if (indexes.length !== names.length) {
    throw corrupt(`The header lists ${names.length} files, but the folders of ${indexes.length}.`);
  }
  let total = 0;
  return names.map((name, index) => {
    const folder = folders[indexes[index] ?? -1];
    if (folder === undefined) {
      throw corrupt(
        `The header puts the file ${quoted(name)} into folder ${indexes[index]} of ${folders.length}.`,
      );
    }
    total += folder.length + name.length;
    if (total > MAX_ALL_PATHS) throw corrupt('The header has file names of absurd length.');
    return folder + name;
  });
}

function checkPath(path: string, source: boolean): void {
  const shaped = path.startsWith('/') || (source && path !== '' && !path.includes('/'));
  if (!shaped || /(?:^|\/)\.\.(?:\/|$)/.test(path)) {
    throw corrupt(
      `The header lists the file ${quoted(path)}, which is not a path that a package may have.`,
    );
  }
}

function asDigest(
  hex: string | undefined,
  algorithm: DigestAlgorithm | undefined,
  path: string,
): Digest | undefined {
  // Ghosts, and files that the packager did not have at hand, have an empty one.
  if (!hex || algorithm === undefined) return undefined;
  if (!/^(?:[0-9a-f]{2}){16,64}$/i.test(hex)) {
    throw corrupt(`The header's digest of the file ${quoted(path)} is no hexadecimal number.`);
  }
  return { algorithm, hex: hex.toLowerCase() };
}

/** Regular files of one device and inode are one file with several names. */
function withHardLinks(files: PackageFile[], header: Header): PackageFile[] {
  const inodes = header.numbers(TAG.fileInodes);
  const devices = header.numbers(TAG.fileDevices);
  const names = new Map<string, number[]>();
  for (const file of files) {
    const inode = inodes[file.index];
    if (file.kind !== 'file' || file.ghost || !inode) continue;
    const key = `${devices[file.index]}:${inode}`;
    const known = names.get(key);
    if (known === undefined) names.set(key, [file.index]);
    else known.push(file.index);
  }
  const result = [...files];
  for (const links of names.values()) {
    if (links.length > 1) {
      for (const index of links) result[index] = { ...(files[index] as PackageFile), links };
    }
  }
  return result;
}
