import { Failure } from '../failure.ts';
import { checkNames } from './check-names.ts';
import { checkReferences } from './check-references.ts';
import { checkSizes } from './check-sizes.ts';
import type { BtfType, ByteOrder, Composite, Kind, TypeId } from './format.ts';
import { checkIsPlain } from './plain.ts';
import { Btf } from './reader.ts';

/** What BTF must be besides sound. */
export type Expectation =
  | { readonly kind: 'any' }
  | { readonly kind: 'kernel'; readonly minimumTypes: number };

/** Real kernels have 60,000 and more; what has less is a piece of one. */
export const KERNEL = { kind: 'kernel', minimumTypes: 10_000 } as const satisfies Expectation;

export interface BtfSummary {
  /** Bytes. */
  readonly size: number;
  readonly byteOrder: ByteOrder;
  /** Number of types, without `void`. */
  readonly types: number;
  /** Number of types by kind, for the kinds that occur. */
  readonly kinds: Readonly<Partial<Record<Kind, number>>>;
  /** Bytes of the table of strings. */
  readonly stringBytes: number;
  /** The struct of a task, where there is one: readers of BTF know it. */
  readonly taskStruct?: {
    readonly copies: number;
    readonly size: number;
    readonly members: number;
  };
}

/**
 * Checks raw BTF as the kernel's verifier does (kernel/bpf/btf.c), as far as what pahole writes
 * allows, and that it is what is expected. Every failure is `bad-btf` and names the type. The BTF of
 * a module is checked with its base, which must have passed this check itself.
 */
export function checkBtf(bytes: Uint8Array, expectation: Expectation, base?: Btf): BtfSummary {
  return checkParsed(new Btf(bytes, base), bytes.length, expectation);
}

/** The same, and that every consumer can read it (`checkIsPlain`): what is published passes this. */
export function checkPublishable(bytes: Uint8Array, expectation: Expectation): BtfSummary {
  const btf = new Btf(bytes);
  const summary = checkParsed(btf, bytes.length, expectation);
  checkIsPlain(btf, bytes.length);
  return summary;
}

function checkParsed(btf: Btf, size: number, expectation: Expectation): BtfSummary {
  if (size !== btf.byteLength) {
    throw new Failure('bad-btf', `${size - btf.byteLength} bytes follow the end of the BTF.`);
  }
  const counts = new Map<Kind, number>();
  const tasks: Composite[] = [];
  for (const type of btf.types()) {
    checkNames(type);
    checkReferences(btf, type);
    counts.set(type.kind, (counts.get(type.kind) ?? 0) + 1);
    if (isTaskStruct(type)) tasks.push(type);
  }
  checkSizes(btf);
  const taskStruct = agreedTaskStruct(tasks);
  const kinds: Partial<Record<Kind, number>> = Object.fromEntries(counts);
  const { byteOrder, count, stringBytes } = btf;
  const summary = { size, byteOrder, types: count, kinds, stringBytes };
  if (expectation.kind === 'kernel') checkKernel(summary, tasks, expectation.minimumTypes);
  return taskStruct === undefined ? summary : { ...summary, taskStruct };
}

function isTaskStruct(type: BtfType): type is Composite {
  return type.kind === 'STRUCT' && type.name === 'task_struct';
}

/**
 * Kernels legitimately have a struct more than once, where what it points to differs between files
 * of the source; but a task_struct that differs in itself was put together wrongly.
 */
function agreedTaskStruct(tasks: readonly Composite[]): BtfSummary['taskStruct'] {
  const [first, ...others] = tasks;
  if (first === undefined) return undefined;
  const facts = { size: first.size, members: first.members.length };
  for (const other of others) {
    if (other.size !== facts.size || other.members.length !== facts.members) {
      const ids = `${first.id} and ${other.id}`;
      throw new Failure(
        'bad-btf',
        `The two task_struct of types ${ids} differ in size or members.`,
      );
    }
  }
  return { copies: tasks.length, ...facts };
}

function checkKernel(
  summary: Omit<BtfSummary, 'taskStruct'>,
  tasks: readonly { readonly id: TypeId }[],
  minimum: number,
): void {
  const problem =
    summary.types < minimum
      ? `it has ${summary.types} types, and a kernel has at least ${minimum}`
      : summary.kinds.FUNC === undefined
        ? 'it has no functions'
        : tasks.length === 0
          ? 'it has no task_struct'
          : undefined;
  if (problem === undefined) return;
  throw new Failure(
    'bad-btf',
    `This is not the BTF of a whole kernel: ${problem}.`,
    'The debug information of its vmlinux may be incomplete.',
  );
}
