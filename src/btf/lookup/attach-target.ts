import type { KernelTypes, Unresolved } from '../core/resolve.ts';
import { attachTargetOf } from './program-section.ts';

const WHAT: Readonly<Record<string, string>> = {
  bpf_lsm_: 'LSM hook',
  bpf_iter_: 'iterator',
  btf_trace_: 'tracepoint',
  '': 'function',
};

/**
 * Why libbpf or the kernel cannot find what a program of that ELF section is attached to in the
 * kernel's BTF (libbpf_find_attach_btf_id); undefined where they can, or do not look there.
 *
 * @param version LINUX_VERSION_CODE of the kernel, where it is known
 */
export function missingAttachTarget(
  kernel: KernelTypes,
  section: string,
  version: bigint | undefined,
): Unresolved | undefined {
  const target = attachTargetOf(section);
  if (target.kind !== 'btf') return undefined;
  const what = section.replace(/^\?/, '');
  if (version !== undefined && version < BigInt(target.since)) {
    const since = `${target.since >> 16}.${(target.since >> 8) & 0xff}`;
    const type = what.slice(0, what.indexOf('/'));
    return {
      why: 'no-attach-target',
      what,
      detail: `kernels before Linux ${since} have no ${type} programs`,
    };
  }
  if (kernel.find(`${target.prefix}${target.name}`, target.typeKind) !== undefined)
    return undefined;
  return {
    why: 'no-attach-target',
    what,
    detail: `the kernel's BTF has no ${WHAT[target.prefix]} '${target.name}'`,
  };
}
