import type { ByteOrder } from '../format.ts';

/** One eBPF instruction of 8 bytes (RFC 9669, section 3); a 64-bit load of a constant takes two. */
export interface Instruction {
  readonly code: number;
  readonly destination: number;
  readonly source: number;
  /** Signed. */
  readonly offset: number;
  /** Signed. */
  readonly immediate: number;
}

/** Where an instruction is: the number of its ELF section, and its own number in that section. */
export interface CodeAddress {
  readonly section: number;
  readonly index: number;
}

/** An address as one string: a key for sets and maps. */
export function keyOf({ section, index }: CodeAddress): string {
  return `${section}:${index}`;
}

export const INSTRUCTION_SIZE = 8;

/** The lowest three bits of the code. */
export const CLASS = {
  LD: 0,
  LDX: 1,
  ST: 2,
  STX: 3,
  ALU: 4,
  JMP: 5,
  JMP32: 6,
  ALU64: 7,
} as const;
/** `r = <64 bits>`, in two instructions. */
export const LOAD_IMMEDIATE_64 = 0x18;
/** The bit that makes the second operand a register. */
export const REGISTER_OPERAND = 0x08;

export function classOf(instruction: Instruction): number {
  return instruction.code & 7;
}

export function decodeInstructions(bytes: Uint8Array, byteOrder: ByteOrder): Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = byteOrder === 'little';
  const count = Math.floor(bytes.byteLength / INSTRUCTION_SIZE);
  return Array.from({ length: count }, (_, index) => {
    const at = index * INSTRUCTION_SIZE;
    const registers = view.getUint8(at + 1);
    const [low, high] = [registers & 15, registers >> 4];
    return {
      code: view.getUint8(at),
      ...(little ? { destination: low, source: high } : { destination: high, source: low }),
      offset: view.getInt16(at + 2, little),
      immediate: view.getInt32(at + 4, little),
    };
  });
}

const SIZES: Readonly<Record<number, number>> = { 0: 4, 8: 2, 16: 1, 24: 8 };
const SIZE_BITS = 0x18;

/** Bytes that a load or store accesses. */
export function accessSize({ code }: Instruction): number {
  return SIZES[code & SIZE_BITS] ?? 0;
}

/** The same load or store with another size; undefined where there is no such instruction. */
export function withAccessSize(instruction: Instruction, size: number): Instruction | undefined {
  const bits = Object.entries(SIZES).find(([, bytes]) => bytes === size)?.[0];
  if (bits === undefined) return undefined;
  return { ...instruction, code: (instruction.code & ~SIZE_BITS) | Number(bits) };
}
