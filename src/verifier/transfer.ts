import { accessSize, CLASS, classOf, type Instruction } from '../btf/core/instruction.ts';
import { type AbstractValue, constant, UNKNOWN } from './domain.ts';
import type { AbstractState } from './state.ts';

/** What is read from sections that nobody can write, and of what the loader provides. */
export type ReadConstant = (
  of: number | string,
  offset: number,
  size: number,
) => bigint | undefined;

const MODE_BITS = 0xe0;
const MODE_MEMORY = 0x60;
const MODE_ATOMIC = 0xc0;

/** What a load from memory gives. */
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

/** What a store, or an atomic operation, leaves behind. */
export function applyStore(
  instruction: Instruction,
  state: AbstractState,
  address: AbstractValue,
  source: AbstractValue,
): void {
  const size = accessSize(instruction);
  const known = address.kind === 'stack' && address.offset !== undefined;
  const at: AbstractValue = known
    ? { kind: 'stack', offset: (address.offset ?? 0) + instruction.offset }
    : address;
  if ((instruction.code & MODE_BITS) === MODE_ATOMIC) {
    // It may hand back what was there, in its source or in r0.
    state.forgetAt(at, size);
    state.set(instruction.source, UNKNOWN);
    state.set(0, UNKNOWN);
    return;
  }
  const immediate = constant(BigInt.asUintN(size * 8, BigInt(instruction.immediate)));
  const value = classOf(instruction) === CLASS.ST ? immediate : narrowed(source, size);
  state.store(at, size, value);
}

function narrowed(known: AbstractValue, size: number): AbstractValue {
  return known.kind === 'constant' ? constant(BigInt.asUintN(size * 8, known.value)) : known;
}

/** bpf_probe_read and its siblings, bpf_get_current_comm: they write r2 bytes at r1, and no more. */
const FILLS_R1: ReadonlySet<number> = new Set([4, 16, 45, 112, 113, 114, 115]);
/** bpf_map_*_elem, bpf_ktime_get_ns, bpf_trace_printk, ..., bpf_perf_event_output: they write nothing of ours. */
const WRITES_NOTHING: ReadonlySet<number> = new Set([
  1, 2, 3, 5, 6, 7, 8, 14, 15, 25, 27, 35, 130, 132, 133,
]);

/** What a helper or a function of the kernel leaves behind. */
export function applyHelperCall({ immediate, source }: Instruction, state: AbstractState): void {
  const isHelper = source === 0;
  if (isHelper && FILLS_R1.has(immediate)) {
    const length = state.get(2);
    const size = length.kind === 'constant' ? Number(length.value) : undefined;
    state.forgetAt(state.get(1), size);
  } else if (!isHelper || !WRITES_NOTHING.has(immediate)) {
    for (const register of [1, 2, 3, 4, 5]) state.forgetAt(state.get(register));
  }
  for (const register of [0, 1, 2, 3, 4, 5]) state.set(register, UNKNOWN);
}
