import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tarballPath } from '../../archive/layout.ts';
import { type KernelRecord, RECORD_SCHEMA } from '../../archive/record.ts';
import { checkBtf, type Expectation } from '../../btf/check.ts';
import { findSection, readElf, withFile } from '../../btf/elf.ts';
import { packBtf } from '../../btf/tarball.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Task } from '../../report/progress.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import { type Encoding, encode } from './encode.ts';
import { type Fetching, fetchVmlinux } from './fetch.ts';
import { Stopwatch } from './stopwatch.ts';
import type { Workspace } from './workspace.ts';

/** All that the kernels of one run share. */
export interface Workshop extends Fetching, Encoding {
  readonly platform: Platform;
  readonly workspace: Workspace;
  /** What the BTF must be to be taken for that of a kernel. */
  readonly expectation: Expectation;
}

export interface Built {
  readonly record: KernelRecord;
  readonly tarball: Buffer;
}

/**
 * One kernel from its package to its tarball, in a room of its own that is gone in the end.
 * `cores` says, when pahole is about to start, how many are free for it.
 */
export async function buildKernel(
  shop: Workshop,
  kernel: KernelPackage,
  cores: () => number,
  task: Task,
): Promise<Built> {
  const { platform, pahole, interrupted } = shop;
  const stopwatch = new Stopwatch(platform.clock, task);
  const room = await shop.workspace.room();
  const path = join(room.folder, 'vmlinux');
  let release = () => {};
  try {
    const fetched = await fetchVmlinux(shop, kernel, path, stopwatch);
    release = fetched.release;
    const { vmlinux } = fetched;
    const elf = await withFile(path, readElf);

    stopwatch.begin('pahole');
    const { file, flags } = await encode(shop, path, cores);
    const btf = await readFile(file);
    stopwatch.end('pahole', btf.length);
    await rm(path);
    release();

    stopwatch.begin('check');
    const { size, kinds } = checkBtf(btf, shop.expectation);
    stopwatch.end('check', size);

    stopwatch.begin('compress');
    const tarball = await packBtf(platform.programs, kernel.uname, btf, { signal: interrupted });
    stopwatch.end('compress', tarball.length);

    const { uname, nvra, distribution, versionId, arch, releases } = kernel;
    const shelf = { distribution, versionId, arch };
    const record: KernelRecord = {
      schema: RECORD_SCHEMA,
      ...{ uname, nvra, ...shelf, releases },
      ...{ package: fetched.package, verified: fetched.verified },
      vmlinux: {
        size: vmlinux.size,
        sha256: vmlinux.sha256,
        embeddedBtf: findSection(elf, '.BTF') !== undefined,
      },
      pahole: { version: pahole.version, flags, origin: pahole.origin },
      btf: { size, sha256: sha256(btf), kinds },
      tarball: {
        path: tarballPath(shelf, uname),
        size: tarball.length,
        sha256: sha256(tarball),
      },
      stages: stopwatch.stages,
      finishedAt: platform.clock.date().toISOString(),
    };
    return { record, tarball };
  } finally {
    await room.remove();
    release();
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
