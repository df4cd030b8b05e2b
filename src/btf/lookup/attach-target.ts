import type { KernelTypes, Unresolved } from '../core/resolve.ts';
import { attachTargetOf } from './program-section.ts';

const WHAT: Readonly<Record<string, string>> = {
  bpf_lsm_: 'LSM hook',
  bpf_iter_: 'iterator',
  btf_trace_: 'tracepoint',
  '': 'function',
};

/**
 * Why libbpf cannot find what a program of that ELF section is attached to in the kernel's BTF
 * (libbpf_find_attach_btf_id); undefined where it can, or does not look there.
 */
export function missingAttachTarget(kernel: KernelTypes, section: string): Unresolved | undefined {
  const target = attachTargetOf(section);
  if (target.kind !== 'btf') return undefined;
  if (kernel.find(`${target.prefix}${target.name}`, target.typeKind) !== undefined)
    return undefined;
  return {
    why: 'no-attach-target',
    what: section.replace(/^\?/, ''),
    detail: `the kernel's BTF has no ${WHAT[target.prefix]} '${target.name}'`,
  };
}
