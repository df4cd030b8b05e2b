import { CLASS, classOf, type Instruction, REGISTER_OPERAND } from './instruction.ts';

/** What is known of the content of a register or a slot of the stack, on every way to an instruction. */
export type Known =
  | { readonly is: 'anything' }
  /** 64 bits without sign. */
  | { readonly is: 'constant'; readonly value: bigint }
  /** Somewhere in the function's own stack; undefined for not known where. */
  | { readonly is: 'stack'; readonly offset: number | undefined }
  /** In a section of the object, by its number, or in what the loader provides, by its name. */
  | { readonly is: 'data'; readonly of: number | string; readonly offset: number };

export const ANYTHING: Known = { is: 'anything' };

export function constant(value: bigint): Known {
  return { is: 'constant', value: BigInt.asUintN(64, value) };
}

export function sameKnown(left: Known, right: Known): boolean {
  if (left === right) return true;
  switch (left.is) {
    case 'anything':
      return right.is === 'anything';
    case 'constant':
      return right.is === 'constant' && left.value === right.value;
    case 'stack':
      return right.is === 'stack' && left.offset === right.offset;
    case 'data':
      return right.is === 'data' && left.of === right.of && left.offset === right.offset;
  }
}

/** What is known where two ways meet. */
export function meet(left: Known, right: Known): Known {
  if (sameKnown(left, right)) return left;
  const onStack = left.is === 'stack' && right.is === 'stack';
  return onStack ? { is: 'stack', offset: undefined } : ANYTHING;
}

/** The operations of ALU and ALU64 by the upper four bits of the code (RFC 9669, section 4.1). */
const [ADD, SUB, MUL, DIV, OR, AND] = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50];
const [LSH, RSH, NEG, MOD, XOR, MOV, ARSH, END] = [0x60, 0x70, 0x80, 0x90, 0xa0, 0xb0, 0xc0, 0xd0];

/** What the destination holds after an instruction of ALU or ALU64. */
export function calculate(instruction: Instruction, destination: Known, source: Known): Known {
  const operation = instruction.code & 0xf0;
  const bits = classOf(instruction) === CLASS.ALU64 ? 64 : 32;
  const operand =
    (instruction.code & REGISTER_OPERAND) === 0 ? constant(BigInt(instruction.immediate)) : source;
  // Byte swaps have their width in the constant, and nothing guards by them.
  if (operation === END) return ANYTHING;
  if (operation === MOV) return moved(instruction, operand, bits);
  if (bits === 64 && (operation === ADD || operation === SUB)) {
    const shifted = shift(destination, operand, operation === ADD ? 1 : -1);
    if (shifted !== undefined) return shifted;
  }
  const isZero = [destination, operand].some(
    (one) => one.is === 'constant' && low(one.value, bits) === 0n,
  );
  if (isZero && (operation === AND || operation === MUL)) return constant(0n);
  if (destination.is === 'constant' && operation === NEG) {
    return constant(low(-destination.value, bits));
  }
  if (destination.is !== 'constant' || operand.is !== 'constant') return ANYTHING;
  const result = arithmetic(
    operation,
    low(destination.value, bits),
    low(operand.value, bits),
    bits,
    instruction.offset !== 0,
  );
  return result === undefined ? ANYTHING : constant(low(result, bits));
}

/** A copy: of all, of the lower half, or (with an offset) of 8, 16 or 32 bits with their sign. */
function moved({ offset }: Instruction, operand: Known, bits: number): Known {
  if (bits === 64 && offset === 0) return operand;
  if (operand.is !== 'constant' || ![0, 8, 16, 32].includes(offset)) return ANYTHING;
  const value = offset === 0 ? operand.value : BigInt.asIntN(offset, operand.value);
  return constant(low(value, bits));
}

/** An address plus or minus a number. */
function shift(left: Known, right: Known, sign: 1 | -1): Known | undefined {
  const [base, by] = left.is === 'constant' && sign === 1 ? [right, left] : [left, right];
  if (base.is === 'stack') {
    const known = by.is === 'constant' && base.offset !== undefined;
    return {
      is: 'stack',
      offset: known ? (base.offset ?? 0) + sign * Number(BigInt.asIntN(64, by.value)) : undefined,
    };
  }
  if (base.is !== 'data') return undefined;
  if (by.is !== 'constant') return ANYTHING;
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

/** The comparisons of JMP and JMP32 (RFC 9669, section 4.3); undefined for what none of them is. */
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

/** Whether a conditional jump is taken, as far as that is known. */
export function isTaken(instruction: Instruction, left: Known, right: Known): boolean | undefined {
  const operation = instruction.code & 0xf0;
  const bits = classOf(instruction) === CLASS.JMP ? 64 : 32;
  if (left.is === 'constant' && right.is === 'constant') {
    return COMPARISONS[operation]?.(low(left.value, bits), low(right.value, bits), bits);
  }
  // No address is zero.
  const isAddress = left.is === 'stack' || left.is === 'data';
  if (isAddress && bits === 64 && right.is === 'constant' && right.value === 0n) {
    if (operation === EQUAL) return false;
    if (operation === NOT_EQUAL) return true;
  }
  return undefined;
}

/** On which side of a comparison with a constant the register is known to hold it. */
export function equalWhen({ code }: Instruction): 'taken' | 'not-taken' | undefined {
  if ((code & 7) !== CLASS.JMP) return undefined;
  if ((code & 0xf0) === EQUAL) return 'taken';
  return (code & 0xf0) === NOT_EQUAL ? 'not-taken' : undefined;
}

function low(value: bigint, bits: number): bigint {
  return BigInt.asUintN(bits, value);
}
