import { join } from 'node:path';
import { type BootImageBtf, readBootImage } from '../../boot-image/read.ts';
import type { Expectation } from '../../btf/check.ts';
import { withFile } from '../../btf/file.ts';
import { makePlain } from '../../btf/plain.ts';
import type { Platform } from '../../platform/platform.ts';
import type { BootPackage } from '../../sources/kernels.ts';
import { type FetchedBootImage, fetchBootImage } from './fetch-boot-image.ts';
import type { FetchContext } from './fetch-vmlinux.ts';
import { fileStores } from './file-store.ts';
import { type KernelWithModules, readModules } from './merge-modules.ts';
import type { Stopwatch } from './stopwatch.ts';
import type { Workspace } from './workspace.ts';

export interface EmbeddedContext extends FetchContext {
  readonly platform: Pick<Platform, 'programs'>;
  readonly workspace: Pick<Workspace, 'kernelDirectory'>;
  readonly expectation: Expectation;
}

export interface EmbeddedBtf {
  /** In the form that older consumers read, whatever header the kernel's own has. */
  readonly btf: Uint8Array;
  readonly fetched: FetchedBootImage;
  readonly found: BootImageBtf;
  /** The same BTF with that of modules; undefined where none are asked for. */
  readonly withModules: KernelWithModules | undefined;
}

/**
 * Takes the BTF that a kernel carries out of the boot image in its package; nothing is left in the workspace.
 * @param modules globs of the modules whose BTF is merged with it; undefined for none
 */
export async function embeddedBtf(
  context: EmbeddedContext,
  kernel: BootPackage,
  stopwatch: Stopwatch,
  modules: readonly string[] | undefined,
): Promise<EmbeddedBtf> {
  const { platform, workspace, expectation } = context;
  const directory = await workspace.kernelDirectory();
  const path = join(directory.folder, 'vmlinuz');
  let release = () => {};
  try {
    const fetched = await fetchBootImage(context, kernel, path, stopwatch, modules);
    release = fetched.release;
    const store = fileStores(directory.folder);
    const unpacking = { programs: platform.programs, store };
    const minimumTypes = expectation.kind === 'kernel' ? expectation.minimumTypes : 0;
    const sought = { uname: kernel.uname, minimumTypes };
    const found = await withFile(path, ({ size, read }) =>
      readBootImage({ name: kernel.imagePath, size, read }, unpacking, sought),
    );
    const btf = makePlain(found.btf);
    const { decoders, interrupted } = context;
    const withModules =
      modules === undefined
        ? undefined
        : await readModules({ decoders, interrupted, store }, btf, fetched.image.modules);
    return { btf, fetched, found, withModules };
  } finally {
    await directory.remove();
    release();
  }
}
