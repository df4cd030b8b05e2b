import { Failure } from '../../failure.ts';
import { type Relocation, readRelocations } from '../btf-ext.ts';
import { type ByteSource, type Elf, readElf, readSectionBytes, type Section } from '../elf.ts';
import { Btf } from '../reader.ts';
import { decodeInstructions, INSTRUCTION_SIZE, type Instruction } from './instruction.ts';
import { type CodeReference, type ElfSymbol, readReferences, readSymbols } from './symbols.ts';
import { TypeCache } from './types.ts';

/** A section of instructions. */
export interface CodeSection {
  /** Its number in the ELF file. */
  readonly section: number;
  readonly name: string;
  readonly instructions: readonly Instruction[];
  /** By the number of the instruction. */
  readonly references: ReadonlyMap<number, CodeReference>;
  /** Where functions begin and end, as numbers of instructions. */
  readonly functions: readonly BpfFunction[];
}

export interface BpfFunction {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Verified for itself, whatever it is called with. */
  readonly isGlobal: boolean;
}

/** An eBPF object as clang and bpftool write them, as far as CO-RE is concerned. */
export interface BpfObject {
  readonly name: string;
  readonly types: TypeCache;
  readonly relocations: readonly Relocation[];
  readonly code: readonly CodeSection[];
  /** Data that programs may read and nobody may write, by section number. */
  readonly constants: ReadonlyMap<number, Buffer>;
}

/** `EM_BPF` */
const MACHINE = 247;
const SHT_PROGBITS = 1;
const SHF_WRITE = 1;
const SHF_EXECINSTR = 4;
/** Far above the limit of a million instructions in a program. */
const MAX_SECTION_BYTES = 64 * 1024 * 1024;

/**
 * Reads an eBPF object: its types, CO-RE relocations and instructions. Throws `bad-elf` for what is
 * no eBPF object, and `bad-btf` where it has no BTF or a broken one.
 */
export async function readObject(source: ByteSource): Promise<BpfObject> {
  const { name } = source;
  const elf = await readElf(source);
  if (elf.machine !== MACHINE) {
    throw new Failure(
      'bad-elf',
      `${name} is not an eBPF object: its machine is ${elf.machine}.`,
      "Give it the output of 'clang -target bpf -g -O2 -c'.",
    );
  }
  const bytesOf = (section: Section) => readSectionBytes(source, section, MAX_SECTION_BYTES);
  const named = (wanted: string) => elf.sections.find((section) => section.name === wanted);
  const [btfSection, extSection] = [named('.BTF'), named('.BTF.ext')];
  if (btfSection === undefined || extSection === undefined) {
    throw new Failure(
      'bad-btf',
      `${name} has no ${btfSection === undefined ? '.BTF' : '.BTF.ext'} section, so that nothing can be said of it.`,
      "Compile it with 'clang -g', and strip only DWARF ('llvm-strip -g').",
    );
  }
  const btf = new Btf(await bytesOf(btfSection));
  const relocations = readRelocations(await bytesOf(extSection), btf);
  const symbols = await readSymbols(source, elf);
  const code: CodeSection[] = [];
  const constants = new Map<number, Buffer>();
  for (const section of elf.sections) {
    if (section.type !== SHT_PROGBITS || section.size === 0) continue;
    if ((section.flags & SHF_EXECINSTR) !== 0) {
      code.push(await readCode(source, elf, section, symbols));
    } else if ((section.flags & SHF_WRITE) === 0 && section.name.startsWith('.rodata')) {
      constants.set(section.index, await bytesOf(section));
    }
  }
  return { name, types: new TypeCache(btf, 8), relocations, code, constants };
}

async function readCode(
  source: ByteSource,
  elf: Elf,
  section: Section,
  symbols: readonly ElfSymbol[],
): Promise<CodeSection> {
  const bytes = await readSectionBytes(source, section, MAX_SECTION_BYTES);
  const functions = symbols
    .filter((symbol) => symbol.isFunction && symbol.section === section.index && symbol.size > 0)
    .map(({ name, value, size, isGlobal }) => ({
      ...{
        name,
        start: value / INSTRUCTION_SIZE,
        end: (value + size) / INSTRUCTION_SIZE,
        isGlobal,
      },
    }))
    .sort((left, right) => left.start - right.start);
  return {
    ...{ section: section.index, name: section.name, functions },
    instructions: decodeInstructions(bytes, elf.byteOrder),
    references: await readReferences(source, elf, section, symbols),
  };
}
