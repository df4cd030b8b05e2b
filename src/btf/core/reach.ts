import {
  accessSize,
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

/** An instruction: the number of its section, and its own in the section. */
export interface Place {
  readonly section: number;
  readonly index: number;
}

/** What is read from sections that nobody can write, and of what the loader provides. */
export type ReadConstant = (
  of: number | string,
  offset: number,
  size: number,
) => bigint | undefined;

interface Function {
  result: Known | undefined;
  /** Where it returns to, with what is known there but for the result. */
  readonly returns: Map<string, { readonly place: Place; readonly state: State }>;
}

/**
 * Which instructions of a program can be reached from its first one, when branches on what is known
 * go one way only. This is constant propagation over registers and stack along the branches that can
 * be taken (Wegman and Zadeck, 1991): it may find more reachable than the kernel's verifier, which
 * also follows ranges and every path apart, and never less.
 *
 * `unknown` are the instructions whose constant is not to be counted on.
 */
export function reachable(
  code: ReadonlyMap<number, Code>,
  entry: Place,
  read: ReadConstant,
  unknown: (place: Place) => boolean,
): (place: Place) => boolean {
  const states = new Map<string, { state: State; readonly owner: Function }>();
  const functions = new Map<string, Function>();
  const waiting: Place[] = [];

  const flow = (place: Place, state: State, owner: Function) => {
    const key = keyOf(place);
    const known = states.get(key);
    if (known === undefined) states.set(key, { state: state.copy(), owner });
    else if (!known.state.merge(state)) return;
    waiting.push(place);
  };
  const functionAt = (place: Place): Function => {
    const known = functions.get(keyOf(place));
    if (known !== undefined) return known;
    const made: Function = { result: undefined, returns: new Map() };
    functions.set(keyOf(place), made);
    return made;
  };
  const enter = (place: Place, args: readonly Known[]) => {
    if (!code.has(place.section)) return;
    // The caller's stack is not the callee's.
    const foreign = args.map((known) => (known.is === 'stack' ? ANYTHING : known));
    flow(place, State.atEntry(foreign), functionAt(place));
  };
  const leave = (owner: Function, result: Known) => {
    const outside = result.is === 'stack' ? ANYTHING : result;
    const met = owner.result === undefined ? outside : meet(owner.result, outside);
    if (owner.result !== undefined && sameKnown(met, owner.result)) return;
    owner.result = met;
    for (const { place, state } of owner.returns.values()) resume(place, state, met);
  };
  const resume = (place: Place, state: State, result: Known) => {
    const after = state.copy();
    after.set(0, result);
    const caller = states.get(keyOf({ ...place, index: place.index - 1 }));
    if (caller !== undefined) flow(place, after, caller.owner);
  };
  const call = (from: Place, to: Place, before: State): void => {
    const args = [1, 2, 3, 4, 5].map((register) => before.get(register));
    const after = before.copy();
    if (args.some((known) => known.is === 'stack')) after.forgetAll();
    for (const known of args) after.forgetAt(known);
    for (const register of [0, 1, 2, 3, 4, 5]) after.set(register, ANYTHING);
    const place = { ...from, index: from.index + 1 };
    if (isGlobal(code, to)) {
      enter(to, []);
      const caller = states.get(keyOf(from));
      if (caller !== undefined) flow(place, after, caller.owner);
      return;
    }
    const callee = functionAt(to);
    const known = callee.returns.get(keyOf(place));
    if (known === undefined) callee.returns.set(keyOf(place), { place, state: after });
    else known.state.merge(after);
    enter(to, args);
    if (callee.result !== undefined) resume(place, known?.state ?? after, callee.result);
  };

  const step = (place: Place) => {
    const section = code.get(place.section);
    const instruction = section?.instructions[place.index];
    const visited = states.get(keyOf(place));
    if (section === undefined || instruction === undefined || visited === undefined) return;
    const { owner } = visited;
    const state = visited.state.copy();
    const to = (distance: number): Place => ({ ...place, index: place.index + 1 + distance });
    const next = (after: State, distance = 0) => flow(to(distance), after, owner);
    const source = state.get(instruction.source);
    const destination = state.get(instruction.destination);
    switch (classOf(instruction)) {
      case CLASS.ALU:
      case CLASS.ALU64: {
        const result = calculate(instruction, destination, source);
        const isKnown = !unknown(place);
        state.set(instruction.destination, isKnown ? result : addressOnly(result, destination));
        return next(state);
      }
      case CLASS.LD: {
        if (instruction.code !== LOAD_IMMEDIATE_64) {
          for (const register of [0, 1, 2, 3, 4, 5]) state.set(register, ANYTHING);
          return next(state);
        }
        const loaded = loadWide(section, place.index, enter);
        state.set(instruction.destination, unknown(place) ? ANYTHING : loaded);
        return next(state, 1);
      }
      case CLASS.LDX:
        state.set(instruction.destination, loaded(instruction, state, source, read));
        return next(state);
      case CLASS.ST:
      case CLASS.STX:
        store(instruction, state, destination, source);
        return next(state);
      default:
        return jump(instruction, state);
    }

    function jump(instruction: Instruction, state: State): void {
      const operation = instruction.code & 0xf0;
      const wide = classOf(instruction) === CLASS.JMP32;
      if (operation === EXIT) return leave(owner, state.get(0));
      if (operation === ALWAYS)
        return next(state, wide ? instruction.immediate : instruction.offset);
      if (operation === CALL) {
        if (instruction.source === PSEUDO_CALL && section !== undefined) {
          return call(place, callee(section, place, instruction), state);
        }
        callHelper(instruction, state);
        return next(state);
      }
      const right =
        (instruction.code & REGISTER_OPERAND) === 0
          ? constant(BigInt(instruction.immediate))
          : source;
      const taken = operation === MAY_GOTO ? undefined : isTaken(instruction, destination, right);
      const equal = right.is === 'constant' ? equalWhen(instruction) : undefined;
      for (const side of ['taken', 'not-taken'] as const) {
        if (taken === (side === 'not-taken')) continue;
        const after = state.copy();
        if (side === equal && destination.is === 'anything') {
          after.set(instruction.destination, right);
        }
        next(after, side === 'taken' ? instruction.offset : 0);
      }
    }
  };

  enter(entry, []);
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) step(place);
  return (place) => states.has(keyOf(place));
}

/** The verifier looks at a global function for itself: with any arguments, and any result. */
export function isGlobal(code: ReadonlyMap<number, Code>, { section, index }: Place): boolean {
  const functions = code.get(section)?.functions ?? [];
  return functions.some((one) => one.start === index && one.isGlobal);
}

const [ALWAYS, CALL, EXIT, MAY_GOTO] = [0x00, 0x80, 0x90, 0xe0];
const PSEUDO_CALL = 1;

function keyOf({ section, index }: Place): string {
  return `${section}:${index}`;
}

/** The stack stays the stack, wherever in it one then is. */
function addressOnly(result: Known, destination: Known): Known {
  const onStack = result.is === 'stack' || destination.is === 'stack';
  return onStack ? { is: 'stack', offset: undefined } : ANYTHING;
}

/** What `r = <64 bits>` gives; a function whose address is taken will be called. */
function loadWide(
  section: Code,
  index: number,
  enter: (place: Place, args: readonly Known[]) => void,
): Known {
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
  enter({ section: reference.section, index: offset / 8 }, []);
  return { is: 'data', of: reference.section, offset };
}

/**
 * The functions that a program has in its code, reached or not: libbpf appends what it calls, and
 * takes the address of, and what these call.
 */
export function calledFrom(code: ReadonlyMap<number, Code>, entry: Place): readonly Place[] {
  const found = new Map<string, Place>();
  const waiting = [entry];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const section = code.get(place.section);
    const own = section?.functions.find(({ start }) => start === place.index);
    if (section === undefined || own === undefined || found.has(keyOf(place))) continue;
    found.set(keyOf(place), place);
    for (let index = own.start; index < own.end; index++) {
      const instruction = section.instructions[index];
      if (instruction === undefined) break;
      const isCall = instruction.code === (CLASS.JMP | CALL) && instruction.source === PSEUDO_CALL;
      if (isCall) waiting.push(callee(section, { ...place, index }, instruction));
      const reference = section.references.get(index);
      if (instruction.code === LOAD_IMMEDIATE_64 && reference?.to === 'section') {
        const offset = reference.offset + instruction.immediate;
        waiting.push({ section: reference.section, index: offset / 8 });
      }
    }
  }
  return [...found.values()];
}

function callee(section: Code, place: Place, { immediate }: Instruction): Place {
  const reference = section.references.get(place.index);
  if (reference?.to === 'section') {
    return { section: reference.section, index: reference.offset / 8 + immediate + 1 };
  }
  return { ...place, index: place.index + immediate + 1 };
}

const MODE_BITS = 0xe0;
const MODE_MEMORY = 0x60;
const MODE_ATOMIC = 0xc0;

function loaded(instruction: Instruction, state: State, address: Known, read: ReadConstant): Known {
  if ((instruction.code & MODE_BITS) !== MODE_MEMORY) return ANYTHING;
  const size = accessSize(instruction);
  if (address.is === 'stack' && address.offset !== undefined) {
    return state.load({ ...address, offset: address.offset + instruction.offset }, size);
  }
  if (address.is !== 'data') return ANYTHING;
  const value = read(address.of, address.offset + instruction.offset, size);
  return value === undefined ? ANYTHING : constant(value);
}

function store(instruction: Instruction, state: State, address: Known, source: Known): void {
  const size = accessSize(instruction);
  const known = address.is === 'stack' && address.offset !== undefined;
  const at: Known = known
    ? { is: 'stack', offset: (address.offset ?? 0) + instruction.offset }
    : address;
  if ((instruction.code & MODE_BITS) === MODE_ATOMIC) {
    // It may hand back what was there, in its source or in r0.
    state.forgetAt(at, size);
    state.set(instruction.source, ANYTHING);
    state.set(0, ANYTHING);
    return;
  }
  const immediate = constant(BigInt.asUintN(size * 8, BigInt(instruction.immediate)));
  const value = classOf(instruction) === CLASS.ST ? immediate : narrowed(source, size);
  state.store(at, size, value);
}

function narrowed(known: Known, size: number): Known {
  return known.is === 'constant' ? constant(BigInt.asUintN(size * 8, known.value)) : known;
}

/** bpf_probe_read and its siblings, bpf_get_current_comm: they write r2 bytes at r1, and no more. */
const FILLS_R1: ReadonlySet<number> = new Set([4, 16, 45, 112, 113, 114, 115]);
/** bpf_map_*_elem, bpf_ktime_get_ns, bpf_trace_printk, ..., bpf_perf_event_output: they write nothing of ours. */
const WRITES_NOTHING: ReadonlySet<number> = new Set([
  1, 2, 3, 5, 6, 7, 8, 14, 15, 25, 27, 35, 130, 132, 133,
]);

function callHelper({ immediate, source }: Instruction, state: State): void {
  const isHelper = source === 0;
  if (isHelper && FILLS_R1.has(immediate)) {
    const length = state.get(2);
    const size = length.is === 'constant' ? Number(length.value) : undefined;
    state.forgetAt(state.get(1), size);
  } else if (!isHelper || !WRITES_NOTHING.has(immediate)) {
    for (const register of [1, 2, 3, 4, 5]) state.forgetAt(state.get(register));
  }
  for (const register of [0, 1, 2, 3, 4, 5]) state.set(register, ANYTHING);
}
