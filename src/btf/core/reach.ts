import { callee, isGlobal, isLocalCall, keyOf, type Place } from './calls.ts';
import { callHelper, loaded, type ReadConstant, store } from './effects.ts';
import {
  CLASS,
  classOf,
  type Instruction,
  LOAD_IMMEDIATE_64,
  REGISTER_OPERAND,
} from './instruction.ts';
import {
  ANYTHING,
  calculate,
  constant,
  equalWhen,
  isTaken,
  type Known,
  meet,
  sameKnown,
} from './known.ts';
import type { Code } from './object.ts';
import { State } from './state.ts';

/** What a program is looked at with. */
export interface Surroundings {
  readonly code: ReadonlyMap<number, Code>;
  readonly read: ReadConstant;
  /** Instructions whose constant is not to be counted on. */
  readonly unknown: (place: Place) => boolean;
}

/**
 * Which instructions of a program can be reached from its first one, when branches on what is known
 * go one way only. This is constant propagation over registers and stack along the branches that can
 * be taken (Wegman and Zadeck, 1991): it may find more reachable than the kernel's verifier, which
 * also follows ranges and every path apart, and never less.
 */
export function reachable(surroundings: Surroundings, entry: Place): (place: Place) => boolean {
  const walk = new Walk(surroundings);
  walk.enter(entry, []);
  walk.finish();
  return (place) => walk.hasReached(place);
}

/** A function on its way: all its callers are taken together. */
interface Callee {
  result: Known | undefined;
  /** Where it returns to, with what is known there but for the result. */
  readonly returns: Map<string, Return>;
}

interface Return {
  readonly place: Place;
  readonly state: State;
  readonly caller: Callee;
}

/** An instruction that is being looked at. */
interface Visit {
  readonly place: Place;
  readonly section: Code;
  readonly instruction: Instruction;
  /** What is known before it; changed to what is known after. */
  readonly state: State;
  readonly owner: Callee;
}

const CALLER_SAVED = [0, 1, 2, 3, 4, 5];
const ARGUMENTS = [1, 2, 3, 4, 5];
const [ALWAYS, CALL, EXIT, MAY_GOTO] = [0x00, 0x80, 0x90, 0xe0];

class Walk {
  readonly #surroundings: Surroundings;
  readonly #reached = new Map<string, { readonly state: State; readonly owner: Callee }>();
  readonly #callees = new Map<string, Callee>();
  readonly #waiting: Place[] = [];

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  hasReached(place: Place): boolean {
    return this.#reached.has(keyOf(place));
  }

  /** Begins at the first instruction of a function. */
  enter(place: Place, args: readonly Known[]): void {
    if (!this.#surroundings.code.has(place.section)) return;
    // The caller's stack is not the callee's.
    const foreign = args.map((known) => (known.is === 'stack' ? ANYTHING : known));
    this.#flow(place, State.atEntry(foreign), this.#calleeAt(place));
  }

  finish(): void {
    for (let place = this.#waiting.pop(); place !== undefined; place = this.#waiting.pop()) {
      const section = this.#surroundings.code.get(place.section);
      const instruction = section?.instructions[place.index];
      const reached = this.#reached.get(keyOf(place));
      if (section === undefined || instruction === undefined || reached === undefined) continue;
      const { owner } = reached;
      this.#step({ place, section, instruction, state: reached.state.copy(), owner });
    }
  }

  #calleeAt(place: Place): Callee {
    const known = this.#callees.get(keyOf(place));
    if (known !== undefined) return known;
    const made: Callee = { result: undefined, returns: new Map() };
    this.#callees.set(keyOf(place), made);
    return made;
  }

  #flow(place: Place, state: State, owner: Callee): void {
    const known = this.#reached.get(keyOf(place));
    if (known === undefined) this.#reached.set(keyOf(place), { state: state.copy(), owner });
    else if (!known.state.merge(state)) return;
    this.#waiting.push(place);
  }

  #next({ place, state, owner }: Visit, distance = 0): void {
    this.#flow(after(place, distance), state, owner);
  }

  #step(visit: Visit): void {
    const { place, section, instruction, state } = visit;
    const { read, unknown } = this.#surroundings;
    const { destination, source, code } = instruction;
    const target = state.get(destination);
    switch (classOf(instruction)) {
      case CLASS.ALU:
      case CLASS.ALU64: {
        const result = calculate(instruction, target, state.get(source));
        state.set(destination, unknown(place) ? addressOnly(result, target) : result);
        this.#next(visit);
        break;
      }
      case CLASS.LD:
        if (code === LOAD_IMMEDIATE_64) {
          const known = this.#loadWide(section, place.index);
          state.set(destination, unknown(place) ? ANYTHING : known);
          this.#next(visit, 1);
        } else {
          for (const register of CALLER_SAVED) state.set(register, ANYTHING);
          this.#next(visit);
        }
        break;
      case CLASS.LDX:
        state.set(destination, loaded(instruction, state, state.get(source), read));
        this.#next(visit);
        break;
      case CLASS.ST:
      case CLASS.STX:
        store(instruction, state, target, state.get(source));
        this.#next(visit);
        break;
      default:
        this.#jump(visit);
    }
  }

  #jump(visit: Visit): void {
    const { place, section, instruction, state, owner } = visit;
    switch (instruction.code & 0xf0) {
      case EXIT:
        this.#leave(owner, state.get(0));
        break;
      case ALWAYS: {
        const isLong = classOf(instruction) === CLASS.JMP32;
        this.#next(visit, isLong ? instruction.immediate : instruction.offset);
        break;
      }
      case CALL:
        if (isLocalCall(instruction)) {
          this.#call(visit, callee(section, place, instruction));
        } else {
          callHelper(instruction, state);
          this.#next(visit);
        }
        break;
      default:
        this.#branch(visit);
    }
  }

  #branch(visit: Visit): void {
    const { instruction, state } = visit;
    const { destination, source, code, immediate, offset } = instruction;
    const isConstant = (code & REGISTER_OPERAND) === 0;
    const left = state.get(destination);
    const right = isConstant ? constant(BigInt(immediate)) : state.get(source);
    const taken = (code & 0xf0) === MAY_GOTO ? undefined : isTaken(instruction, left, right);
    const equal = right.is === 'constant' ? equalWhen(instruction) : undefined;
    for (const side of ['taken', 'not-taken'] as const) {
      if (taken === (side === 'not-taken')) continue;
      const known = state.copy();
      if (side === equal && left.is === 'anything') known.set(destination, right);
      this.#next({ ...visit, state: known }, side === 'taken' ? offset : 0);
    }
  }

  #call({ place, state, owner }: Visit, to: Place): void {
    const args = ARGUMENTS.map((register) => state.get(register));
    if (args.some((known) => known.is === 'stack')) state.forgetAll();
    for (const known of args) state.forgetAt(known);
    for (const register of CALLER_SAVED) state.set(register, ANYTHING);
    const back = after(place);
    if (isGlobal(this.#surroundings.code, to)) {
      this.enter(to, []);
      this.#flow(back, state, owner);
      return;
    }
    const callee = this.#calleeAt(to);
    const known = callee.returns.get(keyOf(back)) ?? { place: back, state, caller: owner };
    known.state.merge(state);
    callee.returns.set(keyOf(back), known);
    this.enter(to, args);
    if (callee.result !== undefined) this.#resume(known, callee.result);
  }

  #leave(owner: Callee, result: Known): void {
    const outside = result.is === 'stack' ? ANYTHING : result;
    const met = owner.result === undefined ? outside : meet(owner.result, outside);
    if (owner.result !== undefined && sameKnown(met, owner.result)) return;
    owner.result = met;
    for (const back of owner.returns.values()) this.#resume(back, met);
  }

  #resume({ place, state, caller }: Return, result: Known): void {
    const known = state.copy();
    known.set(0, result);
    this.#flow(place, known, caller);
  }

  /** What `r = <64 bits>` gives; a function whose address is taken will be called. */
  #loadWide(section: Code, index: number): Known {
    const low = section.instructions[index];
    const high = section.instructions[index + 1];
    if (low === undefined || high === undefined) return ANYTHING;
    const reference = section.references.get(index);
    if (reference === undefined) {
      const number = BigInt.asUintN(32, BigInt(low.immediate)) | (BigInt(high.immediate) << 32n);
      // With a source the number stands for a map, a function or the like.
      return low.source === 0 ? constant(number) : ANYTHING;
    }
    if (reference.to === 'extern') {
      const isConfiguration = /^(CONFIG|LINUX)_/.test(reference.name);
      return isConfiguration ? { is: 'data', of: reference.name, offset: 0 } : ANYTHING;
    }
    const offset = reference.offset + low.immediate;
    this.enter({ section: reference.section, index: offset / 8 }, []);
    return { is: 'data', of: reference.section, offset };
  }
}

function after(place: Place, distance = 0): Place {
  return { ...place, index: place.index + 1 + distance };
}

/** The stack stays the stack, wherever in it one then is. */
function addressOnly(result: Known, before: Known): Known {
  const onStack = result.is === 'stack' || before.is === 'stack';
  return onStack ? { is: 'stack', offset: undefined } : ANYTHING;
}
