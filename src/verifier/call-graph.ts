import {
  CLASS,
  type CodeAddress,
  type Instruction,
  keyOf,
  LOAD_IMMEDIATE_64,
} from '../btf/core/instruction.ts';
import type { CodeSection } from '../btf/core/object.ts';

const CALL = 0x80;
const PSEUDO_CALL = 1;

/**
 * Whether an instruction calls a function by its place in the object. Calls of kernel functions
 * (`__ksym`) look the same until libbpf relocates them: their reference is an extern.
 */
export function isLocalCall({ code, source }: Instruction): boolean {
  return code === (CLASS.JMP | CALL) && source === PSEUDO_CALL;
}

/** Whether the verifier looks at the function by itself, with unknown arguments and an unknown result. */
export function isGlobal(
  code: ReadonlyMap<number, CodeSection>,
  { section, index }: CodeAddress,
): boolean {
  const functions = code.get(section)?.functions ?? [];
  return functions.some((one) => one.start === index && one.isGlobal);
}

/**
 * The functions that libbpf puts into a program, reached or not: those that it calls, those whose
 * address it takes, and those that these call in turn.
 */
export function functionsOf(
  code: ReadonlyMap<number, CodeSection>,
  entry: CodeAddress,
): readonly CodeAddress[] {
  const found = new Map<string, CodeAddress>();
  const waiting = [entry];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const section = code.get(place.section);
    const own = section?.functions.find(({ start }) => start === place.index);
    if (section === undefined || own === undefined || found.has(keyOf(place))) continue;
    found.set(keyOf(place), place);
    for (let index = own.start; index < own.end; index++) {
      const instruction = section.instructions[index];
      if (instruction === undefined) break;
      const reference = section.references.get(index);
      if (isLocalCall(instruction) && reference?.kind !== 'extern') {
        waiting.push(calledFunction(section, { ...place, index }, instruction));
      }
      if (instruction.code === LOAD_IMMEDIATE_64 && reference?.kind === 'section') {
        const offset = reference.offset + instruction.immediate;
        waiting.push({ section: reference.section, index: offset / 8 });
      }
    }
  }
  return [...found.values()];
}

/** The function that a local call goes to. */
export function calledFunction(
  section: CodeSection,
  place: CodeAddress,
  { immediate }: Instruction,
): CodeAddress {
  const reference = section.references.get(place.index);
  if (reference?.kind === 'section') {
    return { section: reference.section, index: reference.offset / 8 + immediate + 1 };
  }
  return { ...place, index: place.index + immediate + 1 };
}
