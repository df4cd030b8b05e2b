import { type AbstractValue, equalValues, join, UNKNOWN } from './domain.ts';

export const FRAME_POINTER = 10;
/** Eleven, and those that four bits can name besides. */
const REGISTERS = 16;

interface StackSlot {
  readonly size: number;
  readonly known: AbstractValue;
}

/** What is known before an instruction: of the registers, and of what was put on the stack. */
export class AbstractState {
  readonly registers: AbstractValue[];
  /** By the offset from the frame pointer. Slots never overlap. */
  readonly #stack: Map<number, StackSlot>;
  /** Whether an address of the stack may lie in memory or in what is not known. */
  #escaped: boolean;

  private constructor(registers: AbstractValue[], stack: Map<number, StackSlot>, escaped: boolean) {
    this.registers = registers;
    this.#stack = stack;
    this.#escaped = escaped;
  }

  /** At the beginning of a function. */
  static atEntry(args: readonly AbstractValue[] = []): AbstractState {
    const registers = Array.from({ length: REGISTERS }, () => UNKNOWN);
    for (const [index, known] of args.entries()) registers[index + 1] = known;
    registers[FRAME_POINTER] = { kind: 'stack', offset: 0 };
    return new AbstractState(registers, new Map(), false);
  }

  copy(): AbstractState {
    return new AbstractState([...this.registers], new Map(this.#stack), this.#escaped);
  }

  get(register: number): AbstractValue {
    return this.registers[register] ?? UNKNOWN;
  }

  set(register: number, known: AbstractValue): void {
    this.registers[register] = known;
  }

  load(address: AbstractValue, size: number): AbstractValue {
    if (address.kind !== 'stack' || address.offset === undefined) return UNKNOWN;
    const slot = this.#stack.get(address.offset);
    return slot?.size === size ? slot.known : UNKNOWN;
  }

  store(address: AbstractValue, size: number, known: AbstractValue): void {
    if (known.kind === 'stack') this.#escaped = true;
    if (address.kind === 'stack' && address.offset !== undefined) {
      this.#forget(address.offset, address.offset + size);
      this.#stack.set(address.offset, { size, known });
    } else {
      this.forgetAt(address);
    }
  }

  /** Something may have been written from that address on (stacks grow down, buffers up). */
  forgetAt(address: AbstractValue, length = Number.POSITIVE_INFINITY): void {
    if (address.kind === 'stack') {
      const known = address.offset !== undefined;
      const start = address.offset ?? Number.NEGATIVE_INFINITY;
      this.#forget(start, known ? start + length : Number.POSITIVE_INFINITY);
    } else if (address.kind === 'anything' && this.#escaped) {
      this.#stack.clear();
    }
  }

  /** Somebody has had the address, and may have kept it. */
  forgetAll(): void {
    this.#stack.clear();
    this.#escaped = true;
  }

  /** Takes in what is known on another way to the same place; whether that changed anything. */
  joinWith(other: AbstractState): boolean {
    let changed = other.#escaped && !this.#escaped;
    this.#escaped ||= other.#escaped;
    for (const [register, known] of this.registers.entries()) {
      const met = join(known, other.get(register));
      if (equalValues(met, known)) continue;
      // An address that is forgotten is still somewhere.
      if (
        met.kind === 'anything' &&
        [known, other.get(register)].some((one) => one.kind === 'stack')
      ) {
        this.#escaped = true;
      }
      this.registers[register] = met;
      changed = true;
    }
    for (const [offset, slot] of this.#stack) {
      const theirs = other.#stack.get(offset);
      const met = theirs?.size === slot.size ? join(slot.known, theirs.known) : UNKNOWN;
      if (equalValues(met, slot.known)) continue;
      if (met.kind === 'anything') this.#stack.delete(offset);
      else this.#stack.set(offset, { ...slot, known: met });
      changed = true;
    }
    return changed;
  }

  #forget(start: number, end: number): void {
    for (const [offset, { size }] of this.#stack) {
      if (offset < end && offset + size > start) this.#stack.delete(offset);
    }
  }
}
