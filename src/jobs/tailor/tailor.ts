import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pMapIterable } from 'p-map';
import type { KernelName } from '../../archive/layout.ts';
import type { ArchivedTarball, ArchiveReader } from '../../archive/reader.ts';
import { combineObjects } from '../../btf/core/combine.ts';
import { asFailure, type Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import { replaceFile } from '../../platform/replace-file.ts';
import { makeTemporaryFolder } from '../../platform/temporary-folder.ts';
import type { Progress } from '../../report/progress.ts';
import { counted } from '../../report/units.ts';
import { sha256 } from '../../sha256.ts';
import { readObjects } from '../check.ts';
import { unpackOf } from '../fetch/fetch.ts';
import { type Selection, selectKernels } from '../fetch/select.ts';
import { minCoreBtf } from './min-core-btf.ts';
import {
  countDistinct,
  type FileLayout,
  type OutputFile,
  packTarGz,
  pathIn,
  requireEmpty,
  writeFolder,
} from './output.ts';

export interface TailorRequest {
  /** Paths of eBPF objects. */
  readonly objects: readonly string[];
  readonly selection: Selection;
  readonly layout: FileLayout;
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

/** A line of progress for so many kernels: about a dozen for a whole archive. */
const KERNELS_PER_NOTE = 50;

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
  const combined = combineObjects(await readObjects(objects));
  if (!isTarball(output)) await requireEmpty(output);
  const kernels = await selectKernels(reader, request.selection);
  const task = progress.begin(`tailor ${counted(kernels.length, 'kernel')}`);
  task.stage('minimise');
  const made: (TailoredBtf & OutputFile)[] = [];
  const failed: { readonly kernel: KernelName; readonly error: Failure }[] = [];
  for await (const one of tailorAll(platform, reader, kernels, {
    combined,
    jobs: request.jobs,
  })) {
    if (one.kind === 'failed') failed.push({ kernel: one.kernel, error: one.error });
    else {
      made.push({ ...one, path: pathIn(layout, one.kernel) });
      task.advance(one.whole);
    }
    const done = made.length + failed.length;
    if (done % KERNELS_PER_NOTE === 0) progress.note(`${done} of ${kernels.length} kernels`);
  }
  if (failed[0] && made.length === 0) {
    task.end('failed');
    throw failed[0].error;
  }
  const packedSize = await writeOutput(output, layout, made);
  task.end(failed.length === 0 ? 'done' : 'incomplete', counted(made.length, 'kernel'));
  return {
    kernels: made.map(({ kernel, path, content }) => ({
      ...kernel,
      path,
      size: content.length,
      sha256: sha256(content),
    })),
    failed,
    different: countDistinct(made),
    size: made.reduce((sum, { content }) => sum + content.length, 0),
    packedSize,
  };
}

interface TailoredBtf {
  readonly kind: 'tailored';
  readonly kernel: KernelName;
  /** The minimal BTF. */
  readonly content: Buffer;
  /** Bytes of the whole BTF. */
  readonly whole: number;
}

interface FailedKernel {
  readonly kind: 'failed';
  readonly kernel: KernelName;
  readonly error: Failure;
}

/** As many at once as `jobs`; at most twice as many tarballs wait in memory. */
async function* tailorAll(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  reader: ArchiveReader,
  kernels: readonly KernelName[],
  { combined, jobs }: { readonly combined: Buffer; readonly jobs: number },
): AsyncGenerator<TailoredBtf | FailedKernel> {
  const folder = await makeTemporaryFolder(tmpdir(), 'tailor');
  const object = join(folder, 'combined.bpf.o');
  const one = async ({ kernel, tarball }: ArchivedTarball): Promise<TailoredBtf | FailedKernel> => {
    try {
      const btf = await unpackOf(platform, kernel, tarball, reader.name);
      const content = await minCoreBtf(platform, folder, kernel, btf, object);
      return { kind: 'tailored', kernel, content, whole: btf.length };
    } catch (thrown) {
      platform.interrupted.throwIfAborted();
      const error = asFailure(thrown);
      // The next kernel would fail for the same reason.
      if (['missing-program', 'no-space', 'internal'].includes(error.reason)) throw error;
      return { kind: 'failed', kernel, error };
    }
  };
  const ahead = { concurrency: jobs, backpressure: 2 * jobs };
  try {
    await writeFile(object, combined);
    yield* pMapIterable(reader.read(kernels), one, ahead);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns the bytes of the tar.gz, where it is one. */
async function writeOutput(
  output: string,
  layout: FileLayout,
  files: readonly OutputFile[],
): Promise<number | undefined> {
  if (!isTarball(output)) {
    await writeFolder(output, files);
    return undefined;
  }
  const packed = await packTarGz(layout, files);
  await replaceFile(output, packed, { mode: 0o644, sync: true });
  return packed.length;
}

export function isTarball(path: string): boolean {
  return /\.(tar\.gz|tgz)$/.test(path);
}
