import type { Kind } from '../format.ts';

/** How libbpf finds what a program is attached to (`section_defs` of libbpf.c, 1.1 to 1.7). */
export type AttachTarget =
  /** By name in the BTF of the kernel or of a module. */
  | {
      readonly kind: 'btf';
      readonly typeKind: Kind;
      readonly prefix: string;
      readonly name: string;
    }
  /** By a name that BTF does not have: a symbol, a tracepoint, a function of a user program. */
  | { readonly kind: 'other' }
  /** The loader names it at run time: `SEC("fentry")`, `SEC("freplace/...")`. */
  | { readonly kind: 'loader' }
  /** It has no name: a socket, an interface, a cgroup, the member of a struct_ops map. */
  | { readonly kind: 'none' };

interface BtfSection {
  readonly typeKind: Kind;
  readonly prefix: string;
}

const FUNCTION: BtfSection = { typeKind: 'FUNC', prefix: '' };
const LSM: BtfSection = { typeKind: 'FUNC', prefix: 'bpf_lsm_' };
const ITERATOR: BtfSection = { typeKind: 'FUNC', prefix: 'bpf_iter_' };

/** Sections whose programs have a target in BTF (SEC_ATTACH_BTF; btf_get_kernel_prefix_kind). */
const BTF_SECTIONS: ReadonlyMap<string, BtfSection> = new Map([
  ['tp_btf', { typeKind: 'TYPEDEF', prefix: 'btf_trace_' }],
  ['fentry', FUNCTION],
  ['fentry.s', FUNCTION],
  ['fexit', FUNCTION],
  ['fexit.s', FUNCTION],
  ['fmod_ret', FUNCTION],
  ['fmod_ret.s', FUNCTION],
  ['fsession', FUNCTION],
  ['fsession.s', FUNCTION],
  ['lsm', LSM],
  ['lsm.s', LSM],
  ['lsm_cgroup', LSM],
  ['iter', ITERATOR],
  ['iter.s', ITERATOR],
]);

/** Sections whose programs are attached by a name that is in no BTF. */
const OTHER_SECTIONS =
  /^(k(ret)?probe(\.multi|\.session)?|u(ret)?probe(\.multi|\.session)?(\.s)?|k(ret)?syscall|usdt(\.s)?|(raw_)?(tracepoint|tp)(\.w)?)$/;

/** What a program of that ELF section is attached to. */
export function attachTargetOf(section: string): AttachTarget {
  const plain = section.replace(/^\?/, '');
  const slash = plain.indexOf('/');
  const type = slash < 0 ? plain : plain.slice(0, slash);
  const target = slash < 0 ? undefined : plain.slice(slash + 1);
  const btf = BTF_SECTIONS.get(type);
  if (btf !== undefined) {
    if (target === undefined || target === '') return { kind: 'loader' };
    // `<module>:<function>`, since libbpf 1.5.
    const name = target.slice(target.indexOf(':') + 1);
    return { kind: 'btf', typeKind: btf.typeKind, prefix: btf.prefix, name };
  }
  if (OTHER_SECTIONS.test(type)) return { kind: 'other' };
  return type === 'freplace' ? { kind: 'loader' } : { kind: 'none' };
}

/** Whether libbpf leaves the programs of a section out until the loader turns them on. */
export function isOptionalSection(section: string): boolean {
  return section.startsWith('?');
}
