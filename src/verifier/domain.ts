import { CLASS, classOf, type Instruction, REGISTER_OPERAND } from '../btf/core/instruction.ts';

/** What is known about a register or a stack slot on all paths to an instruction. */
export type AbstractValue =
  | { readonly kind: 'unknown' }
  /** Unsigned, 64 bits. */
  | { readonly kind: 'constant'; readonly value: bigint }
  /** An address in the stack of a frame, by its number; the offset is undefined where it is not known. */
  | { readonly kind: 'stack'; readonly frame: number; readonly offset: number | undefined }
  /** An address in a section of the object, by its number, or in an extern of the loader, by its name. */
  | { readonly kind: 'data'; readonly section: number | string; readonly offset: number };

export const UNKNOWN: AbstractValue = { kind: 'unknown' };

export function constant(value: bigint): AbstractValue {
  return { kind: 'constant', value: BigInt.asUintN(64, value) };
}

export function equalValues(left: AbstractValue, right: AbstractValue): boolean {
  if (left === right) return true;
  switch (left.kind) {
    case 'unknown':
      return right.kind === 'unknown';
    case 'constant':
      return right.kind === 'constant' && left.value === right.value;
    case 'stack':
      return right.kind === 'stack' && left.frame === right.frame && left.offset === right.offset;
    case 'data':
      return (
        right.kind === 'data' && left.section === right.section && left.offset === right.offset
      );
  }
}

/** What is known where two paths come together. */
export function join(left: AbstractValue, right: AbstractValue): AbstractValue {
  if (equalValues(left, right)) return left;
  const isOneFrame = left.kind === 'stack' && right.kind === 'stack' && left.frame === right.frame;
  return isOneFrame ? { kind: 'stack', frame: left.frame, offset: undefined } : UNKNOWN;
}

/** The operations of ALU and ALU64 by the upper four bits of the code (RFC 9669, section 4.1). */
const [ADD, SUB, MUL, DIV, OR, AND] = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50];
const [LSH, RSH, NEG, MOD, XOR, MOV, ARSH, END] = [0x60, 0x70, 0x80, 0x90, 0xa0, 0xb0, 0xc0, 0xd0];

/** What the destination holds after an instruction of ALU or ALU64. */
export function evaluateAlu(
  instruction: Instruction,
  destination: AbstractValue,
  source: AbstractValue,
): AbstractValue {
  const operation = instruction.code & 0xf0;
  const bits = classOf(instruction) === CLASS.ALU64 ? 64 : 32;
  const operand =
    (instruction.code & REGISTER_OPERAND) === 0 ? constant(BigInt(instruction.immediate)) : source;
  // Byte swaps have their width in the constant, and no guard uses them.
  if (operation === END) return UNKNOWN;
  if (operation === MOV) return moved(instruction, operand, bits);
  if (bits === 64 && (operation === ADD || operation === SUB)) {
    const shifted = addToPointer(destination, operand, operation === ADD ? 1 : -1);
    if (shifted !== undefined) return shifted;
  }
  const isZero = [destination, operand].some(
    (one) => one.kind === 'constant' && low(one.value, bits) === 0n,
  );
  if (isZero && (operation === AND || operation === MUL)) return constant(0n);
  if (destination.kind === 'constant' && operation === NEG) {
    return constant(low(-destination.value, bits));
  }
  if (destination.kind !== 'constant' || operand.kind !== 'constant') return UNKNOWN;
  const result = arithmetic(
    operation,
    low(destination.value, bits),
    low(operand.value, bits),
    bits,
    instruction.offset !== 0,
  );
  return result === undefined ? UNKNOWN : constant(low(result, bits));
}

/** A move: of 64 bits, of the lower 32, or (with an offset) of 8, 16 or 32 bits with sign extension. */
function moved({ offset }: Instruction, operand: AbstractValue, bits: number): AbstractValue {
  if (bits === 64 && offset === 0) return operand;
  if (operand.kind !== 'constant' || ![0, 8, 16, 32].includes(offset)) return UNKNOWN;
  const value = offset === 0 ? operand.value : BigInt.asIntN(offset, operand.value);
  return constant(low(value, bits));
}

/** An address plus or minus a number; undefined where neither operand is an address. */
function addToPointer(
  left: AbstractValue,
  right: AbstractValue,
  sign: 1 | -1,
): AbstractValue | undefined {
  const [base, by] = left.kind === 'constant' && sign === 1 ? [right, left] : [left, right];
  if (base.kind === 'stack') {
    const known = by.kind === 'constant' && base.offset !== undefined;
    return {
      kind: 'stack',
      frame: base.frame,
      offset: known ? (base.offset ?? 0) + sign * Number(BigInt.asIntN(64, by.value)) : undefined,
    };
  }
  if (base.kind !== 'data') return undefined;
  if (by.kind !== 'constant') return UNKNOWN;
  return { ...base, offset: base.offset + sign * Number(BigInt.asIntN(64, by.value)) };
}

function arithmetic(
  operation: number,
  left: bigint,
  right: bigint,
  bits: number,
  signed: boolean,
): bigint | undefined {
  const by = right & BigInt(bits - 1);
  switch (operation) {
    case ADD:
      return left + right;
    case SUB:
      return left - right;
    case MUL:
      return left * right;
    case OR:
      return left | right;
    case AND:
      return left & right;
    case XOR:
      return left ^ right;
    case LSH:
      return left << by;
    case RSH:
      return left >> by;
    case ARSH:
      return BigInt.asIntN(bits, left) >> by;
    case DIV:
      if (signed) return undefined;
      return right === 0n ? 0n : left / right;
    case MOD:
      if (signed) return undefined;
      return right === 0n ? left : left % right;
    default:
      return undefined;
  }
}

/** The comparisons of JMP and JMP32 by the upper four bits of the code (RFC 9669, section 4.3). */
const COMPARISONS: Readonly<
  Record<number, (left: bigint, right: bigint, bits: number) => boolean>
> = {
  16: (left, right) => left === right,
  32: (left, right) => left > right,
  48: (left, right) => left >= right,
  64: (left, right) => (left & right) !== 0n,
  80: (left, right) => left !== right,
  96: (left, right, bits) => BigInt.asIntN(bits, left) > BigInt.asIntN(bits, right),
  112: (left, right, bits) => BigInt.asIntN(bits, left) >= BigInt.asIntN(bits, right),
  160: (left, right) => left < right,
  176: (left, right) => left <= right,
  192: (left, right, bits) => BigInt.asIntN(bits, left) < BigInt.asIntN(bits, right),
  208: (left, right, bits) => BigInt.asIntN(bits, left) <= BigInt.asIntN(bits, right),
};
const EQUAL = 0x10;
const NOT_EQUAL = 0x50;

/** Whether a conditional jump is taken; undefined where that is not known. */
export function evaluateBranch(
  instruction: Instruction,
  left: AbstractValue,
  right: AbstractValue,
): boolean | undefined {
  const operation = instruction.code & 0xf0;
  const bits = classOf(instruction) === CLASS.JMP ? 64 : 32;
  if (left.kind === 'constant' && right.kind === 'constant') {
    return COMPARISONS[operation]?.(low(left.value, bits), low(right.value, bits), bits);
  }
  // No address is zero.
  const isAddress = left.kind === 'stack' || left.kind === 'data';
  if (isAddress && bits === 64 && right.kind === 'constant' && right.value === 0n) {
    if (operation === EQUAL) return false;
    if (operation === NOT_EQUAL) return true;
  }
  return undefined;
}

/** On which side of a comparison with a constant the register must hold that constant. */
export function equalWhen({ code }: Instruction): 'taken' | 'not-taken' | undefined {
  if ((code & 7) !== CLASS.JMP) return undefined;
  if ((code & 0xf0) === EQUAL) return 'taken';
  return (code & 0xf0) === NOT_EQUAL ? 'not-taken' : undefined;
}

function low(value: bigint, bits: number): bigint {
  return BigInt.asUintN(bits, value);
}
