import type { SourceLine } from '../btf/btf-ext.ts';
import { type CodeAddress, keyOf } from '../btf/core/instruction.ts';
import { type BpfObject, type CodeSection, sourceLineOf } from '../btf/core/object.ts';
import { type RelocatedObject, type RelocationResult, relocate } from '../btf/core/relocate.ts';
import type { KernelTypes, Unresolved } from '../btf/core/resolve.ts';
import type { ByteOrder } from '../btf/format.ts';
import { missingAttachTarget } from '../btf/lookup/attach-target.ts';
import { type KsymResolution, resolveKsym } from '../btf/lookup/ksym.ts';
import { isOptionalSection } from '../btf/lookup/program-section.ts';
import { missingStructOps } from '../btf/lookup/struct-ops.ts';
import { functionsOf, isGlobal, isLocalCall } from './call-graph.ts';
import { findReachable } from './reach.ts';
import type { ReadConstant } from './transfer.ts';

/** Where in the source a program asks for something. */
export type SourcePosition = Pick<SourceLine, 'file' | 'line' | 'column' | 'text'>;

/** Something that an object needs and a kernel does not have, in one function. */
export interface MissingDependency extends Unresolved {
  /** The function that needs it, or the struct_ops map. */
  readonly function: string;
  /**
   * `always`: the kernel will not load the object. `optional`: only after the loader has turned
   * something on (a constant in .rodata, a program or map in a `?` section).
   */
  readonly when: 'always' | 'optional';
  /** The lines that need it; empty where the object has no line info for them. */
  readonly sources: readonly SourcePosition[];
}

export interface Verdict {
  /** Number of CO-RE relocations. */
  readonly relocations: number;
  /** Relocations without a value, and calls of absent functions, that no program reaches. */
  readonly guarded: number;
  /** One for each dependency that is missing in each function. */
  readonly missing: readonly MissingDependency[];
}

/**
 * Will this object load on this kernel, as far as BTF says? It will not where libbpf refuses it: an
 * ambiguous type, an attach target, kernel symbol or struct_ops type that the kernel does not have.
 * A relocation that finds nothing, and a call of an absent weak function, make their instruction
 * invalid; that matters only where a program reaches it once its questions
 * (`bpf_core_field_exists`, enumerators, sizes, `bpf_ksym_exists`, LINUX_KERNEL_VERSION) have their
 * answers.
 *
 * @param uname `uname -r` of the kernel, for its version
 * @param cache of this object, from earlier kernels; it gets this verdict as well
 */
export function judge(
  object: BpfObject,
  kernel: KernelTypes,
  uname?: string,
  cache: VerdictCache = new Map(),
): Verdict {
  const evidence = collect(object, kernel, uname);
  const key = cacheKey(evidence);
  const verdict = cache.get(key) ?? decide(evidence);
  cache.set(key, verdict);
  return verdict;
}

/** Verdicts on one object. Kernels that answer all its questions alike share one; `judge` fills it. */
export type VerdictCache = Map<string, Verdict>;

/** All that a kernel answers to an object. */
interface Evidence {
  readonly object: BpfObject;
  readonly version: bigint | undefined;
  readonly relocated: RelocatedObject;
  readonly ksyms: ReadonlyMap<string, KsymResolution>;
  /** Instructions that are invalid on this kernel. */
  readonly invalid: readonly InvalidInstruction[];
  /** What libbpf misses before it looks at instructions. */
  readonly missing: readonly MissingDependency[];
}

interface InvalidInstruction {
  readonly address: CodeAddress;
  readonly problem: Unresolved;
  /** libbpf refuses the program, so that it does not matter whether it reaches the instruction. */
  readonly isRefused: boolean;
}

function collect(object: BpfObject, kernel: KernelTypes, uname: string | undefined): Evidence {
  const version = versionCode(uname);
  const relocated = relocate(object, kernel);
  const ksyms = new Map(
    object.ksyms.map((ksym) => [ksym.name, resolveKsym(object.types, kernel, ksym)]),
  );
  const invalid = relocated.results.flatMap(({ address, resolution }): InvalidInstruction[] => {
    if (resolution.status === 'value') return [];
    const isRefused = resolution.status === 'refused';
    return [{ address, problem: resolution.problem, isRefused }];
  });
  return {
    object,
    version,
    relocated,
    ksyms,
    invalid: [...invalid, ...callsOfAbsent(object, ksyms)],
    missing: [
      ...missingTargets(object, kernel, version),
      ...refusedKsyms(object, ksyms),
      ...object.structOps.flatMap((map) =>
        missingStructOps(object.types, kernel, map).map((problem) => {
          const when = map.isOptional ? 'optional' : 'always';
          return missingAt(problem, map.name, when, []);
        }),
      ),
    ],
  };
}

function missingTargets(
  object: BpfObject,
  kernel: KernelTypes,
  version: bigint | undefined,
): readonly MissingDependency[] {
  return object.code.flatMap((code) => {
    const problem = missingAttachTarget(kernel, code.name, version);
    if (problem === undefined) return [];
    const when = isOptionalSection(code.name) ? 'optional' : 'always';
    return code.functions.map(({ name, start }) =>
      missingAt(problem, name, when, [sourceLineOf(code, start)]),
    );
  });
}

/** Kernel symbols for which libbpf refuses the whole object, in each function that uses them. */
function refusedKsyms(
  object: BpfObject,
  ksyms: ReadonlyMap<string, KsymResolution>,
): readonly MissingDependency[] {
  return [...ksyms].flatMap(([name, resolution]) => {
    if (resolution.status !== 'refused') return [];
    const users = usesOf(object, name);
    const functions = [...new Set(users.map((use) => use.function))];
    if (functions.length === 0) return [missingAt(resolution.problem, '', 'always', [])];
    return functions.map((one) => {
      const lines = users.filter((use) => use.function === one).map(({ line }) => line);
      return missingAt(resolution.problem, one, 'always', lines);
    });
  });
}

/** libbpf makes each of these an instruction that the verifier refuses. */
function callsOfAbsent(
  object: BpfObject,
  ksyms: ReadonlyMap<string, KsymResolution>,
): readonly InvalidInstruction[] {
  return [...ksyms].flatMap(([name, resolution]) => {
    if (resolution.status !== 'absent') return [];
    return usesOf(object, name)
      .filter(({ isCall }) => isCall)
      .map(({ address }) => ({ address, problem: resolution.problem, isRefused: false }));
  });
}

interface KsymUse {
  readonly address: CodeAddress;
  readonly function: string;
  readonly isCall: boolean;
  readonly line: SourceLine | undefined;
}

/** The instructions that refer to a kernel symbol. */
function usesOf(object: BpfObject, name: string): readonly KsymUse[] {
  return object.code.flatMap((code) =>
    [...code.references].flatMap(([index, reference]): KsymUse[] => {
      const instruction = code.instructions[index];
      if (reference.kind !== 'extern' || reference.name !== name) return [];
      if (instruction === undefined) return [];
      const owner = code.functions.find(({ start, end }) => start <= index && index < end);
      return [
        {
          address: { section: code.section, index },
          function: owner?.name ?? '',
          isCall: isLocalCall(instruction),
          line: sourceLineOf(code, index),
        },
      ];
    }),
  );
}

function missingAt(
  problem: Unresolved,
  name: string,
  when: MissingDependency['when'],
  lines: readonly (SourceLine | undefined)[],
): MissingDependency {
  const positions = new Map<string, SourcePosition>();
  for (const one of lines) {
    if (one === undefined) continue;
    const { file, line, column, text } = one;
    positions.set(`${file}:${line}`, { file, line, column, text });
  }
  return { ...problem, function: name, when, sources: [...positions.values()] };
}

/** All that a verdict depends on. The offsets of fields are not in it: no branch is decided by them. */
function cacheKey({ relocated, ksyms, missing, version, object }: Evidence): string {
  const answers = relocated.results.map(({ resolution, relocation }) => {
    if (resolution.status !== 'value') return describeProblem(resolution.problem);
    return relocation.kind === 'byte_off' ? '' : `${resolution.value.value}`;
  });
  const symbols = [...ksyms.values()].map((one) =>
    'problem' in one ? `${one.status} ${describeProblem(one.problem)}` : one.status,
  );
  const others = missing.map((one) => `${one.function} ${describeProblem(one)}`);
  const release = usesVersion(object) ? `${version}` : '';
  return [release, `${isLazy(version)}`, ...answers, ...symbols, ...others].join('\n');
}

function describeProblem({ why, what, detail, found }: Unresolved): string {
  return `${why} ${what} ${detail} ${found}`;
}

function usesVersion({ code }: BpfObject): boolean {
  return code.some(({ references }) =>
    [...references.values()].some((one) => one.kind === 'extern' && one.name === VERSION_VARIABLE),
  );
}

function decide(evidence: Evidence): Verdict {
  const { relocated, invalid, missing } = evidence;
  const relocations = relocated.results.length;
  if (invalid.length === 0) return { relocations, guarded: 0, missing };
  const asConfigured = reachedIn(evidence, 'any');
  const suspects = invalid.filter(({ address, isRefused }) => isRefused || asConfigured(address));
  const asBuilt = suspects.length > 0 ? reachedIn(evidence, 'as-built') : () => false;
  const found = new Map<string, { readonly one: MissingDependency; lines: SourceLine[] }>();
  for (const { address, problem, isRefused } of suspects) {
    const code = relocated.code.get(address.section);
    const line = code && sourceLineOf(code, address.index);
    const isOptional = isOptionalSection(code?.name ?? '');
    const when = (isRefused || asBuilt(address)) && !isOptional ? 'always' : 'optional';
    const one = missingAt(problem, functionAt(code, address.index), when, []);
    const key = `${one.function} ${one.when} ${describeProblem(one)}`;
    const entry = found.get(key) ?? { one, lines: [] };
    if (line !== undefined) entry.lines.push(line);
    found.set(key, entry);
  }
  const reached = [...found.values()].map(({ one, lines }) =>
    missingAt(one, one.function, one.when, lines),
  );
  return {
    relocations,
    guarded: invalid.length - suspects.length,
    missing: [...missing, ...reached],
  };
}

/**
 * Which instructions any of the object's programs reaches.
 *
 * @param constants `as-built`: those in .rodata are as the object has them, and programs in `?`
 *   sections are off; `any`: the loader may change them
 */
function reachedIn(
  { object, relocated, ksyms, invalid, version }: Evidence,
  constants: 'as-built' | 'any',
): (address: CodeAddress) => boolean {
  const { code, results } = relocated;
  const unknown = new Set(invalid.map(({ address }) => keyOf(address)));
  // A program does not decide a branch by the offset of a field.
  for (const { address } of results.filter(isOffset)) unknown.add(keyOf(address));
  const input = {
    code,
    read: constantReader(object, version, constants),
    ksyms,
    isUnknown: (address: CodeAddress) => unknown.has(keyOf(address)),
  };
  const programs = entryPoints(code)
    .filter(({ isOptional }) => constants === 'any' || !isOptional)
    .flatMap(({ address }) => [address, ...globalFunctions(code, address, version)])
    .map((address) => findReachable(input, address));
  return (address) => programs.some((isReached) => isReached(address));
}

/** Kernels before 6.8 verify all of a program's global functions, even those that it does not reach. */
const LAZY_SINCE = 0x60800n;

function isLazy(version: bigint | undefined): boolean {
  return version !== undefined && version >= LAZY_SINCE;
}

function globalFunctions(
  code: ReadonlyMap<number, CodeSection>,
  entry: CodeAddress,
  version: bigint | undefined,
): readonly CodeAddress[] {
  if (isLazy(version)) return [];
  return functionsOf(code, entry).filter((address) => address !== entry && isGlobal(code, address));
}

function isOffset({ relocation }: RelocationResult): boolean {
  return relocation.kind === 'byte_off';
}

interface EntryPoint {
  readonly address: CodeAddress;
  readonly isOptional: boolean;
}

/** The section of the functions that programs call. */
const SUBPROGRAMS = '.text';

/** The first instruction of each program; of each function where an object has no programs. */
function entryPoints(code: ReadonlyMap<number, CodeSection>): readonly EntryPoint[] {
  const sections = [...code.values()];
  const programs = sections.filter(({ name }) => name !== SUBPROGRAMS);
  const chosen = programs.some(({ functions }) => functions.length > 0) ? programs : sections;
  return chosen.flatMap(({ name, section, functions }) =>
    functions.map(({ start }) => ({
      address: { section, index: start },
      isOptional: isOptionalSection(name),
    })),
  );
}

function functionAt(code: CodeSection | undefined, index: number): string {
  const owner = code?.functions.find(({ start, end }) => start <= index && index < end);
  return owner?.name ?? '';
}

/** The extern in which libbpf gives a program the version of the kernel. */
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
  return (section, offset, size) => {
    if (section === VERSION_VARIABLE) return offset === 0 && size === 4 ? version : undefined;
    if (typeof section === 'string' || constants === 'any') return undefined;
    const bytes = object.constants.get(section)?.subarray(offset, offset + size);
    return bytes?.length === size && offset >= 0 ? toBigInt(bytes, byteOrder) : undefined;
  };
}

function toBigInt(bytes: Uint8Array, byteOrder: ByteOrder): bigint {
  const ordered = byteOrder === 'little' ? [...bytes].reverse() : [...bytes];
  return ordered.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
