import { type AbstractValue, equalValues, join, UNKNOWN } from './domain.ts';

export const FRAME_POINTER = 10;
/** r0 to r10, and the numbers up to 15 that the four bits of an instruction can hold besides. */
const REGISTER_COUNT = 16;
const CALLER_SAVED = [0, 1, 2, 3, 4, 5];
const POINTER_SIZE = 8;

type StackAddress = AbstractValue & { readonly kind: 'stack' };

interface StackSlot {
  readonly size: number;
  readonly value: AbstractValue;
}

/** Registers and stack of one function call (struct bpf_func_state of the kernel). */
interface Frame {
  readonly registers: AbstractValue[];
  /** By the offset from the frame pointer. Slots never overlap. */
  readonly stack: Map<number, StackSlot>;
}

/**
 * What is known before an instruction: the frames of the running function and of its callers
 * (struct bpf_verifier_state of the kernel). A pointer to a caller's stack stays usable in the
 * functions that it is passed to.
 */
export class AbstractState {
  /** The first frame is the program's own, the last one that of the running function. */
  readonly #frames: Frame[];
  /** Frames that no other state shares, so that they can be changed in place. */
  readonly #ownFrames: Set<number>;
  /** Whether a value that is not known may be the address of a stack slot. */
  #escaped: boolean;

  private constructor(frames: Frame[], ownFrames: Set<number>, escaped: boolean) {
    this.#frames = frames;
    this.#ownFrames = ownFrames;
    this.#escaped = escaped;
  }

  /** The state before the first instruction of a program. */
  static atEntry(): AbstractState {
    return new AbstractState([newFrame(0, [])], new Set([0]), false);
  }

  /** The copy and this state share their frames until one of them changes. */
  copy(): AbstractState {
    this.#ownFrames.clear();
    return new AbstractState([...this.#frames], new Set(), this.#escaped);
  }

  /** Number of functions that are running: 1 in a program itself. */
  get depth(): number {
    return this.#frames.length;
  }

  get(register: number): AbstractValue {
    return this.#frames.at(-1)?.registers[register] ?? UNKNOWN;
  }

  set(register: number, value: AbstractValue): void {
    this.#change(this.depth - 1).registers[register] = value;
  }

  /** What a call leaves in the registers that it may change. */
  forgetCallerSaved(): void {
    for (const register of CALLER_SAVED) this.set(register, UNKNOWN);
  }

  /** Begins a function whose first arguments are these. */
  pushFrame(args: readonly AbstractValue[]): void {
    const index = this.#frames.push(newFrame(this.depth, args)) - 1;
    this.#ownFrames.add(index);
  }

  /** Ends the running function and puts its result into r0 of its caller. */
  popFrame(): void {
    const index = this.depth - 1;
    const result = this.get(0);
    this.#frames.pop();
    this.#ownFrames.delete(index);
    this.forgetCallerSaved();
    this.set(0, pointsInto(result, index) ? UNKNOWN : result);
    // No program can use an address of a stack that is gone.
    for (const [at, { stack }] of this.#frames.entries()) {
      for (const [offset, { value }] of stack) {
        if (pointsInto(value, index)) this.#change(at).stack.delete(offset);
      }
    }
  }

  load(address: AbstractValue, size: number): AbstractValue {
    if (address.kind !== 'stack' || address.offset === undefined) return UNKNOWN;
    const slot = this.#frames[address.frame]?.stack.get(address.offset);
    return slot?.size === size ? slot.value : UNKNOWN;
  }

  store(address: AbstractValue, size: number, value: AbstractValue): void {
    const isExact = address.kind === 'stack' && address.offset !== undefined;
    if (value.kind === 'stack' && !(isExact && size === POINTER_SIZE)) this.#escaped = true;
    if (!isExact) {
      this.forgetAt(address);
      return;
    }
    const { frame, offset = 0 } = address;
    if (frame >= this.depth) return;
    this.#clear(address, size);
    this.#change(frame).stack.set(offset, { size, value });
  }

  /** Something may have been written to that address: `length` bytes, or all that follow. */
  forgetAt(address: AbstractValue, length = Number.POSITIVE_INFINITY): void {
    if (address.kind === 'stack') {
      // An overwritten pointer may also still be there.
      if (this.#clear(address, length).some(({ kind }) => kind === 'stack')) this.#escaped = true;
    } else if (address.kind === 'unknown' && this.#escaped) {
      for (const frame of this.#frames.keys()) this.#change(frame).stack.clear();
    }
  }

  /** Adds what is known on another path to the same instruction. Returns whether that changed this state. */
  joinWith(other: AbstractState): boolean {
    let changed = false;
    let escaped = this.#escaped || other.#escaped;
    for (const [index, frame] of this.#frames.entries()) {
      const theirs = other.#frames[index];
      if (theirs === undefined || theirs === frame) continue;
      for (const [register, value] of frame.registers.entries()) {
        const theirValue = theirs.registers[register] ?? UNKNOWN;
        const joined = join(value, theirValue);
        if (losesAddress(joined, value, theirValue)) escaped = true;
        if (equalValues(joined, value)) continue;
        this.#change(index).registers[register] = joined;
        changed = true;
      }
      for (const [offset, slot] of frame.stack) {
        const theirSlot = theirs.stack.get(offset);
        const theirValue = theirSlot?.size === slot.size ? theirSlot.value : UNKNOWN;
        const joined = join(slot.value, theirValue);
        if (losesAddress(joined, slot.value, theirValue)) escaped = true;
        if (theirSlot !== undefined && equalValues(joined, slot.value)) continue;
        if (joined.kind === 'unknown') this.#change(index).stack.delete(offset);
        else this.#change(index).stack.set(offset, { size: slot.size, value: joined });
        changed = true;
      }
      for (const [offset, { size, value }] of theirs.stack) {
        const isKept = frame.stack.get(offset)?.size === size;
        if (!isKept && value.kind === 'stack') escaped = true;
      }
    }
    if (escaped !== this.#escaped) changed = true;
    this.#escaped = escaped;
    return changed;
  }

  /** Removes what lies in these bytes, or in the whole frame, and returns the values that were there. */
  #clear(address: StackAddress, length: number): AbstractValue[] {
    const { frame, offset } = address;
    const start = offset ?? Number.NEGATIVE_INFINITY;
    const end = offset === undefined ? Number.POSITIVE_INFINITY : offset + length;
    const cleared: AbstractValue[] = [];
    for (const [at, { size, value }] of this.#frames[frame]?.stack ?? []) {
      if (at >= end || at + size <= start) continue;
      this.#change(frame).stack.delete(at);
      cleared.push(value);
    }
    return cleared;
  }

  /** The frame, as a copy of its own where another state shares it. */
  #change(index: number): Frame {
    const frame = this.#frames[index] ?? newFrame(index, []);
    if (this.#ownFrames.has(index)) return frame;
    const copy = { registers: [...frame.registers], stack: new Map(frame.stack) };
    this.#frames[index] = copy;
    this.#ownFrames.add(index);
    return copy;
  }
}

function newFrame(index: number, args: readonly AbstractValue[]): Frame {
  const registers = Array.from({ length: REGISTER_COUNT }, () => UNKNOWN);
  for (const [position, value] of args.entries()) registers[position + 1] = value;
  registers[FRAME_POINTER] = { kind: 'stack', frame: index, offset: 0 };
  return { registers, stack: new Map() };
}

function pointsInto(value: AbstractValue, frame: number): boolean {
  return value.kind === 'stack' && value.frame === frame;
}

function losesAddress(joined: AbstractValue, ...values: readonly AbstractValue[]): boolean {
  return joined.kind === 'unknown' && values.some(({ kind }) => kind === 'stack');
}
