import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tarballPath } from '../../archive/layout.ts';
import {
  type CrossCheck,
  type CrossCheckCounts,
  type DwarfRecord,
  type EmbeddedRecord,
  type KernelRecord,
  RECORD_SCHEMA,
} from '../../archive/record.ts';
import { checkPublishable, type Expectation } from '../../btf/check.ts';
import { compareBtf } from '../../btf/compare.ts';
import { debugInfoOf, findSection, readElf, zstdSectionsOf } from '../../btf/elf.ts';
import { withFile } from '../../btf/file.ts';
import { makePlain } from '../../btf/plain.ts';
import { Btf } from '../../btf/reader.ts';
import { packBtf } from '../../btf/tarball.ts';
import { asFailure, Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Task } from '../../report/progress.ts';
import { sha256 } from '../../sha256.ts';
import type { BootPackage, DebuginfoPackage, KernelPackage } from '../../sources/kernels.ts';
import { embeddedBtf } from './embedded-btf.ts';
import { largestVmlinuxOf } from './extract-vmlinux.ts';
import { type FetchContext, fetchVmlinux } from './fetch-vmlinux.ts';
import { encodeModules, type KernelWithModules } from './merge-modules.ts';
import { type PaholeContext, runPahole } from './run-pahole.ts';
import type { SignaturePolicy } from './signature-verifier.ts';
import { Stopwatch } from './stopwatch.ts';
import { unpackDwarf, unpackedSize } from './unpack-dwarf.ts';
import { isPacked, LARGEST_RATIO, unpackVmlinux } from './unpack-vmlinux.ts';
import type { Workspace } from './workspace.ts';

/** What the kernels of one run share. */
export interface BuildContext extends FetchContext, PaholeContext {
  readonly platform: Platform;
  readonly workspace: Workspace;
  /** What the BTF must hold to be accepted as a kernel's. */
  readonly expectation: Expectation;
  readonly signature: SignaturePolicy;
  /** Whether to compare with what the other method gives, where both packages are published. */
  readonly crossCheck: boolean;
  /** Aborts `interrupted` with this reason: ends the work on all kernels of the run. */
  stop(reason: unknown): void;
}

export interface Built {
  readonly record: KernelRecord;
  readonly tarball: Buffer;
}

/** A kernel's BTF, and once more with modules where they were asked for. */
export interface BuiltKernel extends Built {
  readonly withModules: Built | undefined;
}

/**
 * Makes the tarball of one kernel from its package, in a temporary directory that is removed at the end. A
 * package that should hold vmlinux and does not is replaced by the package with the kernel's boot image,
 * where there is one. Throws a `Failure` that says which step failed and why.
 * @param cores is asked when pahole is about to start: how many cores it may use
 */
export async function buildKernel(
  context: BuildContext,
  kernel: KernelPackage,
  cores: () => number,
  task: Task,
): Promise<BuiltKernel> {
  if (kernel.method === 'embedded') return buildFromBootImage(context, kernel, task);
  try {
    return await buildFromVmlinux(context, kernel, cores, task);
  } catch (error) {
    const missing = error instanceof Failure && error.reason === 'no-vmlinux';
    if (!missing || kernel.bootPackage === undefined) throw error;
    return buildFromBootImage(context, kernel.bootPackage, task);
  }
}

async function buildFromVmlinux(
  context: BuildContext,
  kernel: DebuginfoPackage,
  cores: () => number,
  task: Task,
): Promise<BuiltKernel> {
  const { platform, pahole, interrupted } = context;
  const stopwatch = new Stopwatch(platform.clock, task);
  const directory = await context.workspace.kernelDirectory();
  const path = join(directory.folder, 'vmlinux');
  let release = () => {};
  try {
    const fetched = await fetchVmlinux(context, kernel, path, stopwatch);
    release = fetched.release;
    const { modules } = fetched.vmlinux;
    const vmlinux = { size: fetched.vmlinux.size, sha256: fetched.vmlinux.sha256 };
    const ofModules = modules.reduce((sum, one) => sum + one.file.size, 0);
    // All at once: a kernel that waits for more while it holds some could wait for ever.
    const needSpace = async (more: number) => {
      release();
      release = await context.space.acquire(vmlinux.size + ofModules + more, interrupted);
    };
    if (await isPacked(path)) {
      const most = Math.min(LARGEST_RATIO * vmlinux.size, largestVmlinuxOf(kernel.size));
      await needSpace(most);
      Object.assign(vmlinux, await unpackVmlinux(path, context.decoders, most));
    }
    const compressed = await withFile(path, zstdSectionsOf);
    const debugInfo = await withFile(path, debugInfoOf);
    expectUnpackable(vmlinux.size, Math.max(unpackedSize(compressed), debugInfo.size));
    if (compressed.length > 0) {
      await needSpace(unpackedSize(compressed));
      await unpackDwarf(path, compressed, context.decoders);
    }
    const elf = await withFile(path, readElf);

    stopwatch.begin('pahole');
    const { file, flags } = await runPahole(context, path, cores);
    // A pahole after 1.31 writes a header of 32 bytes.
    const btf = makePlain(await readFile(file));
    stopwatch.end('pahole', btf.length);
    await rm(path);
    const merged = context.modules && (await encodeModules(context, file, modules));
    // Before the other method asks for space of its own: a kernel that holds some would wait for itself.
    release();

    const made = await checkAndPack(context, kernel, btf, stopwatch);
    const crossCheck = await crossCheckOf(context, kernel, btf, task);
    const record: DwarfRecord = {
      ...identityOf(kernel),
      package: fetched.package,
      verified: fetched.verified,
      ...(crossCheck === undefined ? {} : { crossCheck }),
      method: 'dwarf',
      vmlinux: {
        size: vmlinux.size,
        sha256: vmlinux.sha256,
        embeddedBtf: findSection(elf, '.BTF') !== undefined,
      },
      pahole: { version: pahole.version, flags, origin: pahole.origin },
      btf: made.btf,
      tarball: made.tarball,
      stages: stopwatch.stages,
      finishedAt: platform.clock.date().toISOString(),
    };
    const names = context.modules?.names;
    const withModules = names && merged && (await packWithModules(context, record, names, merged));
    return { record, tarball: made.bytes, withModules };
  } finally {
    await directory.remove();
    release();
  }
}

/** Before a byte is unpacked: what its sections say they are. */
function expectUnpackable(size: number, unpacked: number): void {
  if (unpacked <= LARGEST_RATIO * size) return;
  throw new Failure(
    'bad-elf',
    `The compressed sections of vmlinux unpack to ${unpacked} bytes, more than ${LARGEST_RATIO} times its size.`,
  );
}

async function buildFromBootImage(
  context: BuildContext,
  kernel: BootPackage,
  task: Task,
): Promise<BuiltKernel> {
  const stopwatch = new Stopwatch(context.platform.clock, task);
  const names = context.modules?.names;
  const { btf, fetched, found, withModules } = await embeddedBtf(context, kernel, stopwatch, names);
  const made = await checkAndPack(context, kernel, btf, stopwatch);
  const { image, bytesRead } = fetched;
  const record: EmbeddedRecord = {
    ...identityOf(kernel),
    package: fetched.package,
    verified: fetched.verified,
    method: 'embedded',
    bootImage: {
      size: image.size,
      sha256: image.sha256,
      layers: found.layers,
      foundBy: found.foundBy,
      bytesRead,
    },
    btf: made.btf,
    tarball: made.tarball,
    stages: stopwatch.stages,
    finishedAt: context.platform.clock.date().toISOString(),
  };
  const merged =
    names && withModules && (await packWithModules(context, record, names, withModules));
  return { record, tarball: made.bytes, withModules: merged };
}

/** The file with modules beside the kernel's own, and its record. */
async function packWithModules(
  { platform, interrupted, expectation }: BuildContext,
  record: KernelRecord,
  requested: readonly string[],
  { btf, use }: KernelWithModules,
): Promise<Built> {
  const { size, kinds } = checkPublishable(btf, expectation);
  const tarball = await packBtf(platform.programs, record.uname, btf, { signal: interrupted });
  return {
    record: {
      ...record,
      btf: { size, sha256: sha256(btf), kinds },
      tarball: { path: record.tarball.path, size: tarball.length, sha256: sha256(tarball) },
      modules: { requested, included: use.included, excluded: use.excluded },
      finishedAt: platform.clock.date().toISOString(),
    },
    tarball,
  };
}

async function checkAndPack(
  context: BuildContext,
  kernel: KernelPackage,
  btf: Uint8Array,
  stopwatch: Stopwatch,
) {
  stopwatch.begin('check');
  const { size, kinds } = checkPublishable(btf, context.expectation);
  stopwatch.end('check', size);

  stopwatch.begin('compress');
  const signal = context.interrupted;
  const bytes = await packBtf(context.platform.programs, kernel.uname, btf, { signal });
  stopwatch.end('compress', bytes.length);
  return {
    bytes,
    btf: { size, sha256: sha256(btf), kinds },
    tarball: {
      path: tarballPath(kernel, kernel.uname),
      size: bytes.length,
      sha256: sha256(bytes),
    },
  };
}

/** Where the run asks for it: the BTF of the boot image against what pahole made. A failure of it fails nothing else. */
async function crossCheckOf(
  context: BuildContext,
  kernel: DebuginfoPackage,
  btf: Uint8Array,
  task: Task,
): Promise<CrossCheck | undefined> {
  const { bootPackage } = kernel;
  if (!context.crossCheck || bootPackage === undefined) return undefined;
  try {
    const stopwatch = new Stopwatch(context.platform.clock, task);
    const { btf: other } = await embeddedBtf(context, bootPackage, stopwatch, undefined);
    const { equal, kinds } = compareBtf(new Btf(btf), new Btf(other));
    const counts = kinds.map((one): [string, CrossCheckCounts] => [
      one.kind,
      {
        equal: one.equal,
        onlyHere: one.onlyFirst.length,
        onlyThere: one.onlySecond.length,
        different: one.different.length,
      },
    ]);
    return {
      state: 'compared',
      method: 'embedded',
      nvra: bootPackage.nvra,
      btf: { size: other.length, sha256: sha256(other) },
      equal,
      kinds: Object.fromEntries(counts),
    };
  } catch (error) {
    context.interrupted.throwIfAborted();
    const { reason, message } = asFailure(error);
    return { state: 'failed', reason, message };
  }
}

function identityOf(kernel: KernelPackage) {
  const { uname, nvra, distribution, versionId, arch, releases } = kernel;
  return { schema: RECORD_SCHEMA, uname, nvra, distribution, versionId, arch, releases } as const;
}
