import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ModuleUse } from '../../archive/record.ts';
import { checkBtf } from '../../btf/check.ts';
import { type ModuleBtf, mergeModules } from '../../btf/merge.ts';
import { makePlain } from '../../btf/plain.ts';
import { Btf } from '../../btf/reader.ts';
import { asFailure, Failure } from '../../failure.ts';
import { printable } from '../../names.ts';
import { type PackageFile, pathOfMember } from '../../rpm/files.ts';
import { selector } from '../../sources/glob.ts';
import { type PaholeContext, runPahole } from './run-pahole.ts';

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

/** A module's file with debug information, in the package and on the disk. */
export interface ModuleFile {
  /** As modprobe names it, with `_` for `-`. */
  readonly name: string;
  readonly file: PackageFile;
  /** Where it is written. */
  readonly target: string;
}

/** Nine modules have 130 MB; all of a kernel have 3 GB, more than belongs on a disk for memory. */
const MAX_MODULE_BYTES = 1024 ** 3;
const SUFFIX = '.ko.debug';

/**
 * The modules of a kernel-debuginfo package that are wanted, from the folder `kernel` beside vmlinux.
 * Of two with one name the first by path counts. Throws `usage` where they are too many bytes.
 */
export function findModules(
  files: readonly PackageFile[],
  vmlinuxPath: string,
  names: readonly string[],
  folder: string,
): readonly ModuleFile[] {
  const root = `${dirname(pathOfMember(vmlinuxPath))}/kernel/`;
  const isWanted = selector(names);
  const modules = new Map<string, ModuleFile>();
  const sorted = files.toSorted((one, two) => (one.path < two.path ? -1 : 1));
  for (const file of sorted) {
    const { path, kind, ghost } = file;
    if (kind !== 'file' || ghost || !path.startsWith(root) || !path.endsWith(SUFFIX)) continue;
    const name = basename(path, SUFFIX).replaceAll('-', '_');
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

/**
 * Encodes the BTF of modules by `pahole --btf_base`, and merges it with their kernel's. A module that
 * pahole cannot encode, or that would make a field ambiguous, is left out and named; the kernel's BTF
 * is in the result in any case. What comes out is still to be checked.
 *
 * @param base the file with the kernel's BTF
 */
export async function mergeWithModules(
  context: PaholeContext,
  base: string,
  modules: readonly ModuleFile[],
): Promise<{ readonly btf: Buffer; readonly use: Pick<ModuleUse, 'included' | 'excluded'> }> {
  const kernel = makePlain(await readFile(base));
  const kernelTypes = new Btf(kernel);
  const encoded: ModuleBtf[] = [];
  const excluded: { name: string; why: string }[] = [];
  for (const { name, target } of modules) {
    try {
      const { file } = await runPahole(context, target, () => 1, base);
      const bytes = makePlain(await readFile(file), kernelTypes);
      checkBtf(bytes, { kind: 'any' }, kernelTypes);
      encoded.push({ name, bytes });
      await rm(file);
    } catch (error) {
      context.platform.interrupted.throwIfAborted();
      const failure = asFailure(error);
      if (!isAboutModule(failure)) throw error;
      excluded.push({ name, why: `${failure.reason}: ${failure.message}` });
    }
    await rm(target, { force: true });
  }
  const merged = mergeModules(kernel, encoded);
  for (const { name, fields } of merged.excluded) {
    excluded.push({ name, why: `libbpf could not decide on ${fields.join(', ')}` });
  }
  return { btf: merged.btf, use: { included: merged.modules, excluded } };
}

/** Failures that the next module need not share. */
function isAboutModule({ reason }: Failure): boolean {
  return ['no-dwarf', 'unreadable-dwarf', 'bad-elf', 'bad-btf', 'pahole-failed'].includes(reason);
}
