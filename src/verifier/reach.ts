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
import type { KsymResolution } from '../btf/lookup/ksym.ts';
import { calledFunction, functionsOf, isGlobal, isLocalCall } from './call-graph.ts';
import {
  type AbstractValue,
  constant,
  equalWhen,
  evaluateAlu,
  evaluateBranch,
  join,
  UNKNOWN,
} from './domain.ts';
import { AbstractState } from './state.ts';
import {
  applyHelperCall,
  applyStore,
  CALLBACK_HELPERS,
  type CallbackHelper,
  evaluateLoad,
  type ReadConstant,
} from './transfer.ts';

/** The code to analyse, and what is known besides. */
export interface AnalysisInput {
  readonly code: ReadonlyMap<number, CodeSection>;
  readonly read: ReadConstant;
  /** The kernel symbols that the code uses, by name. */
  readonly ksyms: ReadonlyMap<string, KsymResolution>;
  /** Whether the constant of an instruction must not be used. */
  readonly isUnknown: (address: CodeAddress) => boolean;
}

/**
 * Which instructions a program can reach from its first one, when a branch on a known value goes one
 * way only. This is constant propagation over registers and stack along the branches that can be
 * taken (Wegman and Zadeck, 1991). Each chain of calls is analysed apart, as the kernel's verifier
 * does it, so that a callee can use and change its callers' stacks. The result may hold more
 * instructions than the verifier reaches, which also follows ranges and each path apart; it never
 * holds fewer.
 */
export function findReachable(
  input: AnalysisInput,
  entry: CodeAddress,
): (address: CodeAddress) => boolean {
  const analysis = new Analysis(input);
  analysis.enter(entry);
  if (analysis.run()) return (address) => analysis.hasReached(address);
  const all = functionsOf(input.code, entry).map((start) => rangeOf(input.code, start));
  return ({ section, index }) =>
    all.some((one) => one.section === section && one.start <= index && index < one.end);
}

function rangeOf(code: ReadonlyMap<number, CodeSection>, { section, index }: CodeAddress) {
  const found = code.get(section)?.functions.find(({ start }) => start === index);
  return { section, start: index, end: found?.end ?? index };
}

/** One chain of calls: where the running function was called, and in which chain. */
interface CallContext {
  readonly id: number;
  /** Absent in a program, and in a function that the verifier looks at by itself. */
  readonly caller?: { readonly context: CallContext; readonly returnAddress: CodeAddress };
  /** For a callback of a helper, which may run many times or never. */
  readonly callback?: Callback;
}

interface Callback {
  readonly address: CodeAddress;
  readonly helper: CallbackHelper;
  /** What the helper passes on to it. */
  context: AbstractValue;
}

interface PathToFollow {
  readonly address: CodeAddress;
  readonly context: CallContext;
}

/** The instruction that is being evaluated. */
interface CurrentInstruction extends PathToFollow {
  readonly section: CodeSection;
  readonly instruction: Instruction;
  /** What is known before it; changed to what is known after it. */
  readonly state: AbstractState;
}

const ARGUMENTS = [1, 2, 3, 4, 5];
const [ALWAYS, CALL, EXIT, MAY_GOTO] = [0x00, 0x80, 0x90, 0xe0];
/** MAX_CALL_FRAMES of the kernel. */
const MAX_DEPTH = 8;
/** The verifier evaluates a million instructions (BPF_COMPLEXITY_LIMIT_INSNS). */
const MAX_STEPS = 1_000_000;

class Analysis {
  readonly #input: AnalysisInput;
  readonly #states = new Map<string, AbstractState>();
  readonly #reached = new Set<string>();
  readonly #contexts = new Map<string, CallContext>();
  readonly #waiting: PathToFollow[] = [];
  /** Functions whose address the program takes, and whether each call of them is followed. */
  readonly #callbacks = new Map<string, { readonly address: CodeAddress; isFollowed: boolean }>();
  /** Whether a helper calls a function that is not known. */
  #hasUnknownCallback = false;
  #isTooLarge = false;

  constructor(input: AnalysisInput) {
    this.#input = input;
  }

  hasReached(address: CodeAddress): boolean {
    return this.#reached.has(keyOf(address));
  }

  /** Starts at the first instruction of a function, whose arguments are unknown. */
  enter(address: CodeAddress): void {
    if (!this.#input.code.has(address.section)) return;
    const context = this.#contextOf(`entry ${keyOf(address)}`, {});
    this.#flow(address, AbstractState.atEntry(), context);
  }

  /** Returns false when the program is too large or calls too deep, so that the result is useless. */
  run(): boolean {
    for (let steps = 0; ; steps++) {
      if (this.#isTooLarge || steps > MAX_STEPS) return false;
      const task = this.#waiting.pop() ?? this.#nextCallback();
      if (task === undefined) return true;
      const { address, context } = task;
      const section = this.#input.code.get(address.section);
      const instruction = section?.instructions[address.index];
      const state = this.#states.get(`${context.id}:${keyOf(address)}`);
      if (section === undefined || instruction === undefined || state === undefined) continue;
      this.#step({ address, context, section, instruction, state: state.copy() });
    }
  }

  /** A function whose address goes to something unknown is called with unknown arguments. */
  #nextCallback(): PathToFollow | undefined {
    for (const { address, isFollowed } of this.#callbacks.values()) {
      if (!isFollowed || this.#hasUnknownCallback) this.enter(address);
    }
    return this.#waiting.pop();
  }

  #contextOf(key: string, rest: Omit<CallContext, 'id'>): CallContext {
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const context = { ...rest, id: this.#contexts.size };
    this.#contexts.set(key, context);
    return context;
  }

  #flow(address: CodeAddress, state: AbstractState, context: CallContext): void {
    const key = `${context.id}:${keyOf(address)}`;
    const known = this.#states.get(key);
    if (known === undefined) {
      this.#states.set(key, state.copy());
      this.#reached.add(keyOf(address));
    } else if (!known.joinWith(state)) {
      return;
    }
    this.#waiting.push({ address, context });
  }

  #next({ address, state, context }: CurrentInstruction, distance = 0): void {
    this.#flow(after(address, distance), state, context);
  }

  #step(current: CurrentInstruction): void {
    const { address, section, instruction, state } = current;
    const { read, isUnknown } = this.#input;
    const { destination, source, code } = instruction;
    const target = state.get(destination);
    switch (classOf(instruction)) {
      case CLASS.ALU:
      case CLASS.ALU64: {
        const result = evaluateAlu(instruction, target, state.get(source));
        state.set(destination, isUnknown(address) ? withoutOffset(result, target) : result);
        this.#next(current);
        break;
      }
      case CLASS.LD:
        if (code === LOAD_IMMEDIATE_64) {
          const value = this.#loadImmediate64(section, address.index);
          state.set(destination, isUnknown(address) ? UNKNOWN : value);
          this.#next(current, 1);
        } else {
          state.forgetCallerSaved();
          this.#next(current);
        }
        break;
      case CLASS.LDX:
        state.set(destination, evaluateLoad(instruction, state, state.get(source), read));
        this.#next(current);
        break;
      case CLASS.ST:
      case CLASS.STX:
        applyStore(instruction, state, target, state.get(source));
        this.#next(current);
        break;
      default:
        this.#jump(current);
    }
  }

  #jump(current: CurrentInstruction): void {
    const { address, section, instruction } = current;
    switch (instruction.code & 0xf0) {
      case EXIT:
        this.#exit(current);
        break;
      case ALWAYS: {
        const isLong = classOf(instruction) === CLASS.JMP32;
        this.#next(current, isLong ? instruction.immediate : instruction.offset);
        break;
      }
      case CALL:
        if (isLocalCall(instruction) && section.references.get(address.index)?.kind !== 'extern') {
          this.#call(current, calledFunction(section, address, instruction));
        } else {
          this.#callKernel(current);
        }
        break;
      default:
        this.#branch(current);
    }
  }

  #branch(current: CurrentInstruction): void {
    const { instruction, state } = current;
    const { destination, source, code, immediate, offset } = instruction;
    const isConstant = (code & REGISTER_OPERAND) === 0;
    const left = state.get(destination);
    const right = isConstant ? constant(BigInt(immediate)) : state.get(source);
    const taken = (code & 0xf0) === MAY_GOTO ? undefined : evaluateBranch(instruction, left, right);
    const equal = right.kind === 'constant' ? equalWhen(instruction) : undefined;
    for (const side of ['taken', 'not-taken'] as const) {
      if (taken === (side === 'not-taken')) continue;
      const known = state.copy();
      if (side === equal && left.kind === 'unknown') known.set(destination, right);
      this.#next({ ...current, state: known }, side === 'taken' ? offset : 0);
    }
  }

  #call(current: CurrentInstruction, to: CodeAddress): void {
    const { address, state, context } = current;
    const args = ARGUMENTS.map((register) => state.get(register));
    if (isGlobal(this.#input.code, to)) {
      for (const value of args) state.forgetAt(value);
      state.forgetCallerSaved();
      this.enter(to);
      this.#next(current);
      return;
    }
    const caller = { context, returnAddress: after(address) };
    const inner = this.#contextOf(`${context.id} ${keyOf(address)}`, { caller });
    this.#enterFrame(to, args, state, inner);
  }

  /** Enters a function in the frame after the current one. */
  #enterFrame(
    to: CodeAddress,
    args: readonly AbstractValue[],
    state: AbstractState,
    context: CallContext,
  ): void {
    if (state.depth >= MAX_DEPTH) {
      this.#isTooLarge = true;
      return;
    }
    const inner = state.copy();
    inner.pushFrame(args);
    this.#flow(to, inner, context);
  }

  /** A helper or a kernel function, which may call a function of the object. */
  #callKernel(current: CurrentInstruction): void {
    const { instruction, state } = current;
    const helper =
      instruction.source === 0 ? CALLBACK_HELPERS.get(instruction.immediate) : undefined;
    const target = helper && this.#functionAt(state.get(helper.callback));
    if (helper !== undefined && target !== undefined) {
      this.#callWithCallback(current, helper, target);
      return;
    }
    if (helper !== undefined) this.#hasUnknownCallback = true;
    this.#enterArguments(current);
    applyHelperCall(instruction, state);
    this.#next(current);
  }

  #callWithCallback(
    current: CurrentInstruction,
    helper: CallbackHelper,
    target: CodeAddress,
  ): void {
    const { address, state, context } = current;
    const followed = this.#callbacks.get(keyOf(target));
    if (followed !== undefined) followed.isFollowed = true;
    const value = state.get(helper.context);
    const inner = this.#contextOf(`${context.id} ${keyOf(address)} ${keyOf(target)}`, {
      caller: { context, returnAddress: after(address) },
      callback: { address: target, helper, context: value },
    });
    if (inner.callback === undefined) return;
    inner.callback.context = join(inner.callback.context, value);
    state.forgetCallerSaved();
    this.#enterFrame(target, argumentsOf(inner.callback), state, inner);
    this.#next(current);
  }

  /** Functions that are passed to a helper or kernel function which may call them at any time. */
  #enterArguments({ state }: CurrentInstruction): void {
    for (const register of ARGUMENTS) {
      const target = this.#functionAt(state.get(register));
      if (target !== undefined) this.enter(target);
    }
  }

  #functionAt(value: AbstractValue): CodeAddress | undefined {
    if (value.kind !== 'data' || typeof value.section === 'string') return undefined;
    if (!this.#input.code.has(value.section)) return undefined;
    return { section: value.section, index: value.offset / 8 };
  }

  #exit({ state, context }: CurrentInstruction): void {
    const { caller, callback } = context;
    if (caller === undefined) return;
    state.popFrame();
    if (callback !== undefined) {
      state.set(0, UNKNOWN);
      this.#enterFrame(callback.address, argumentsOf(callback), state, context);
    }
    this.#flow(caller.returnAddress, state, caller.context);
  }

  /** The address of an extern: 0 for a weak kernel symbol that the kernel does not have. */
  #addressOf(name: string): AbstractValue {
    const ksym = this.#input.ksyms.get(name);
    if (ksym?.status === 'absent') return constant(0n);
    const isKnown = ksym?.status === 'found' || /^(CONFIG|LINUX)_/.test(name);
    return isKnown ? { kind: 'data', section: name, offset: 0 } : UNKNOWN;
  }

  /** What `r = <64 bits>` gives. */
  #loadImmediate64(section: CodeSection, index: number): AbstractValue {
    const low = section.instructions[index];
    const high = section.instructions[index + 1];
    if (low === undefined || high === undefined) return UNKNOWN;
    const reference = section.references.get(index);
    if (reference === undefined) {
      const number = BigInt.asUintN(32, BigInt(low.immediate)) | (BigInt(high.immediate) << 32n);
      // With a source register the number stands for a map, a function or the like.
      return low.source === 0 ? constant(number) : UNKNOWN;
    }
    if (reference.kind === 'extern') return this.#addressOf(reference.name);
    const offset = reference.offset + low.immediate;
    const value: AbstractValue = { kind: 'data', section: reference.section, offset };
    const target = this.#functionAt(value);
    if (target !== undefined && !this.#callbacks.has(keyOf(target))) {
      this.#callbacks.set(keyOf(target), { address: target, isFollowed: false });
    }
    return value;
  }
}

function after(address: CodeAddress, distance = 0): CodeAddress {
  return { section: address.section, index: address.index + 1 + distance };
}

function argumentsOf({ helper, context }: Callback): readonly AbstractValue[] {
  return ARGUMENTS.map((register) => (register === helper.contextArgument ? context : UNKNOWN));
}

/** An address of the stack stays one, with an unknown offset. */
function withoutOffset(result: AbstractValue, before: AbstractValue): AbstractValue {
  const stack = [result, before].find((value) => value.kind === 'stack');
  return stack?.kind === 'stack'
    ? { kind: 'stack', frame: stack.frame, offset: undefined }
    : UNKNOWN;
}
