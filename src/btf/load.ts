import { Failure } from '../failure.ts';
import { type ByteSource, type Elf, findSection, isElf, readElf, readSectionBytes } from './elf.ts';
import { withFile } from './file.ts';
import { checkNoLfsPointer } from './lfs.ts';

/** Six times the largest kernel's; beyond it something is wrong, and memory would be. */
export const MAX_BTF_BYTES = 64 * 1024 * 1024;

/** The BTF of a file, and for a module that is built apart from its kernel what it builds on. */
export interface BtfAndBase {
  readonly btf: Buffer;
  /**
   * The `.BTF.base` section: the distilled base of such a module, with the names and sizes of the
   * kernel's types that it uses (Documentation/bpf/btf.rst, ".BTF.base section").
   */
  readonly distilledBase: Buffer | undefined;
}

/**
 * The BTF of a file: the file itself when it is raw BTF, or the `.BTF` section of an ELF file.
 * Throws `bad-btf` where an ELF file has none, `bad-elf` where it is broken, `not-found`.
 */
export async function loadBtf(path: string): Promise<Buffer> {
  return (await withFile(path, readBtfAndBase)).btf;
}

export async function readBtf(source: ByteSource): Promise<Buffer> {
  return (await readBtfAndBase(source)).btf;
}

/** The same with the distilled base. */
export async function readBtfAndBase(source: ByteSource): Promise<BtfAndBase> {
  if (await isElf(source)) {
    const elf = await readElf(source);
    const btf = await readBtfSection(source, elf, '.BTF');
    if (btf === undefined) {
      throw new Failure('bad-btf', `${source.name} is an ELF file without a .BTF section.`);
    }
    return { btf, distilledBase: await readBtfSection(source, elf, '.BTF.base') };
  }
  if (source.size > MAX_BTF_BYTES) {
    const sizes = `${source.size} bytes, and ${MAX_BTF_BYTES} is the most that is read`;
    throw new Failure('bad-btf', `${source.name} has ${sizes}.`);
  }
  const btf = await source.read(0, source.size);
  checkNoLfsPointer(source.name, btf);
  return { btf, distilledBase: undefined };
}

async function readBtfSection(
  source: ByteSource,
  elf: Elf,
  name: string,
): Promise<Buffer | undefined> {
  const section = findSection(elf, name);
  return section === undefined ? undefined : readSectionBytes(source, section, MAX_BTF_BYTES);
}
