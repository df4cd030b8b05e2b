import { pMapIterable } from 'p-map';
import { type BpfObject, readObject } from '../btf/core/object.ts';
import { KernelTypes } from '../btf/core/resolve.ts';
import { withFile } from '../btf/file.ts';
import { attachTargetOf } from '../btf/lookup/program-section.ts';
import { Btf } from '../btf/reader.ts';
import { asFailure, type Failure } from '../failure.ts';
import { compareNames } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { counted } from '../report/units.ts';
import { hintFor } from '../verifier/hint.ts';
import {
  judge,
  type MissingDependency,
  type SourcePosition,
  type VerdictCache,
} from '../verifier/verdict.ts';
import type { KernelsToCheck, KernelToCheck } from './check-kernels.ts';

/** One thing that an object needs and some kernels of a line do not have. */
export interface MissingOnKernels extends Omit<MissingDependency, 'function'> {
  /** The object's functions that need it. */
  readonly functions: readonly string[];
  /** What a programmer can do about it. */
  readonly hint: string;
  readonly kernels: readonly string[];
  /** The same kernels as ranges of neighbouring kernels of the line, by version. */
  readonly ranges: readonly KernelRange[];
}

export interface KernelRange {
  readonly first: string;
  readonly last: string;
  readonly count: number;
}

/** One object on the kernels of one line. */
export interface ObjectOnLine {
  readonly object: string;
  readonly line: string;
  readonly kernels: number;
  /** On how many of them it will load, as far as BTF says. */
  readonly good: number;
  readonly missing: readonly MissingOnKernels[];
}

/** One program of an object. */
export interface ProgramOfObject {
  readonly object: string;
  readonly function: string;
  /** The ELF section, which says what it is attached to: `fentry/tcp_connect`. */
  readonly section: string;
  /**
   * `checked`: what it is attached to is looked for in BTF. `not-checked`: it is in no BTF (kprobe,
   * tracepoint, uprobe), or the loader names it. `none`: it is attached to nothing that has a name.
   */
  readonly attach: 'checked' | 'not-checked' | 'none';
}

/** One kernel symbol (`__ksym`) of an object. */
export interface KsymOfObject {
  readonly object: string;
  readonly name: string;
  readonly kind: 'function' | 'variable';
  readonly weak: boolean;
  /** `not-checked`: it is declared without a type, so it is in no BTF. */
  readonly lookup: 'checked' | 'not-checked';
}

export interface CheckReport {
  /** The version of this document. */
  readonly schema: 1;
  readonly results: readonly ObjectOnLine[];
  readonly programs: readonly ProgramOfObject[];
  readonly ksyms: readonly KsymOfObject[];
  /** Kernels whose BTF could not be read. */
  readonly unread: readonly { readonly kernel: string; readonly error: Failure }[];
}

/** Reads eBPF objects; throws `not-found`, `bad-elf` or `bad-btf` for the first that is none. */
export function readObjects(paths: readonly string[]): Promise<readonly BpfObject[]> {
  return Promise.all(paths.map((path) => withFile(path, readObject)));
}

/**
 * Judges every object on every kernel. What is wrong with a kernel's BTF is in the report.
 *
 * @param jobs kernels whose BTF is unpacked at the same time; memory holds the BTF of so many
 */
export async function checkObjects(
  platform: Pick<Platform, 'interrupted'>,
  progress: Progress,
  objects: readonly BpfObject[],
  kernels: KernelsToCheck,
  jobs: number,
): Promise<CheckReport> {
  const caches = new Map<BpfObject, VerdictCache>(objects.map((object) => [object, new Map()]));
  const tallies = new Map<string, LineTally>();
  const unread: { kernel: string; error: Failure }[] = [];
  const task = progress.begin('check');
  task.stage('judge');
  let done = 0;
  const load = (kernel: KernelToCheck) => loadKernel(platform, kernel);
  for await (const { kernel, content } of pMapIterable(kernels.each, load, { concurrency: jobs })) {
    platform.interrupted.throwIfAborted();
    try {
      if ('error' in content) throw content.error;
      const types = new KernelTypes(new Btf(content.btf));
      for (const object of objects) {
        const { missing } = judge(object, types, kernel.name, caches.get(object));
        tallyOf(tallies, object, kernel.line).add(kernel.name, missing);
      }
      task.advance(content.btf.length);
    } catch (thrown) {
      unread.push({ kernel: kernel.name, error: asFailure(thrown) });
    }
    done++;
    if (done % NOTE_INTERVAL === 0) progress.note(`${done} of ${kernels.count} kernels`);
  }
  const results = [...tallies.values()].map((tally) => tally.result());
  const bad = results.reduce((sum, { kernels, good }) => sum + kernels - good, 0);
  task.end(
    bad === 0 ? 'all good' : 'missing',
    `${counted(objects.length, 'object')} on ${counted(done, 'kernel')}`,
  );
  return {
    schema: 1,
    results,
    programs: objects.flatMap(programsOf),
    ksyms: objects.flatMap(ksymsOf),
    unread,
  };
}

/** Kernels between two notes: a dozen lines for a whole archive. */
const NOTE_INTERVAL = 50;

interface LoadedKernel {
  readonly kernel: KernelToCheck;
  readonly content: { readonly btf: Buffer } | { readonly error: unknown };
}

async function loadKernel(
  platform: Pick<Platform, 'interrupted'>,
  kernel: KernelToCheck,
): Promise<LoadedKernel> {
  try {
    return { kernel, content: { btf: await kernel.load() } };
  } catch (error) {
    platform.interrupted.throwIfAborted();
    return { kernel, content: { error } };
  }
}

function programsOf({ name, code }: BpfObject): readonly ProgramOfObject[] {
  const attachOf = (section: string): ProgramOfObject['attach'] => {
    const { kind } = attachTargetOf(section);
    if (kind === 'btf') return 'checked';
    return kind === 'none' ? 'none' : 'not-checked';
  };
  return code
    .filter((section) => section.name !== '.text')
    .flatMap((section) =>
      section.functions.map((one) => ({
        object: name,
        function: one.name,
        section: section.name,
        attach: attachOf(section.name),
      })),
    );
}

function ksymsOf({ name: object, ksyms }: BpfObject): readonly KsymOfObject[] {
  return ksyms.map(({ name, kind, isWeak, type }) => ({
    object,
    name,
    kind,
    weak: isWeak,
    lookup: type === undefined ? 'not-checked' : 'checked',
  }));
}

function tallyOf(tallies: Map<string, LineTally>, object: BpfObject, line: string): LineTally {
  const key = `${object.name}\n${line}`;
  const tally = tallies.get(key) ?? new LineTally(object.name, line);
  tallies.set(key, tally);
  return tally;
}

interface MissingTally {
  readonly one: MissingDependency;
  readonly functions: Set<string>;
  readonly sources: Map<string, SourcePosition>;
  readonly kernels: Set<string>;
}

/** Collects one object's verdicts on the kernels of one line. */
class LineTally {
  readonly #object: string;
  readonly #line: string;
  readonly #kernels: string[] = [];
  #good = 0;
  readonly #missing = new Map<string, MissingTally>();

  constructor(object: string, line: string) {
    this.#object = object;
    this.#line = line;
  }

  add(kernel: string, missing: readonly MissingDependency[]): void {
    this.#kernels.push(kernel);
    if (missing.every(({ when }) => when === 'optional')) this.#good++;
    for (const one of missing) {
      const key = JSON.stringify([one.what, one.why, one.when, one.wanted, one.found]);
      const entry = this.#missing.get(key) ?? {
        one,
        functions: new Set(),
        sources: new Map(),
        kernels: new Set(),
      };
      entry.functions.add(one.function);
      for (const source of one.sources) entry.sources.set(`${source.file}:${source.line}`, source);
      entry.kernels.add(kernel);
      this.#missing.set(key, entry);
    }
  }

  result(): ObjectOnLine {
    const all = this.#kernels.toSorted(compareNames);
    const missing = [...this.#missing.values()].map(({ one, functions, sources, kernels }) => {
      const { function: _, ...dependency } = one;
      return {
        ...dependency,
        functions: [...functions],
        sources: [...sources.values()],
        hint: hintFor(one),
        kernels: [...kernels],
        ranges: rangesOf(all, kernels),
      };
    });
    return {
      object: this.#object,
      line: this.#line,
      kernels: all.length,
      good: this.#good,
      missing,
    };
  }
}

function rangesOf(all: readonly string[], chosen: ReadonlySet<string>): readonly KernelRange[] {
  const ranges: { first: string; last: string; count: number }[] = [];
  let isOpen = false;
  for (const kernel of all) {
    const range = isOpen ? ranges.at(-1) : undefined;
    isOpen = chosen.has(kernel);
    if (!isOpen) continue;
    if (range === undefined) ranges.push({ first: kernel, last: kernel, count: 1 });
    else {
      range.last = kernel;
      range.count++;
    }
  }
  return ranges;
}
