import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tarballPath } from '../../archive/layout.ts';
import { type KernelRecord, RECORD_SCHEMA } from '../../archive/record.ts';
import { checkPublishable, type Expectation } from '../../btf/check.ts';
import { findSection, readElf } from '../../btf/elf.ts';
import { withFile } from '../../btf/file.ts';
import { makePlain } from '../../btf/plain.ts';
import { packBtf } from '../../btf/tarball.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Task } from '../../report/progress.ts';
import { sha256 } from '../../sha256.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import { type FetchContext, fetchVmlinux } from './fetch-vmlinux.ts';
import { mergeWithModules } from './modules.ts';
import { type PaholeContext, runPahole } from './run-pahole.ts';
import type { SignaturePolicy } from './signature-verifier.ts';
import { Stopwatch } from './stopwatch.ts';
import { isPacked, LARGEST_RATIO, unpackVmlinux } from './unpack-vmlinux.ts';
import type { Workspace } from './workspace.ts';

/** What the kernels of one run share. */
export interface BuildContext extends FetchContext, PaholeContext {
  readonly platform: Platform;
  readonly workspace: Workspace;
  /** What the BTF must hold to be accepted as a kernel's. */
  readonly expectation: Expectation;
  readonly signature: SignaturePolicy;
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
 * Makes the tarball of one kernel from its package, in a temporary directory that is removed at the end.
 * Throws a `Failure` that says which step failed and why.
 * @param cores is asked when pahole is about to start: how many cores it may use
 */
export async function buildKernel(
  context: BuildContext,
  kernel: KernelPackage,
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
    if (await isPacked(path)) {
      const most = LARGEST_RATIO * vmlinux.size;
      // Both at once: a kernel that waits for more while it holds some could wait for ever.
      fetched.release();
      const ofModules = modules.reduce((sum, one) => sum + one.file.size, 0);
      release = await context.space.acquire(most + vmlinux.size + ofModules, interrupted);
      Object.assign(vmlinux, await unpackVmlinux(path, context.decoders, most));
    }
    const elf = await withFile(path, readElf);

    stopwatch.begin('pahole');
    const { file, flags } = await runPahole(context, path, cores);
    // A pahole after 1.31 writes a header of 32 bytes.
    const btf = makePlain(await readFile(file));
    stopwatch.end('pahole', btf.length);
    await rm(path);
    if (context.modules === undefined) release();

    stopwatch.begin('check');
    const { size, kinds } = checkPublishable(btf, context.expectation);
    stopwatch.end('check', size);

    stopwatch.begin('compress');
    const tarball = await packBtf(platform.programs, kernel.uname, btf, { signal: interrupted });
    stopwatch.end('compress', tarball.length);

    const { uname, nvra, distribution, versionId, arch, releases } = kernel;
    const record: KernelRecord = {
      schema: RECORD_SCHEMA,
      uname,
      nvra,
      distribution,
      versionId,
      arch,
      releases,
      package: fetched.package,
      verified: fetched.verified,
      vmlinux: {
        size: vmlinux.size,
        sha256: vmlinux.sha256,
        embeddedBtf: findSection(elf, '.BTF') !== undefined,
      },
      pahole: { version: pahole.version, flags, origin: pahole.origin },
      btf: { size, sha256: sha256(btf), kinds },
      tarball: {
        path: tarballPath(kernel, uname),
        size: tarball.length,
        sha256: sha256(tarball),
      },
      stages: stopwatch.stages,
      finishedAt: platform.clock.date().toISOString(),
    };
    if (context.modules === undefined) return { record, tarball, withModules: undefined };

    const { btf: merged, use } = await mergeWithModules(context, file, modules);
    const packed = await packBtf(platform.programs, kernel.uname, merged, { signal: interrupted });
    const counted = checkPublishable(merged, context.expectation);
    const withModules: KernelRecord = {
      ...record,
      btf: { size: counted.size, sha256: sha256(merged), kinds: counted.kinds },
      tarball: { path: record.tarball.path, size: packed.length, sha256: sha256(packed) },
      modules: { requested: context.modules.names, ...use },
      finishedAt: platform.clock.date().toISOString(),
    };
    return { record, tarball, withModules: { record: withModules, tarball: packed } };
  } finally {
    await directory.remove();
    release();
  }
}
