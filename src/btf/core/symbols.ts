import { type ByteSource, type Elf, readSectionBytes, type Section } from '../elf.ts';

/** An entry of the ELF symbol table. */
export interface ElfSymbol {
  readonly name: string;
  readonly isFunction: boolean;
  /** Visible to other objects: not static, and not hidden. */
  readonly isGlobal: boolean;
  readonly isWeak: boolean;
  /** 0 where it is an extern. */
  readonly section: number;
  /** Its offset in its section, in bytes. */
  readonly value: number;
  readonly size: number;
}

/** What the ELF relocation of an instruction, or of data, refers to. */
export type CodeReference =
  | { readonly kind: 'section'; readonly section: number; readonly offset: number }
  /** What the loader provides: `LINUX_KERNEL_VERSION`, a kernel function or variable. */
  | { readonly kind: 'extern'; readonly name: string };

const SHT_SYMTAB = 2;
const SHT_REL = 9;
const SYMBOL_SIZE = 24;
const REL_SIZE = 16;
const STT_FUNC = 2;
const [STB_LOCAL, STB_WEAK] = [0, 2];
const STV_DEFAULT = 0;
const MAX_SECTION_BYTES = 64 * 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export async function readSymbols(
  source: ByteSource<Uint8Array>,
  elf: Elf,
): Promise<readonly ElfSymbol[]> {
  const table = elf.sections.find((section) => section.type === SHT_SYMTAB);
  const strings = table && elf.sections[table.link];
  if (table === undefined || strings === undefined) return [];
  const bytes = await readSectionBytes(source, table, MAX_SECTION_BYTES);
  const names = await readSectionBytes(source, strings, MAX_SECTION_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = elf.byteOrder === 'little';
  return Array.from({ length: Math.floor(bytes.length / SYMBOL_SIZE) }, (_, index) => {
    const at = index * SYMBOL_SIZE;
    const start = Math.min(view.getUint32(at, little), names.length);
    const end = names.indexOf(0, start);
    return {
      name: utf8.decode(names.subarray(start, end < 0 ? names.length : end)),
      isFunction: (view.getUint8(at + 4) & 15) === STT_FUNC,
      isGlobal:
        view.getUint8(at + 4) >> 4 !== STB_LOCAL && (view.getUint8(at + 5) & 3) === STV_DEFAULT,
      isWeak: view.getUint8(at + 4) >> 4 === STB_WEAK,
      section: view.getUint16(at + 6, little),
      value: Number(view.getBigUint64(at + 8, little)),
      size: Number(view.getBigUint64(at + 16, little)),
    };
  });
}

/** What a section refers to, by the offset in bytes. */
export async function readReferences(
  source: ByteSource<Uint8Array>,
  elf: Elf,
  target: Section,
  symbols: readonly ElfSymbol[],
): Promise<ReadonlyMap<number, CodeReference>> {
  const references = new Map<number, CodeReference>();
  const little = elf.byteOrder === 'little';
  for (const section of elf.sections) {
    if (section.type !== SHT_REL || section.info !== target.index) continue;
    const bytes = await readSectionBytes(source, section, MAX_SECTION_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + REL_SIZE <= bytes.length; at += REL_SIZE) {
      const offset = Number(view.getBigUint64(at, little));
      const symbol = symbols[Number(view.getBigUint64(at + 8, little) >> 32n)];
      if (symbol === undefined) continue;
      references.set(
        offset,
        symbol.section === 0
          ? { kind: 'extern', name: symbol.name }
          : { kind: 'section', section: symbol.section, offset: symbol.value },
      );
    }
  }
  return references;
}
