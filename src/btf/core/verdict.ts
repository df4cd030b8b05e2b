import type { ByteOrder } from '../format.ts';
import { type Applied, type Relocated, relocate } from './apply.ts';
import { calledFrom, isGlobal, keyOf, type Place } from './calls.ts';
import type { ReadConstant } from './effects.ts';
import type { BpfObject, Code } from './object.ts';
import { reachable } from './reach.ts';
import type { Kernel, Problem } from './relocate.ts';

/** What an object asks for and a kernel has not. */
export interface Missing extends Problem {
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
  readonly missing: readonly Missing[];
}

/**
 * Will this object load on this kernel, as far as types are concerned? A relocation that finds
 * nothing makes its instruction invalid, which matters only where the program can get to it once
 * its questions (`bpf_core_field_exists`, enumerators, sizes, LINUX_KERNEL_VERSION) have their
 * answers. Types on which libbpf refuses the whole object are missing wherever they are used.
 */
export function judge(
  object: BpfObject,
  kernel: Kernel,
  uname?: string,
  known: KnownVerdicts = new Map(),
): Verdict {
  const relocated = relocate(object, kernel);
  const relocations = relocated.applied.length;
  if (!relocated.applied.some(hasFailed)) return { relocations, guarded: 0, missing: [] };
  const key = signature(object, relocated, uname);
  const verdict = known.get(key) ?? follow(object, relocated, uname);
  known.set(key, verdict);
  return verdict;
}

/** Verdicts on one object that stand for every kernel which answers it alike; made by `judge`. */
export type KnownVerdicts = Map<string, Verdict>;

type Failed = Applied & { readonly resolution: { readonly problem: Problem } };

function hasFailed(applied: Applied): applied is Failed {
  return applied.resolution.status !== 'value';
}

/** All that a program's way can depend on. Where fields lie is not in it: that is not counted on. */
function signature(object: BpfObject, { applied }: Relocated, uname: string | undefined): string {
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
    [...references.values()].some((one) => one.to === 'extern' && one.name === VERSION_VARIABLE),
  );
}

function follow(object: BpfObject, relocated: Relocated, uname: string | undefined): Verdict {
  const failed = relocated.applied.filter(hasFailed);
  const asConfigured = reachedIn(object, relocated, uname, 'any');
  const isSuspect = ({ place, resolution }: Failed) =>
    resolution.status === 'refused' || asConfigured(place);
  const suspects = failed.filter(isSuspect);
  const asBuilt =
    suspects.length > 0 ? reachedIn(object, relocated, uname, 'as-built') : () => false;
  const missing = new Map<string, Missing>();
  for (const { place, resolution } of suspects) {
    const { name, isOptional } = describePlace(relocated, place);
    const isReached = resolution.status === 'refused' || asBuilt(place);
    const when = isReached && !isOptional ? 'always' : 'optional';
    const found: Missing = { ...resolution.problem, function: name, when };
    missing.set(`${name} ${found.what} ${found.why} ${when}`, found);
  }
  return {
    relocations: relocated.applied.length,
    guarded: failed.length - suspects.length,
    missing: [...missing.values()],
  };
}

/** Which instructions any of the object's programs reaches. */
function reachedIn(
  object: BpfObject,
  relocated: Relocated,
  uname: string | undefined,
  constants: 'as-built' | 'any',
): (place: Place) => boolean {
  const read = reader(object, versionCode(uname), constants);
  const offsets = new Set(relocated.applied.filter(isOffset).map(({ place }) => keyOf(place)));
  const failed = new Set(relocated.applied.filter(hasFailed).map(({ place }) => keyOf(place)));
  // Where a field lies says nothing about which way a program goes.
  const unknown = (place: Place) => offsets.has(keyOf(place)) || failed.has(keyOf(place));
  const programs = entries(relocated.code)
    .filter(({ optional }) => constants === 'any' || !optional)
    .flatMap(({ place }) => [place, ...verifiedBesides(relocated.code, place, uname)])
    .map((place) => reachable({ code: relocated.code, read, unknown }, place));
  return (place) => programs.some((reached) => reached(place));
}

/** Kernels before 6.8 verify a program's global functions also where nothing that is reached calls them. */
const LAZY_SINCE = 0x60800n;

function isLazy(uname: string | undefined): boolean {
  const version = versionCode(uname);
  return version !== undefined && version >= LAZY_SINCE;
}

function verifiedBesides(
  code: ReadonlyMap<number, Code>,
  entry: Place,
  uname: string | undefined,
): readonly Place[] {
  if (isLazy(uname)) return [];
  return calledFrom(code, entry).filter((place) => place !== entry && isGlobal(code, place));
}

function isOffset({ relocation }: Applied): boolean {
  return relocation.kind === 'byte_off';
}

const SUBPROGRAMS = '.text';

/** The programs: the functions outside of `.text`, which holds what they call, unless there is nothing else. */
function entries(code: ReadonlyMap<number, Code>) {
  const all = [...code.values()].flatMap(({ name, section, functions }) =>
    functions.map(({ start }) => ({
      ...{ isSubprogram: name === SUBPROGRAMS, optional: name.startsWith('?') },
      place: { section, index: start },
    })),
  );
  const programs = all.filter(({ isSubprogram }) => !isSubprogram);
  return programs.length > 0 ? programs : all;
}

function describePlace({ code }: Relocated, { section, index }: Place) {
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

function reader(
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
