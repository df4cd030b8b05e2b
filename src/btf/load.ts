import { Failure } from '../failure.ts';
import { type ByteSource, findSection, isElf, readElf, readSectionBytes, withFile } from './elf.ts';

/** Six times the largest kernel's; beyond it something is wrong, and memory would be. */
export const MAX_BTF_BYTES = 64 * 1024 * 1024;

/**
 * The BTF of a file: the file itself when it is raw BTF, or the `.BTF` section of an ELF file.
 * Throws `bad-btf` where an ELF file has none, `bad-elf` where it is broken, `not-found`.
 */
export function loadBtf(path: string): Promise<Buffer> {
  return withFile(path, readBtf);
}

export async function readBtf(source: ByteSource): Promise<Buffer> {
  if (await isElf(source)) {
    const section = findSection(await readElf(source), '.BTF');
    if (section === undefined) {
      throw new Failure('bad-btf', `${source.name} is an ELF file without a .BTF section.`);
    }
    return readSectionBytes(source, section, MAX_BTF_BYTES);
  }
  if (source.size > MAX_BTF_BYTES) {
    const sizes = `${source.size} bytes, and ${MAX_BTF_BYTES} is the most that is read`;
    throw new Failure('bad-btf', `${source.name} has ${sizes}.`);
  }
  return source.read(0, source.size);
}
