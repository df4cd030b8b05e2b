import type { BtfType } from '../format.ts';
import {
  accessSize,
  CLASS,
  classOf,
  type Instruction,
  LOAD_IMMEDIATE_64,
  REGISTER_OPERAND,
  withAccessSize,
} from './instruction.ts';
import type { Resolution } from './resolve.ts';
import { describeSpec } from './spec.ts';
import { RelocationError, type TypeCache } from './types.ts';

type Resolved = Extract<Resolution, { status: 'value' }>;

/**
 * Writes the value of a relocation into the instruction at `index` (bpf_core_patch_insn), and into the
 * next one for a 64-bit constant. Returns the result: where it is no value, nothing is changed.
 */
export function patch(
  instructions: Instruction[],
  index: number,
  resolved: Resolved,
  kernel: TypeCache,
): Resolution {
  const what = describeSpec(resolved.spec);
  try {
    const instruction = instructions[index];
    if (instruction === undefined) throw new RelocationError('it is at no instruction');
    switch (classOf(instruction)) {
      case CLASS.ALU:
      case CLASS.ALU64:
        if ((instruction.code & REGISTER_OPERAND) !== 0)
          throw new RelocationError('it has no constant');
        requireOriginal(resolved, BigInt(instruction.immediate));
        instructions[index] = { ...instruction, immediate: low32(resolved.value.value) };
        return resolved;
      case CLASS.LDX:
      case CLASS.ST:
      case CLASS.STX: {
        const moved = patchAccess(instruction, resolved, kernel);
        if (moved !== undefined) {
          instructions[index] = moved;
          return resolved;
        }
        const detail = `it has ${resolved.value.access?.size} bytes here, and ${resolved.original.access?.size} there`;
        return { status: 'poisoned', problem: { why: 'other-size', what, detail } };
      }
      default:
        patchWide(instructions, index, instruction, resolved);
        return resolved;
    }
  } catch (error) {
    if (!(error instanceof RelocationError)) throw error;
    return { status: 'refused', problem: { why: 'refused', what, detail: error.message } };
  }
}

/** Throws when the compiler's number differs from what the object's own types give. */
function requireOriginal({ original }: Resolved, found: bigint): void {
  const expected = original.value;
  if (original.validate && BigInt.asUintN(64, found) !== expected) {
    throw new RelocationError(`its instruction holds ${found} where its types give ${expected}`);
  }
}

/** The load or store with the new offset and size; undefined where it would read a wrong value. */
function patchAccess(
  instruction: Instruction,
  resolved: Resolved,
  kernel: TypeCache,
): Instruction | undefined {
  const { original, value, spec } = resolved;
  requireOriginal(resolved, BigInt(instruction.offset));
  if (value.value > 0x7fffn) throw new RelocationError(`its offset ${value.value} is too large`);
  const before = original.access;
  const after = value.access;
  const sizes = [before?.size ?? 0, after?.size ?? 0] as const;
  const moved = { ...instruction, offset: Number(value.value) };
  if (sizes[0] === sizes[1]) return moved;
  const types = [spec.types.type(before?.type ?? 0), kernel.type(after?.type ?? 0)] as const;
  if (!canWiden(...types)) return undefined;
  if (accessSize(instruction) !== sizes[0]) {
    throw new RelocationError(
      `its instruction moves ${accessSize(instruction)} bytes of ${sizes[0]}`,
    );
  }
  const resized = withAccessSize(moved, sizes[1]);
  if (resized === undefined) throw new RelocationError(`no instruction moves ${sizes[1]} bytes`);
  return resized;
}

/** Pointers and unsigned integers keep their value when they are read with another size. */
function canWiden(before: BtfType, after: BtfType): boolean {
  if (before.kind === 'PTR' && after.kind === 'PTR') return true;
  const unsigned = (type: BtfType) => type.kind === 'INT' && type.encoding !== 'SIGNED';
  return unsigned(before) && unsigned(after);
}

function patchWide(
  instructions: Instruction[],
  index: number,
  instruction: Instruction,
  resolved: Resolved,
): void {
  const next = instructions[index + 1];
  const plain = instruction.source === 0 && instruction.offset === 0;
  if (instruction.code !== LOAD_IMMEDIATE_64 || !plain || next === undefined || next.code !== 0) {
    throw new RelocationError(
      `it is at an instruction that cannot be relocated (code ${instruction.code})`,
    );
  }
  const { value } = resolved.value;
  const found = BigInt.asUintN(32, BigInt(instruction.immediate)) | (BigInt(next.immediate) << 32n);
  requireOriginal(resolved, found);
  instructions[index] = { ...instruction, immediate: low32(value) };
  instructions[index + 1] = { ...next, immediate: low32(value >> 32n) };
}

function low32(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}
