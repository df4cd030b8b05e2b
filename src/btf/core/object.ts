import { Failure } from '../../failure.ts';
import { type Relocation, readRelocations, readSourceLines, type SourceLine } from '../btf-ext.ts';
import { type ByteSource, type Elf, readElf, readSectionBytes, type Section } from '../elf.ts';
import { type Ksym, readKsyms } from '../lookup/ksym.ts';
import { readStructOps, type StructOpsMap } from '../lookup/struct-ops.ts';
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
  /** In the order of the section. */
  readonly functions: readonly BpfFunction[];
  /** In the order of the section; empty without line info. */
  readonly lines: readonly SourceLine[];
}

export interface BpfFunction {
  readonly name: string;
  /** Number of its first instruction in the section, and of the one after its last. */
  readonly start: number;
  readonly end: number;
  /** The verifier looks at it by itself, with unknown arguments. */
  readonly isGlobal: boolean;
}

/** An eBPF object as clang and bpftool write them: all of it that depends on the kernel. */
export interface BpfObject {
  readonly name: string;
  readonly types: TypeCache;
  readonly relocations: readonly Relocation[];
  readonly code: readonly CodeSection[];
  /** The read-only data sections, by section number. */
  readonly constants: ReadonlyMap<number, Uint8Array>;
  readonly ksyms: readonly Ksym[];
  readonly structOps: readonly StructOpsMap[];
}

/** `EM_BPF` */
const MACHINE = 247;
const SHT_PROGBITS = 1;
const SHF_WRITE = 1;
const SHF_EXECINSTR = 4;
/** A program has at most a million instructions of 8 bytes. */
const MAX_SECTION_BYTES = 64 * 1024 * 1024;

/**
 * Reads an eBPF object: its types, CO-RE relocations and instructions. Throws `bad-elf` for what is
 * no eBPF object, and `bad-btf` where it has no BTF or a broken one.
 */
export async function readObject(source: ByteSource<Uint8Array>): Promise<BpfObject> {
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
  const types = new TypeCache(btf, 8);
  const ext = await bytesOf(extSection);
  const relocations = readRelocations(ext, btf);
  const lines = readSourceLines(ext, btf);
  const symbols = await readSymbols(source, elf);
  const code: CodeSection[] = [];
  const constants = new Map<number, Uint8Array>();
  const structOps: StructOpsMap[] = [];
  for (const section of elf.sections) {
    if (section.type !== SHT_PROGBITS || section.size === 0) continue;
    if ((section.flags & SHF_EXECINSTR) !== 0) {
      const own = lines.filter((line) => line.section === section.name);
      code.push(await readCode(source, elf, section, symbols, own));
    } else if (section.name.includes('.struct_ops')) {
      const references = await readReferences(source, elf, section, symbols);
      structOps.push(...readStructOps(types, section.name, await bytesOf(section), references));
    } else if ((section.flags & SHF_WRITE) === 0 && section.name.startsWith('.rodata')) {
      constants.set(section.index, await bytesOf(section));
    }
  }
  return { name, types, relocations, code, constants, ksyms: readKsyms(types, symbols), structOps };
}

async function readCode(
  source: ByteSource<Uint8Array>,
  elf: Elf,
  section: Section,
  symbols: readonly ElfSymbol[],
  lines: readonly SourceLine[],
): Promise<CodeSection> {
  const bytes = await readSectionBytes(source, section, MAX_SECTION_BYTES);
  const functions = symbols
    .filter((symbol) => symbol.isFunction && symbol.section === section.index && symbol.size > 0)
    .map(({ name, value, size, isGlobal }) => ({
      name,
      start: value / INSTRUCTION_SIZE,
      end: (value + size) / INSTRUCTION_SIZE,
      isGlobal,
    }))
    .sort((left, right) => left.start - right.start);
  const references = await readReferences(source, elf, section, symbols);
  return {
    section: section.index,
    name: section.name,
    functions,
    lines: lines.toSorted((left, right) => left.offset - right.offset),
    instructions: decodeInstructions(bytes, elf.byteOrder),
    references: new Map(
      [...references].map(([offset, reference]) => [offset / INSTRUCTION_SIZE, reference]),
    ),
  };
}

/** The source line of an instruction, by its number in the section; undefined without line info. */
export function sourceLineOf(code: CodeSection, index: number): SourceLine | undefined {
  const owner = code.functions.find(({ start, end }) => start <= index && index < end);
  const start = (owner?.start ?? 0) * INSTRUCTION_SIZE;
  return code.lines.findLast(({ offset }) => start <= offset && offset <= index * INSTRUCTION_SIZE);
}
