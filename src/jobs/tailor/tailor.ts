import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pMapIterable } from 'p-map';
import type { KernelName } from '../../archive/layout.ts';
import type { ArchivedTarball, ArchiveReader } from '../../archive/reader.ts';
import { combineObjects } from '../../btf/core/combine.ts';
import { asFailure, type Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import { readObjects } from '../check.ts';
import { unpackOf } from '../fetch/fetch.ts';
import { type Selection, selectKernels } from '../fetch/select.ts';
import { writeWhole } from '../install/write.ts';
import { minimise } from './minimise.ts';
import {
  countDifferent,
  type Entry,
  type Layout,
  packTar,
  pathIn,
  requireEmpty,
  writeFolder,
} from './pack.ts';

export interface TailorRequest {
  /** Paths of eBPF objects. */
  readonly objects: readonly string[];
  readonly selection: Selection;
  readonly layout: Layout;
  /** A `.tar.gz` or `.tgz`, else a folder. */
  readonly output: string;
  /** Kernels at work at the same time. */
  readonly jobs: number;
}

export interface TailoredKernel extends KernelName {
  /** In the output. */
  readonly path: string;
  /** Of the minimal BTF. */
  readonly size: number;
  readonly sha256: string;
}

export interface Tailored {
  readonly kernels: readonly TailoredKernel[];
  readonly failed: readonly { readonly kernel: KernelName; readonly error: Failure }[];
  /** How many of the files differ. */
  readonly different: number;
  /** Bytes: of all files, and of the tar.gz where it is one. */
  readonly size: number;
  readonly packedSize: number | undefined;
}

/** Often enough to see that it goes on, and a dozen lines for a whole archive. */
const NOTED = 50;

/**
 * Makes the minimal BTF of every selected kernel for all objects together, and packs it. Only the
 * kernels that are selected are moved. What failed is in the result; when that is every kernel, the
 * first failure is thrown and nothing is written.
 */
export async function tailor(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  progress: Progress,
  reader: ArchiveReader,
  request: TailorRequest,
): Promise<Tailored> {
  const { objects, output, layout } = request;
  const questions = combineObjects(await readObjects(objects));
  if (!isTarball(output)) await requireEmpty(output);
  const kernels = await selectKernels(reader, request.selection);
  const task = progress.begin(`tailor ${kernels.length} kernels`);
  task.stage('minimise');
  const made: (Made & Entry)[] = [];
  const failed: Lost[] = [];
  for await (const one of minimiseAll(platform, reader, kernels, {
    questions,
    jobs: request.jobs,
  })) {
    if ('error' in one) failed.push(one);
    else {
      made.push({ ...one, path: pathIn(layout, one.kernel) });
      task.advance(one.whole);
    }
    const done = made.length + failed.length;
    if (done % NOTED === 0) progress.note(`${done} of ${kernels.length} kernels`);
  }
  if (failed[0] && made.length === 0) {
    task.end('failed');
    throw failed[0].error;
  }
  const packedSize = await write(output, layout, made);
  task.end(failed.length === 0 ? 'done' : 'incomplete', `${made.length} kernels`);
  return {
    kernels: made.map(({ kernel, path, content }) => ({
      ...kernel,
      ...{ path, size: content.length, sha256: sha256(content) },
    })),
    failed,
    different: countDifferent(made),
    size: made.reduce((sum, { content }) => sum + content.length, 0),
    packedSize,
  };
}

interface Made {
  readonly kernel: KernelName;
  /** The minimal BTF. */
  readonly content: Buffer;
  /** Bytes of the whole BTF. */
  readonly whole: number;
}

interface Lost {
  readonly kernel: KernelName;
  readonly error: Failure;
}

/** As many at once as there are jobs; few tarballs wait in memory for their turn. */
async function* minimiseAll(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  reader: ArchiveReader,
  kernels: readonly KernelName[],
  { questions, jobs }: { readonly questions: Buffer; readonly jobs: number },
): AsyncGenerator<Made | Lost> {
  const folder = await mkdtemp(join(tmpdir(), 'btfhub-tailor-'));
  const object = join(folder, 'questions.bpf.o');
  const one = async ({ kernel, tarball }: ArchivedTarball): Promise<Made | Lost> => {
    try {
      const btf = await unpackOf(platform, kernel, tarball, reader.name);
      const content = await minimise(platform, folder, kernel, btf, object);
      return { kernel, content, whole: btf.length };
    } catch (thrown) {
      platform.interrupted.throwIfAborted();
      const error = asFailure(thrown);
      // Without bpftool or xz, or space, the next kernel fares no better.
      if (['missing-program', 'no-space', 'internal'].includes(error.reason)) throw error;
      return { kernel, error };
    }
  };
  const ahead = { concurrency: jobs, backpressure: 2 * jobs };
  try {
    await writeFile(object, questions);
    yield* pMapIterable(reader.read(kernels), one, ahead);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns the bytes of the tar.gz, where it is one. */
async function write(
  output: string,
  layout: Layout,
  entries: readonly Entry[],
): Promise<number | undefined> {
  if (!isTarball(output)) {
    await writeFolder(output, entries);
    return undefined;
  }
  const packed = packTar(layout, entries);
  await writeWhole(output, packed, 0o644);
  return packed.length;
}

export function isTarball(path: string): boolean {
  return /\.(tar\.gz|tgz)$/.test(path);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
