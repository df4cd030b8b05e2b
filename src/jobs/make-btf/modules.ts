import { basename, join } from 'node:path';
import { Failure } from '../../failure.ts';
import { printable } from '../../names.ts';
import type { PackageFile } from '../../rpm/files.ts';
import { selector } from '../../sources/glob.ts';

/** Which modules of a kernel are merged with it, and where the merged files go. */
export interface ModulesRequest {
  /** Globs of module names, `nf_conntrack`. */
  readonly names: readonly string[];
  /** A folder of its own: the files have the same names as those without modules. */
  readonly output: string;
}

/** What eBPF programs of observability and networking ask for, where openEuler has it as a module. */
export const DEFAULT_MODULES = [
  'bonding',
  'ext4',
  'ip_vs',
  'kvm',
  'nf_conntrack',
  'nfs',
  'openvswitch',
  'overlay',
  'xfs',
] as const;

const MODULE_GLOB = /^[\w*?[\]-]{1,100}$/;

/**
 * The globs of `--modules`; undefined for none. Throws `usage` for what is no glob of module names,
 * and where `none` stands beside others.
 */
export function parseModuleNames(words: readonly string[]): readonly string[] | undefined {
  if (words.includes('none')) {
    if (words.length === 1) return undefined;
    throw new Failure('usage', "'none' of --modules stands alone.");
  }
  const names = words.flatMap((word) => (word === 'default' ? DEFAULT_MODULES : [word]));
  const wrong = names.find((name) => !MODULE_GLOB.test(name));
  if (wrong !== undefined) {
    throw new Failure(
      'usage',
      `'${printable(wrong)}' of --modules is no module's name.`,
      "Give names such as nf_conntrack, globs, 'default', or 'none'.",
    );
  }
  return [...new Set(names)].sort();
}

/** A module's file, in the package and on the disk. */
export interface ModuleFile {
  /** As modprobe names it, with `_` for `-`. */
  readonly name: string;
  readonly file: PackageFile;
  /** Where it is written. */
  readonly target: string;
}

/** Which modules to take out of a package, and the folder that they are written to. */
export interface WantedModules {
  readonly names: readonly string[];
  readonly folder: string;
}

/** Where a package has modules. */
export interface ModulesPlace {
  /** Absolute paths of folders, each with a slash at its end. */
  readonly folders: readonly string[];
  /** What follows a module's name: `.ko.debug`. */
  readonly suffixes: readonly string[];
}

/** Nine modules with debug information have 130 MB; all of a kernel have 3 GB, more than belongs on a disk for memory. */
const MAX_MODULE_BYTES = 1024 ** 3;

/**
 * The wanted modules that a package has. Of two with one name the first by path counts. Throws `usage`
 * where they are too many bytes.
 */
export function findModules(
  files: readonly PackageFile[],
  { folders, suffixes }: ModulesPlace,
  { names, folder }: WantedModules,
): readonly ModuleFile[] {
  const isWanted = selector(names);
  const modules = new Map<string, ModuleFile>();
  const sorted = files.toSorted((one, two) => (one.path < two.path ? -1 : 1));
  for (const file of sorted) {
    const { path, kind, ghost } = file;
    const suffix = suffixes.find((one) => path.endsWith(one));
    if (kind !== 'file' || ghost || suffix === undefined) continue;
    if (!folders.some((one) => path.startsWith(one))) continue;
    const name = basename(path, suffix).replaceAll('-', '_');
    if (!/^\w+$/.test(name) || modules.has(name) || !isWanted(name)) continue;
    modules.set(name, { name, file, target: join(folder, `${name}.ko`) });
  }
  const found = [...modules.values()];
  const bytes = found.reduce((sum, { file }) => sum + file.size, 0);
  if (bytes > MAX_MODULE_BYTES) {
    throw new Failure(
      'usage',
      `The ${found.length} modules that --modules names have ${bytes} bytes, and ${MAX_MODULE_BYTES} is the most.`,
      'Name fewer modules.',
    );
  }
  return found;
}
