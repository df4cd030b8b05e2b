import type { Kind } from '../format.ts';

/** How libbpf finds what a program is attached to (`section_defs` of libbpf.c, 1.1 to 1.7). */
export type AttachTarget =
  /** By name in the BTF of the kernel or of a module. */
  | {
      readonly kind: 'btf';
      readonly typeKind: Kind;
      readonly prefix: string;
      readonly name: string;
      /** The first kernel version that has such programs, as LINUX_VERSION_CODE. */
      readonly since: number;
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
  readonly since: number;
}

const version = (major: number, minor: number) => major * 0x10000 + minor * 0x100;

const TRACEPOINT: BtfSection = {
  typeKind: 'TYPEDEF',
  prefix: 'btf_trace_',
  since: version(5, 5),
};
const FUNCTION: BtfSection = { typeKind: 'FUNC', prefix: '', since: version(5, 5) };
const MODIFY_RETURN: BtfSection = { typeKind: 'FUNC', prefix: '', since: version(5, 7) };
const LSM: BtfSection = { typeKind: 'FUNC', prefix: 'bpf_lsm_', since: version(5, 7) };
const LSM_CGROUP: BtfSection = { typeKind: 'FUNC', prefix: 'bpf_lsm_', since: version(6, 0) };
const ITERATOR: BtfSection = { typeKind: 'FUNC', prefix: 'bpf_iter_', since: version(5, 8) };

/** Sections whose programs have a target in BTF (SEC_ATTACH_BTF; btf_get_kernel_prefix_kind). */
const BTF_SECTIONS: ReadonlyMap<string, BtfSection> = new Map([
  ['tp_btf', TRACEPOINT],
  ['fentry', FUNCTION],
  ['fentry.s', FUNCTION],
  ['fexit', FUNCTION],
  ['fexit.s', FUNCTION],
  ['fmod_ret', MODIFY_RETURN],
  ['fmod_ret.s', MODIFY_RETURN],
  ['fsession', FUNCTION],
  ['fsession.s', FUNCTION],
  ['lsm', LSM],
  ['lsm.s', LSM],
  ['lsm_cgroup', LSM_CGROUP],
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
    const { typeKind, prefix, since } = btf;
    return { kind: 'btf', typeKind, prefix, name, since };
  }
  if (OTHER_SECTIONS.test(type)) return { kind: 'other' };
  return type === 'freplace' ? { kind: 'loader' } : { kind: 'none' };
}

/** Whether libbpf leaves the programs of a section out until the loader turns them on. */
export function isOptionalSection(section: string): boolean {
  return section.startsWith('?');
}
