import { ANYTHING, type Known, meet, sameKnown } from './known.ts';

export const FRAME_POINTER = 10;
/** Eleven, and those that four bits can name besides. */
const REGISTERS = 16;

interface Slot {
  readonly size: number;
  readonly known: Known;
}

/** What is known before an instruction: of the registers, and of what was put on the stack. */
export class State {
  readonly registers: Known[];
  /** By the offset from the frame pointer. Slots never overlap. */
  readonly #stack: Map<number, Slot>;
  /** Whether an address of the stack may lie in memory or in what is not known. */
  #escaped: boolean;

  private constructor(registers: Known[], stack: Map<number, Slot>, escaped: boolean) {
    this.registers = registers;
    this.#stack = stack;
    this.#escaped = escaped;
  }

  /** At the beginning of a function. */
  static atEntry(args: readonly Known[] = []): State {
    const registers = Array.from({ length: REGISTERS }, () => ANYTHING);
    for (const [index, known] of args.entries()) registers[index + 1] = known;
    registers[FRAME_POINTER] = { is: 'stack', offset: 0 };
    return new State(registers, new Map(), false);
  }

  copy(): State {
    return new State([...this.registers], new Map(this.#stack), this.#escaped);
  }

  get(register: number): Known {
    return this.registers[register] ?? ANYTHING;
  }

  set(register: number, known: Known): void {
    this.registers[register] = known;
  }

  load(address: Known, size: number): Known {
    if (address.is !== 'stack' || address.offset === undefined) return ANYTHING;
    const slot = this.#stack.get(address.offset);
    return slot?.size === size ? slot.known : ANYTHING;
  }

  store(address: Known, size: number, known: Known): void {
    if (known.is === 'stack') this.#escaped = true;
    if (address.is === 'stack' && address.offset !== undefined) {
      this.#forget(address.offset, address.offset + size);
      this.#stack.set(address.offset, { size, known });
    } else {
      this.forgetAt(address);
    }
  }

  /** Something may have been written from that address on (stacks grow down, buffers up). */
  forgetAt(address: Known, length = Number.POSITIVE_INFINITY): void {
    if (address.is === 'stack') {
      const known = address.offset !== undefined;
      const start = address.offset ?? Number.NEGATIVE_INFINITY;
      this.#forget(start, known ? start + length : Number.POSITIVE_INFINITY);
    } else if (address.is === 'anything' && this.#escaped) {
      this.#stack.clear();
    }
  }

  /** Somebody has had the address, and may have kept it. */
  forgetAll(): void {
    this.#stack.clear();
    this.#escaped = true;
  }

  /** Takes in what is known on another way to the same place; whether that changed anything. */
  merge(other: State): boolean {
    let changed = other.#escaped && !this.#escaped;
    this.#escaped ||= other.#escaped;
    for (const [register, known] of this.registers.entries()) {
      const met = meet(known, other.get(register));
      if (sameKnown(met, known)) continue;
      // An address that is forgotten is still somewhere.
      if (met.is === 'anything' && [known, other.get(register)].some((one) => one.is === 'stack')) {
        this.#escaped = true;
      }
      this.registers[register] = met;
      changed = true;
    }
    for (const [offset, slot] of this.#stack) {
      const theirs = other.#stack.get(offset);
      const met = theirs?.size === slot.size ? meet(slot.known, theirs.known) : ANYTHING;
      if (sameKnown(met, slot.known)) continue;
      if (met.is === 'anything') this.#stack.delete(offset);
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
