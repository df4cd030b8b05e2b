import { accessSize, CLASS, classOf, type Instruction } from '../btf/core/instruction.ts';
import { type AbstractValue, constant, UNKNOWN } from './domain.ts';
import type { AbstractState } from './state.ts';

/** Reads constants: of read-only sections by their number, and of the loader's externs by their name. */
export type ReadConstant = (
  section: number | string,
  offset: number,
  size: number,
) => bigint | undefined;

const MODE_BITS = 0xe0;
const MODE_MEMORY = 0x60;
const MODE_ATOMIC = 0xc0;

/** The value that a load from memory gives. */
export function evaluateLoad(
  instruction: Instruction,
  state: AbstractState,
  address: AbstractValue,
  read: ReadConstant,
): AbstractValue {
  if ((instruction.code & MODE_BITS) !== MODE_MEMORY) return UNKNOWN;
  const size = accessSize(instruction);
  if (address.kind === 'stack' && address.offset !== undefined) {
    return state.load({ ...address, offset: address.offset + instruction.offset }, size);
  }
  if (address.kind !== 'data') return UNKNOWN;
  const value = read(address.section, address.offset + instruction.offset, size);
  return value === undefined ? UNKNOWN : constant(value);
}

/** Changes the state as a store or an atomic operation does. */
export function applyStore(
  instruction: Instruction,
  state: AbstractState,
  address: AbstractValue,
  source: AbstractValue,
): void {
  const size = accessSize(instruction);
  const isExact = address.kind === 'stack' && address.offset !== undefined;
  const at: AbstractValue = isExact
    ? {
        kind: 'stack',
        frame: address.frame,
        offset: (address.offset ?? 0) + instruction.offset,
      }
    : address;
  if ((instruction.code & MODE_BITS) === MODE_ATOMIC) {
    // It may return the old value, in its source register or in r0.
    state.forgetAt(at, size);
    state.set(instruction.source, UNKNOWN);
    state.set(0, UNKNOWN);
    return;
  }
  const immediate = constant(BigInt.asUintN(size * 8, BigInt(instruction.immediate)));
  const value = classOf(instruction) === CLASS.ST ? immediate : narrowed(source, size);
  state.store(at, size, value);
}

function narrowed(value: AbstractValue, size: number): AbstractValue {
  return value.kind === 'constant' ? constant(BigInt.asUintN(size * 8, value.value)) : value;
}

/** bpf_probe_read and its variants, bpf_get_current_comm: they write r2 bytes at r1, and nothing else. */
const FILLS_R1: ReadonlySet<number> = new Set([4, 16, 45, 112, 113, 114, 115]);
/** bpf_map_*_elem, bpf_ktime_get_ns, bpf_trace_printk, bpf_perf_event_output, ...: they write no memory of the program. */
const WRITES_NOTHING: ReadonlySet<number> = new Set([
  1, 2, 3, 5, 6, 7, 8, 14, 15, 25, 27, 35, 130, 132, 133,
]);

/** Changes the state as a helper or a kernel function does. */
export function applyHelperCall({ immediate, source }: Instruction, state: AbstractState): void {
  const isHelper = source === 0;
  if (isHelper && FILLS_R1.has(immediate)) {
    const length = state.get(2);
    const size = length.kind === 'constant' ? Number(length.value) : undefined;
    state.forgetAt(state.get(1), size);
  } else if (!isHelper || !WRITES_NOTHING.has(immediate)) {
    for (const register of [1, 2, 3, 4, 5]) state.forgetAt(state.get(register));
  }
  state.forgetCallerSaved();
}

/** Which argument of a helper is the callback, which the context, and where the callback gets that. */
export interface CallbackHelper {
  readonly callback: number;
  readonly context: number;
  readonly contextArgument: number;
}

/** Helpers that call a function of the object at once, on the caller's stack (bpf-helpers(7)). */
export const CALLBACK_HELPERS: ReadonlyMap<number, CallbackHelper> = new Map([
  // bpf_for_each_map_elem
  [164, { callback: 2, context: 3, contextArgument: 4 }],
  // bpf_find_vma
  [180, { callback: 3, context: 4, contextArgument: 3 }],
  // bpf_loop
  [181, { callback: 2, context: 3, contextArgument: 2 }],
  // bpf_user_ringbuf_drain
  [209, { callback: 2, context: 3, contextArgument: 2 }],
]);
