import {
  CLASS,
  type CodeAddress,
  classOf,
  type Instruction,
  keyOf,
  LOAD_IMMEDIATE_64,
  REGISTER_OPERAND,
} from '../btf/core/instruction.ts';
import type { CodeSection } from '../btf/core/object.ts';
import { calledFunction, isGlobal, isLocalCall } from './call-graph.ts';
import {
  type AbstractValue,
  constant,
  equalValues,
  equalWhen,
  evaluateAlu,
  evaluateBranch,
  join,
  UNKNOWN,
} from './domain.ts';
import { AbstractState } from './state.ts';
import { applyHelperCall, applyStore, evaluateLoad, type ReadConstant } from './transfer.ts';

/** What a program is looked at with. */
export interface ProgramToAnalyse {
  readonly code: ReadonlyMap<number, CodeSection>;
  readonly read: ReadConstant;
  /** Instructions whose constant is not to be counted on. */
  readonly unknown: (place: CodeAddress) => boolean;
}

/**
 * Which instructions of a program can be reached from its first one, when branches on what is known
 * go one way only. This is constant propagation over registers and stack along the branches that can
 * be taken (Wegman and Zadeck, 1991): it may find more reachable than the kernel's verifier, which
 * also follows ranges and every path apart, and never less.
 */
export function findReachable(
  surroundings: ProgramToAnalyse,
  entry: CodeAddress,
): (place: CodeAddress) => boolean {
  const walk = new Analysis(surroundings);
  walk.enter(entry, []);
  walk.finish();
  return (place) => walk.hasReached(place);
}

/** A function on its way: all its callers are taken together. */
interface FunctionSummary {
  result: AbstractValue | undefined;
  /** Where it returns to, with what is known there but for the result. */
  readonly returns: Map<string, CallSite>;
}

interface CallSite {
  readonly place: CodeAddress;
  readonly state: AbstractState;
  readonly caller: FunctionSummary;
}

/** An instruction that is being looked at. */
interface Visited {
  readonly place: CodeAddress;
  readonly section: CodeSection;
  readonly instruction: Instruction;
  /** What is known before it; changed to what is known after. */
  readonly state: AbstractState;
  readonly owner: FunctionSummary;
}

const CALLER_SAVED = [0, 1, 2, 3, 4, 5];
const ARGUMENTS = [1, 2, 3, 4, 5];
const [ALWAYS, CALL, EXIT, MAY_GOTO] = [0x00, 0x80, 0x90, 0xe0];

class Analysis {
  readonly #surroundings: ProgramToAnalyse;
  readonly #reached = new Map<
    string,
    { readonly state: AbstractState; readonly owner: FunctionSummary }
  >();
  readonly #callees = new Map<string, FunctionSummary>();
  readonly #waiting: CodeAddress[] = [];

  constructor(surroundings: ProgramToAnalyse) {
    this.#surroundings = surroundings;
  }

  hasReached(place: CodeAddress): boolean {
    return this.#reached.has(keyOf(place));
  }

  /** Begins at the first instruction of a function. */
  enter(place: CodeAddress, args: readonly AbstractValue[]): void {
    if (!this.#surroundings.code.has(place.section)) return;
    // The caller's stack is not the callee's.
    const foreign = args.map((known) => (known.kind === 'stack' ? UNKNOWN : known));
    this.#flow(place, AbstractState.atEntry(foreign), this.#calleeAt(place));
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

  #calleeAt(place: CodeAddress): FunctionSummary {
    const known = this.#callees.get(keyOf(place));
    if (known !== undefined) return known;
    const made: FunctionSummary = { result: undefined, returns: new Map() };
    this.#callees.set(keyOf(place), made);
    return made;
  }

  #flow(place: CodeAddress, state: AbstractState, owner: FunctionSummary): void {
    const known = this.#reached.get(keyOf(place));
    if (known === undefined) this.#reached.set(keyOf(place), { state: state.copy(), owner });
    else if (!known.state.joinWith(state)) return;
    this.#waiting.push(place);
  }

  #next({ place, state, owner }: Visited, distance = 0): void {
    this.#flow(after(place, distance), state, owner);
  }

  #step(visit: Visited): void {
    const { place, section, instruction, state } = visit;
    const { read, unknown } = this.#surroundings;
    const { destination, source, code } = instruction;
    const target = state.get(destination);
    switch (classOf(instruction)) {
      case CLASS.ALU:
      case CLASS.ALU64: {
        const result = evaluateAlu(instruction, target, state.get(source));
        state.set(destination, unknown(place) ? addressOnly(result, target) : result);
        this.#next(visit);
        break;
      }
      case CLASS.LD:
        if (code === LOAD_IMMEDIATE_64) {
          const known = this.#loadWide(section, place.index);
          state.set(destination, unknown(place) ? UNKNOWN : known);
          this.#next(visit, 1);
        } else {
          for (const register of CALLER_SAVED) state.set(register, UNKNOWN);
          this.#next(visit);
        }
        break;
      case CLASS.LDX:
        state.set(destination, evaluateLoad(instruction, state, state.get(source), read));
        this.#next(visit);
        break;
      case CLASS.ST:
      case CLASS.STX:
        applyStore(instruction, state, target, state.get(source));
        this.#next(visit);
        break;
      default:
        this.#jump(visit);
    }
  }

  #jump(visit: Visited): void {
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
          this.#call(visit, calledFunction(section, place, instruction));
        } else {
          applyHelperCall(instruction, state);
          this.#next(visit);
        }
        break;
      default:
        this.#branch(visit);
    }
  }

  #branch(visit: Visited): void {
    const { instruction, state } = visit;
    const { destination, source, code, immediate, offset } = instruction;
    const isConstant = (code & REGISTER_OPERAND) === 0;
    const left = state.get(destination);
    const right = isConstant ? constant(BigInt(immediate)) : state.get(source);
    const taken = (code & 0xf0) === MAY_GOTO ? undefined : evaluateBranch(instruction, left, right);
    const equal = right.kind === 'constant' ? equalWhen(instruction) : undefined;
    for (const side of ['taken', 'not-taken'] as const) {
      if (taken === (side === 'not-taken')) continue;
      const known = state.copy();
      if (side === equal && left.kind === 'anything') known.set(destination, right);
      this.#next({ ...visit, state: known }, side === 'taken' ? offset : 0);
    }
  }

  #call({ place, state, owner }: Visited, to: CodeAddress): void {
    const args = ARGUMENTS.map((register) => state.get(register));
    if (args.some((known) => known.kind === 'stack')) state.forgetAll();
    for (const known of args) state.forgetAt(known);
    for (const register of CALLER_SAVED) state.set(register, UNKNOWN);
    const back = after(place);
    if (isGlobal(this.#surroundings.code, to)) {
      this.enter(to, []);
      this.#flow(back, state, owner);
      return;
    }
    const callee = this.#calleeAt(to);
    const known = callee.returns.get(keyOf(back)) ?? { place: back, state, caller: owner };
    known.state.joinWith(state);
    callee.returns.set(keyOf(back), known);
    this.enter(to, args);
    if (callee.result !== undefined) this.#resume(known, callee.result);
  }

  #leave(owner: FunctionSummary, result: AbstractValue): void {
    const outside = result.kind === 'stack' ? UNKNOWN : result;
    const met = owner.result === undefined ? outside : join(owner.result, outside);
    if (owner.result !== undefined && equalValues(met, owner.result)) return;
    owner.result = met;
    for (const back of owner.returns.values()) this.#resume(back, met);
  }

  #resume({ place, state, caller }: CallSite, result: AbstractValue): void {
    const known = state.copy();
    known.set(0, result);
    this.#flow(place, known, caller);
  }

  /** What `r = <64 bits>` gives; a function whose address is taken will be called. */
  #loadWide(section: CodeSection, index: number): AbstractValue {
    const low = section.instructions[index];
    const high = section.instructions[index + 1];
    if (low === undefined || high === undefined) return UNKNOWN;
    const reference = section.references.get(index);
    if (reference === undefined) {
      const number = BigInt.asUintN(32, BigInt(low.immediate)) | (BigInt(high.immediate) << 32n);
      // With a source the number stands for a map, a function or the like.
      return low.source === 0 ? constant(number) : UNKNOWN;
    }
    if (reference.kind === 'extern') {
      const isConfiguration = /^(CONFIG|LINUX)_/.test(reference.name);
      return isConfiguration ? { kind: 'data', section: reference.name, offset: 0 } : UNKNOWN;
    }
    const offset = reference.offset + low.immediate;
    this.enter({ section: reference.section, index: offset / 8 }, []);
    return { kind: 'data', section: reference.section, offset };
  }
}

function after(place: CodeAddress, distance = 0): CodeAddress {
  return { ...place, index: place.index + 1 + distance };
}

/** The stack stays the stack, wherever in it one then is. */
function addressOnly(result: AbstractValue, before: AbstractValue): AbstractValue {
  const onStack = result.kind === 'stack' || before.kind === 'stack';
  return onStack ? { kind: 'stack', offset: undefined } : UNKNOWN;
}
