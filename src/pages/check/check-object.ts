import { type BpfObject, readObject } from '../../btf/core/object.ts';
import { KernelTypes } from '../../btf/core/resolve.ts';
import { bytesSource } from '../../btf/elf.ts';
import { attachTargetOf } from '../../btf/lookup/program-section.ts';
import { Btf } from '../../btf/reader.ts';
import type { Definition } from '../../explorer/definition.ts';
import type { Rows } from '../../explorer/port.ts';
import {
  completeName,
  type DefinitionVersion,
  type ExplorerKernel,
  isInRuns,
  versionsOf,
} from '../../explorer/queries.ts';
import { Failure } from '../../failure.ts';
import { hintFor } from '../../verifier/hint.ts';
import { judge, type MissingDependency, type VerdictCache } from '../../verifier/verdict.ts';
import { SiteError } from '../database/site-error.ts';
import { rebuildBtf } from './rebuild.ts';
import { namesBehind, type WantedNames, wantedNames } from './wanted.ts';

/** One thing that the object needs, and the kernels that do not have it. */
export interface Finding {
  /** Without the function: `functions` has all that need it. */
  readonly missing: Omit<MissingDependency, 'function'>;
  readonly functions: readonly string[];
  readonly hint: string;
  /** Ids of kernels. */
  readonly kernels: readonly number[];
}

/** The verdicts on one object. */
export interface CheckedObject {
  readonly name: string;
  readonly relocations: number;
  readonly programs: readonly { readonly name: string; readonly section: string }[];
  /** Ids of the kernels with BTF. */
  readonly kernels: readonly number[];
  readonly findings: readonly Finding[];
  /** What BTF cannot answer: targets of programs, and kernel symbols without a type. */
  readonly notChecked: readonly string[];
}

/**
 * Judges an object on every kernel with BTF, as `btfhub check` does. Throws SiteError `not-an-object`.
 *
 * @param report called with the number of kernels that are done, and of all
 */
export async function checkObject(
  rows: Rows,
  kernels: readonly ExplorerKernel[],
  name: string,
  bytes: Uint8Array,
  report: (done: number, total: number) => void,
): Promise<CheckedObject> {
  const withBtf = kernels.filter(({ position }) => position !== undefined);
  report(0, withBtf.length);
  const object = await read(name, bytes);
  const versions = collect(rows, wantedNames(object));
  const findings = new Map<string, MutableFinding>();
  const cache: VerdictCache = new Map();
  for (const [index, kernel] of withBtf.entries()) {
    const types = new KernelTypes(new Btf(rebuildBtf(definitionsOf(versions, kernel))));
    for (const missing of judge(object, types, kernel.uname, cache).missing) {
      add(findings, missing, kernel.id);
    }
    if (index % REPORT_INTERVAL === 0) report(index, withBtf.length);
  }
  return {
    name,
    relocations: object.relocations.length,
    programs: programsOf(object).map(({ name: own, section }) => ({ name: own, section })),
    kernels: withBtf.map(({ id }) => id),
    findings: [...findings.values()].map(({ missing, functions, sources, kernels: without }) => ({
      missing: { ...missing, sources: [...sources.values()] },
      functions: [...functions],
      hint: hintFor(missing),
      kernels: [...without],
    })),
    notChecked: notChecked(object),
  };
}

const REPORT_INTERVAL = 20;

async function read(name: string, bytes: Uint8Array): Promise<BpfObject> {
  try {
    return await readObject(bytesSource(name, bytes));
  } catch (thrown) {
    if (thrown instanceof Failure) throw new SiteError('not-an-object', thrown.message);
    throw thrown;
  }
}

/** Every definition of every kernel that the object can look at. */
function collect(rows: Rows, wanted: WantedNames): readonly DefinitionVersion[] {
  const found: DefinitionVersion[] = [];
  const seen = new Set<string>();
  const waiting = [...wanted.names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const version of versionsOf(rows, name)) {
      found.push(version);
      waiting.push(...namesBehind(version.definition, wanted));
    }
    // The kernel's own flavours count as types of that name.
    if (wanted.names.has(name)) {
      waiting.push(...completeName(rows, `${name}___`, MOST_FLAVOURS).map((one) => one.name));
    }
  }
  return found.toSorted((one, two) => one.id - two.id);
}

const MOST_FLAVOURS = 20;

function definitionsOf(
  versions: readonly DefinitionVersion[],
  { position = -1 }: ExplorerKernel,
): readonly Definition[] {
  return versions
    .filter(({ runs }) => isInRuns(runs, position))
    .map(({ definition }) => definition);
}

interface MutableFinding {
  readonly missing: Omit<MissingDependency, 'function'>;
  readonly functions: Set<string>;
  /** Of all functions, by file and line. */
  readonly sources: Map<string, MissingDependency['sources'][number]>;
  readonly kernels: Set<number>;
}

function add(
  findings: Map<string, MutableFinding>,
  { function: name, ...dependency }: MissingDependency,
  kernel: number,
): void {
  // Types of rebuilt BTF have other numbers than the kernel's.
  const detail = dependency.detail
    .replace(/^types \d+ and \d+ have it/, 'types of that name have it')
    .replace(/^types \d+ and \d+ make it .*/, 'types of that name disagree');
  const missing = { ...dependency, detail };
  const { what, why, when, wanted, found } = missing;
  const key = JSON.stringify([what, why, when, detail, wanted, found]);
  const finding = findings.get(key) ?? {
    missing,
    functions: new Set(),
    sources: new Map(),
    kernels: new Set(),
  };
  if (name !== '') finding.functions.add(name);
  for (const one of missing.sources) finding.sources.set(`${one.file}:${one.line}`, one);
  finding.kernels.add(kernel);
  findings.set(key, finding);
}

function programsOf({ code }: BpfObject) {
  return code
    .filter(({ name }) => name !== '.text')
    .flatMap(({ name: section, functions }) =>
      functions.map(({ name }) => ({ name, section, attach: attachTargetOf(section).kind })),
    );
}

function notChecked(object: BpfObject): readonly string[] {
  const targets = programsOf(object).filter(({ attach }) => attach !== 'btf' && attach !== 'none');
  const ksyms = object.ksyms.filter(({ type }) => type === undefined);
  return [
    ...targets.map(({ name, section }) => `${name}: ${section}`),
    ...ksyms.map(({ name }) => `__ksym ${name}`),
  ];
}
