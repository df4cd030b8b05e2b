import { typesAreCompatible } from '../core/compatible.ts';
import type { KernelTypes, Unresolved } from '../core/resolve.ts';
import type { ElfSymbol } from '../core/symbols.ts';
import { functionName, typeName } from '../core/type-name.ts';
import { essentialName, RelocationError, type TypeCache } from '../core/types.ts';
import type { TypeId } from '../format.ts';

/** A kernel function or variable that an object declares with `__ksym`. */
export interface Ksym {
  readonly name: string;
  readonly kind: 'function' | 'variable';
  /** The program can ask whether it is there: `__weak`. */
  readonly isWeak: boolean;
  /**
   * A function's prototype, or a variable's type without modifiers, in the object's BTF; undefined
   * for `extern const void`, whose address libbpf takes from /proc/kallsyms.
   */
  readonly type: TypeId | undefined;
}

/** The section of BTF that holds them. */
const KSYMS = '.ksyms';

/** The kernel symbols that an object uses (bpf_object__collect_externs). */
export function readKsyms(types: TypeCache, symbols: readonly ElfSymbol[]): readonly Ksym[] {
  const weak = new Set(
    symbols.filter(({ isWeak, section }) => isWeak && section === 0).map(({ name }) => name),
  );
  const ksyms: Ksym[] = [];
  for (const section of types.btf.types()) {
    if (section.kind !== 'DATASEC' || section.name !== KSYMS) continue;
    for (const { type: id } of section.vars) {
      const entry = types.type(id);
      const { name } = entry;
      const isWeak = weak.has(name);
      if (entry.kind === 'FUNC') ksyms.push({ name, kind: 'function', isWeak, type: entry.type });
      if (entry.kind !== 'VAR') continue;
      const type = types.skipModifiers(entry.type).id;
      ksyms.push({ name, kind: 'variable', isWeak, type: type === 0 ? undefined : type });
    }
  }
  return ksyms;
}

/** What libbpf makes of a kernel symbol. */
export type KsymResolution =
  /** It is not looked for in BTF. */
  | { readonly status: 'not-checked' }
  | { readonly status: 'found' }
  /** It is weak: its address is 0, and a call of it is an instruction that the verifier refuses. */
  | { readonly status: 'absent'; readonly problem: Unresolved }
  /** libbpf does not load the object. */
  | { readonly status: 'refused'; readonly problem: Unresolved };

/** Looks a kernel symbol up as libbpf does (bpf_object__resolve_ksyms_btf_id of libbpf.c). */
export function resolveKsym(types: TypeCache, kernel: KernelTypes, ksym: Ksym): KsymResolution {
  const { name, kind, isWeak, type } = ksym;
  if (type === undefined) return { status: 'not-checked' };
  const what = kind === 'function' ? `${essentialName(name)}()` : name;
  const id =
    kind === 'function' ? kernel.find(essentialName(name), 'FUNC') : kernel.find(name, 'VAR');
  if (id === undefined) {
    const detail = `the kernel's BTF has no ${kind} '${name}'`;
    const problem: Unresolved = { why: 'no-ksym', what, detail };
    return { status: isWeak ? 'absent' : 'refused', problem };
  }
  const entry = kernel.types.type(id);
  const found = 'type' in entry ? entry.type : 0;
  const compared = kind === 'function' ? found : kernel.types.skipModifiers(found).id;
  if (isCompatible(types, type, kernel.types, compared)) return { status: 'found' };
  const problem: Unresolved = {
    why: 'other-type',
    what,
    detail: `the kernel's ${kind} '${name}' has another type`,
    wanted: kind === 'function' ? functionName(types, name, type) : typeName(types, type),
    found:
      kind === 'function'
        ? functionName(kernel.types, name, found)
        : typeName(kernel.types, compared),
  };
  // A weak function of another type counts as absent since libbpf 1.2; a weak variable never does.
  return { status: isWeak && kind === 'function' ? 'absent' : 'refused', problem };
}

function isCompatible(
  types: TypeCache,
  type: TypeId,
  kernelTypes: TypeCache,
  kernelType: TypeId,
): boolean {
  try {
    return typesAreCompatible(types, type, kernelTypes, kernelType);
  } catch (thrown) {
    if (thrown instanceof RelocationError) return false;
    throw thrown;
  }
}
