import { type BpfObject, readObject } from '../btf/core/object.ts';
import { KernelTypes } from '../btf/core/resolve.ts';
import { withFile } from '../btf/elf.ts';
import { Btf } from '../btf/reader.ts';
import { asFailure, type Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { judge, type MissingDependency, type VerdictCache } from '../verifier/verdict.ts';
import type { KernelsToCheck } from './check-kernels.ts';

/** One thing that an object asks for in vain on some kernels of a line. */
export interface MissingOnKernels extends Omit<MissingDependency, 'function'> {
  /** The object's functions that ask for it. */
  readonly functions: readonly string[];
  readonly kernels: readonly string[];
}

/** One object on the kernels of one line. */
export interface ObjectOnLine {
  readonly object: string;
  readonly line: string;
  readonly kernels: number;
  /** On how many of them it will load, as far as types are concerned. */
  readonly good: number;
  readonly missing: readonly MissingOnKernels[];
}

export interface CheckReport {
  readonly results: readonly ObjectOnLine[];
  /** Kernels whose BTF could not be read. */
  readonly unread: readonly { readonly kernel: string; readonly error: Failure }[];
}

/** Reads eBPF objects; throws `not-found`, `bad-elf` or `bad-btf` for the first that is none. */
export function readObjects(paths: readonly string[]): Promise<readonly BpfObject[]> {
  return Promise.all(paths.map((path) => withFile(path, readObject)));
}

/**
 * Judges every object on every kernel, a kernel at a time, so that memory holds one kernel's types.
 * What is wrong with a kernel's BTF is in the report.
 */
export async function checkObjects(
  platform: Pick<Platform, 'interrupted'>,
  progress: Progress,
  objects: readonly BpfObject[],
  kernels: KernelsToCheck,
): Promise<CheckReport> {
  const known = new Map<BpfObject, VerdictCache>(objects.map((object) => [object, new Map()]));
  const tallies = new Map<string, LineTally>();
  const unread: { kernel: string; error: Failure }[] = [];
  const task = progress.begin('check');
  task.stage('judge');
  let done = 0;
  for await (const { name, line, load } of kernels.each) {
    platform.interrupted.throwIfAborted();
    try {
      const btf = await load();
      const kernel = new KernelTypes(new Btf(btf));
      for (const object of objects) {
        const { missing } = judge(object, kernel, name, known.get(object));
        tallyOf(tallies, object, line).add(name, missing);
      }
      task.advance(btf.length);
    } catch (thrown) {
      platform.interrupted.throwIfAborted();
      unread.push({ kernel: name, error: asFailure(thrown) });
    }
    done++;
    if (done % NOTED === 0) progress.note(`${done} of ${kernels.count} kernels`);
  }
  const results = [...tallies.values()].map((tally) => tally.result());
  const bad = results.reduce((sum, { kernels, good }) => sum + kernels - good, 0);
  task.end(bad === 0 ? 'all good' : 'missing', `${objects.length} objects on ${done} kernels`);
  return { results, unread };
}

/** Often enough to see that it goes on, and a dozen lines for a whole archive. */
const NOTED = 50;

function tallyOf(tallies: Map<string, LineTally>, object: BpfObject, line: string): LineTally {
  const key = `${object.name}\n${line}`;
  const tally = tallies.get(key) ?? new LineTally(object.name, line);
  tallies.set(key, tally);
  return tally;
}

/** Counts one object's verdicts on one line. */
class LineTally {
  readonly #object: string;
  readonly #line: string;
  #kernels = 0;
  #good = 0;
  readonly #missing = new Map<
    string,
    {
      readonly one: MissingDependency;
      readonly functions: Set<string>;
      readonly kernels: Set<string>;
    }
  >();

  constructor(object: string, line: string) {
    this.#object = object;
    this.#line = line;
  }

  add(kernel: string, missing: readonly MissingDependency[]): void {
    this.#kernels++;
    if (missing.every(({ when }) => when === 'optional')) this.#good++;
    for (const one of missing) {
      const key = `${one.what} ${one.why} ${one.when}`;
      const entry = this.#missing.get(key) ?? { one, functions: new Set(), kernels: new Set() };
      entry.functions.add(one.function);
      entry.kernels.add(kernel);
      this.#missing.set(key, entry);
    }
  }

  result(): ObjectOnLine {
    const missing = [...this.#missing.values()].map(({ one, functions, kernels }) => {
      const { why, what, detail, when } = one;
      return { why, what, detail, when, functions: [...functions], kernels: [...kernels] };
    });
    return {
      ...{ object: this.#object, line: this.#line, kernels: this.#kernels, good: this.#good },
      missing,
    };
  }
}
