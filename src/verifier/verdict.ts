import { type CodeAddress, keyOf } from '../btf/core/instruction.ts';
import type { BpfObject, CodeSection } from '../btf/core/object.ts';
import { type RelocatedObject, type RelocationResult, relocate } from '../btf/core/relocate.ts';
import type { KernelTypes, Unresolved } from '../btf/core/resolve.ts';
import type { ByteOrder } from '../btf/format.ts';
import { functionsOf, isGlobal } from './call-graph.ts';
import { findReachable } from './reach.ts';
import type { ReadConstant } from './transfer.ts';

/** What an object asks for and a kernel has not. */
export interface MissingDependency extends Unresolved {
  /** The function whose instruction it is. */
  readonly function: string;
  /**
   * `always`: the program reaches it, so the kernel will not load it. `optional`: only after the
   * loader has turned something on (a constant in .rodata, a program in a `?` section).
   */
  readonly when: 'always' | 'optional';
}

export interface Verdict {
  readonly relocations: number;
  /** Relocations without a value that no program reaches: the object asks before it looks. */
  readonly guarded: number;
  /** One for each thing that is missing in each function. */
  readonly missing: readonly MissingDependency[];
}

/**
 * Will this object load on this kernel, as far as types are concerned? A relocation that finds
 * nothing makes its instruction invalid, which matters only where the program can get to it once
 * its questions (`bpf_core_field_exists`, enumerators, sizes, LINUX_KERNEL_VERSION) have their
 * answers. Types on which libbpf refuses the whole object are missing wherever they are used.
 */
export function judge(
  object: BpfObject,
  kernel: KernelTypes,
  uname?: string,
  known: VerdictCache = new Map(),
): Verdict {
  const relocated = relocate(object, kernel);
  const relocations = relocated.results.length;
  if (!relocated.results.some(hasFailed)) return { relocations, guarded: 0, missing: [] };
  const key = cacheKey(object, relocated, uname);
  const verdict = known.get(key) ?? analyse(object, relocated, uname);
  known.set(key, verdict);
  return verdict;
}

/** Verdicts on one object that stand for every kernel which answers it alike; made by `judge`. */
export type VerdictCache = Map<string, Verdict>;

type Failed = RelocationResult & { readonly resolution: { readonly problem: Unresolved } };

function hasFailed(applied: RelocationResult): applied is Failed {
  return applied.resolution.status !== 'value';
}

/** All that a program's way can depend on. Where fields lie is not in it: that is not counted on. */
function cacheKey(
  object: BpfObject,
  { results: applied }: RelocatedObject,
  uname: string | undefined,
): string {
  const answers = applied.map((one) => {
    if (hasFailed(one)) return `${one.resolution.problem.why} ${one.resolution.problem.detail}`;
    const isKnown = one.resolution.status === 'value' && !isOffset(one);
    return isKnown ? `${one.resolution.value.value}` : '';
  });
  const version = usesVersion(object) ? `${versionCode(uname)}` : '';
  return [version, `${isLazy(uname)}`, ...answers].join('\n');
}

function usesVersion({ code }: BpfObject): boolean {
  return code.some(({ references }) =>
    [...references.values()].some((one) => one.kind === 'extern' && one.name === VERSION_VARIABLE),
  );
}

function analyse(
  object: BpfObject,
  relocated: RelocatedObject,
  uname: string | undefined,
): Verdict {
  const failed = relocated.results.filter(hasFailed);
  const asConfigured = reachedIn(object, relocated, uname, 'any');
  const isSuspect = ({ address: place, resolution }: Failed) =>
    resolution.status === 'refused' || asConfigured(place);
  const suspects = failed.filter(isSuspect);
  const asBuilt =
    suspects.length > 0 ? reachedIn(object, relocated, uname, 'as-built') : () => false;
  const missing = new Map<string, MissingDependency>();
  for (const { address: place, resolution } of suspects) {
    const { name, isOptional } = functionAt(relocated, place);
    const isReached = resolution.status === 'refused' || asBuilt(place);
    const when = isReached && !isOptional ? 'always' : 'optional';
    const found: MissingDependency = { ...resolution.problem, function: name, when };
    missing.set(`${name} ${found.what} ${found.why} ${when}`, found);
  }
  return {
    relocations: relocated.results.length,
    guarded: failed.length - suspects.length,
    missing: [...missing.values()],
  };
}

/** Which instructions any of the object's programs reaches. */
function reachedIn(
  object: BpfObject,
  relocated: RelocatedObject,
  uname: string | undefined,
  constants: 'as-built' | 'any',
): (place: CodeAddress) => boolean {
  const read = constantReader(object, versionCode(uname), constants);
  const offsets = new Set(
    relocated.results.filter(isOffset).map(({ address: place }) => keyOf(place)),
  );
  const failed = new Set(
    relocated.results.filter(hasFailed).map(({ address: place }) => keyOf(place)),
  );
  // Where a field lies says nothing about which way a program goes.
  const isUnknown = (place: CodeAddress) => offsets.has(keyOf(place)) || failed.has(keyOf(place));
  const programs = entryPoints(relocated.code)
    .filter(({ optional }) => constants === 'any' || !optional)
    .flatMap(({ place }) => [place, ...globalFunctions(relocated.code, place, uname)])
    .map((place) => findReachable({ code: relocated.code, read, isUnknown }, place));
  return (place) => programs.some((reached) => reached(place));
}

/** Kernels before 6.8 verify a program's global functions also where nothing that is reached calls them. */
const LAZY_SINCE = 0x60800n;

function isLazy(uname: string | undefined): boolean {
  const version = versionCode(uname);
  return version !== undefined && version >= LAZY_SINCE;
}

function globalFunctions(
  code: ReadonlyMap<number, CodeSection>,
  entry: CodeAddress,
  uname: string | undefined,
): readonly CodeAddress[] {
  if (isLazy(uname)) return [];
  return functionsOf(code, entry).filter((place) => place !== entry && isGlobal(code, place));
}

function isOffset({ relocation }: RelocationResult): boolean {
  return relocation.kind === 'byte_off';
}

const SUBPROGRAMS = '.text';

/** The programs: the functions outside of `.text`, which holds what they call, unless there is nothing else. */
function entryPoints(code: ReadonlyMap<number, CodeSection>) {
  const all = [...code.values()].flatMap(({ name, section, functions }) =>
    functions.map(({ start }) => ({
      ...{ isSubprogram: name === SUBPROGRAMS, optional: name.startsWith('?') },
      place: { section, index: start },
    })),
  );
  const programs = all.filter(({ isSubprogram }) => !isSubprogram);
  return programs.length > 0 ? programs : all;
}

function functionAt({ code }: RelocatedObject, { section, index }: CodeAddress) {
  const found = code.get(section);
  const owner = found?.functions.find(({ start, end }) => start <= index && index < end);
  return { name: owner?.name ?? '', isOptional: found?.name.startsWith('?') ?? false };
}

/** What libbpf gives a program that asks which kernel it is on. */
const VERSION_VARIABLE = 'LINUX_KERNEL_VERSION';

/** LINUX_VERSION_CODE of a `uname -r`, as libbpf puts it into LINUX_KERNEL_VERSION. */
function versionCode(uname: string | undefined): bigint | undefined {
  const found = uname === undefined ? null : /^(\d+)\.(\d+)\.(\d+)/.exec(uname);
  if (found === null) return undefined;
  const [major = 0, minor = 0, patch = 0] = found.slice(1).map(Number);
  return BigInt(major * 65536 + minor * 256 + Math.min(patch, 255));
}

function constantReader(
  object: BpfObject,
  version: bigint | undefined,
  constants: 'as-built' | 'any',
): ReadConstant {
  const { byteOrder } = object.types.btf;
  return (of, offset, size) => {
    if (of === VERSION_VARIABLE) return offset === 0 && size === 4 ? version : undefined;
    if (typeof of === 'string' || constants === 'any') return undefined;
    const bytes = object.constants.get(of)?.subarray(offset, offset + size);
    return bytes?.length === size && offset >= 0 ? toBigInt(bytes, byteOrder) : undefined;
  };
}

function toBigInt(bytes: Uint8Array, byteOrder: ByteOrder): bigint {
  const ordered = byteOrder === 'little' ? [...bytes].reverse() : [...bytes];
  return ordered.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
