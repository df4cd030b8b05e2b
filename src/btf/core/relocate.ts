import type { Relocation } from '../btf-ext.ts';
import { type CodeAddress, INSTRUCTION_SIZE } from './instruction.ts';
import type { BpfObject, CodeSection } from './object.ts';
import { patch } from './patch.ts';
import { type KernelTypes, type Resolution, resolver } from './resolve.ts';

/** The result of one relocation. */
export interface RelocationResult {
  readonly relocation: Relocation;
  readonly address: CodeAddress;
  readonly resolution: Resolution;
}

export interface RelocatedObject {
  /** The object's code with the kernel's values in it, by section number. */
  readonly code: ReadonlyMap<number, CodeSection>;
  readonly results: readonly RelocationResult[];
}

/** Relocates an object against a kernel, in the order in which libbpf does it. */
export function relocate(object: BpfObject, kernel: KernelTypes): RelocatedObject {
  const resolve = resolver(object.types, kernel);
  const sections = new Map(
    object.code.map((code) => [code.name, { ...code, instructions: [...code.instructions] }]),
  );
  const applied: RelocationResult[] = [];
  for (const relocation of object.relocations) {
    const code = sections.get(relocation.section);
    if (code === undefined) continue;
    const index = relocation.offset / INSTRUCTION_SIZE;
    // Code of a function that the linker replaced belongs to no function.
    if (!code.functions.some(({ start, end }) => start <= index && index < end)) continue;
    const resolved = resolve(relocation);
    const resolution =
      resolved.status === 'value'
        ? patch(code.instructions, index, resolved, kernel.types)
        : resolved;
    applied.push({ relocation, address: { section: code.section, index }, resolution });
  }
  const code = new Map([...sections.values()].map((one) => [one.section, one]));
  return { code, results: applied };
}
