import type { KernelTypes, Unresolved } from '../core/resolve.ts';
import type { CodeReference } from '../core/symbols.ts';
import { typeName } from '../core/type-name.ts';
import { essentialName, RelocationError, type TypeCache } from '../core/types.ts';
import type { BtfMember, TypeId } from '../format.ts';

/** A struct of callbacks that an object gives to the kernel: `SEC(".struct_ops") struct tcp_congestion_ops`. */
export interface StructOpsMap {
  readonly name: string;
  /** The struct, in the object's BTF. */
  readonly type: TypeId;
  /** libbpf does not create it until the loader turns it on: `SEC("?.struct_ops")`. */
  readonly isOptional: boolean;
  /** Names of the members that have a value other than zero, and of those that are set to a program. */
  readonly values: ReadonlySet<string>;
  readonly programs: ReadonlySet<string>;
}

/**
 * The maps of a `.struct_ops` or `.struct_ops.link` section (bpf_object__init_struct_ops).
 *
 * @param references the relocations of the section: they set members to programs
 */
export function readStructOps(
  types: TypeCache,
  section: string,
  bytes: Uint8Array,
  references: ReadonlyMap<number, CodeReference>,
): readonly StructOpsMap[] {
  const maps: StructOpsMap[] = [];
  for (const datasec of types.btf.types()) {
    if (datasec.kind !== 'DATASEC' || datasec.name !== section) continue;
    for (const { type: id, offset } of datasec.vars) {
      const variable = types.type(id);
      if (variable.kind !== 'VAR') continue;
      const struct = types.skipModifiers(variable.type);
      if (struct.kind !== 'STRUCT') continue;
      const [values, programs] = [new Set<string>(), new Set<string>()];
      for (const { name, type, bitOffset } of struct.members) {
        const start = offset + Math.floor(bitOffset / 8);
        if (references.has(start)) programs.add(name);
        const content = bytes.subarray(start, start + sizeOf(types, type));
        if (content.some((byte) => byte !== 0)) values.add(name);
      }
      const isOptional = section.startsWith('?');
      maps.push({ name: variable.name, type: struct.id, isOptional, values, programs });
    }
  }
  return maps;
}

const VALUE_PREFIX = 'bpf_struct_ops_';

/**
 * Why libbpf cannot create a struct_ops map on a kernel, one for each problem
 * (bpf_map__init_kern_struct_ops of libbpf 1.4 and later, which passes over members that are zero
 * or a program and that the kernel does not have).
 */
export function missingStructOps(
  types: TypeCache,
  kernel: KernelTypes,
  map: StructOpsMap,
): readonly Unresolved[] {
  const struct = types.type(map.type);
  if (struct.kind !== 'STRUCT') return [];
  const name = essentialName(struct.name);
  const what = `struct ${name}`;
  const wrapper = kernel.find(`${VALUE_PREFIX}${name}`, 'STRUCT');
  const found = kernel.find(name, 'STRUCT');
  const target = found === undefined ? undefined : kernel.types.type(found);
  if (wrapper === undefined || target?.kind !== 'STRUCT') {
    const missing = wrapper === undefined ? `struct ${VALUE_PREFIX}${name}` : what;
    return [{ why: 'no-struct-ops', what, detail: `the kernel's BTF has no ${missing}` }];
  }
  return struct.members.flatMap((member) => {
    const other = target.members.find((one) => one.name === member.name);
    const problem =
      other === undefined
        ? map.values.has(member.name) && 'the kernel has no such member'
        : compareMembers(types, member, kernel.types, other, map);
    if (!problem) return [];
    const wanted = typeName(types, member.type);
    const base = { why: 'no-struct-ops', what: `${what}.${member.name}`, detail: problem } as const;
    if (other === undefined) return [{ ...base, wanted }];
    return [{ ...base, wanted, found: typeName(kernel.types, other.type) }];
  });
}

/** What is wrong with a member, or undefined. */
function compareMembers(
  types: TypeCache,
  member: BtfMember,
  kernelTypes: TypeCache,
  other: BtfMember,
  map: StructOpsMap,
): string | undefined {
  if (member.bitfieldSize > 0 || other.bitfieldSize > 0) return 'bit-fields are not supported';
  const type = types.skipModifiers(member.type);
  const kernelType = kernelTypes.skipModifiers(other.type);
  if (type.kind !== kernelType.kind) {
    return 'the kernel has another kind of type there';
  }
  if (type.kind === 'PTR' && kernelType.kind === 'PTR') {
    if (!map.programs.has(member.name)) return undefined;
    const callback = kernelTypes.skipModifiers(kernelType.type);
    return callback.kind === 'FUNC_PROTO' ? undefined : 'the kernel has no callback there';
  }
  const sizes = [sizeOf(types, type.id), sizeOf(kernelTypes, kernelType.id)];
  return sizes[0] === sizes[1]
    ? undefined
    : `it has ${sizes[0]} bytes, and ${sizes[1]} in the kernel`;
}

/** Bytes of a type, 0 for one that has no size. */
function sizeOf(types: TypeCache, type: TypeId): number {
  try {
    return types.sizeOf(type);
  } catch (thrown) {
    if (thrown instanceof RelocationError) return 0;
    throw thrown;
  }
}
