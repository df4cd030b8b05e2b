import { readFile } from 'node:fs/promises';
import { type ByteSource, isElf, readElf } from '../btf/elf.ts';
import { withFile } from '../btf/file.ts';
import { MAX_BTF_BYTES, readBtfAndBase } from '../btf/load.ts';
import { unpackBtf } from '../btf/tarball.ts';
import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import { recognise } from './format.ts';
import { readBootImage } from './read.ts';
import { memoryStore } from './unpack.ts';

/** The BTF of a file, and what the file is. */
export interface LoadedBtf {
  readonly btf: Buffer;
  readonly from: 'raw' | 'ELF' | 'tarball' | 'boot image';
  /** `uname -r`, where the file says it: the member of a tarball, the banner of a boot image. */
  readonly uname: string | undefined;
  /** The `.BTF.base` section of a module's ELF file. */
  readonly distilledBase?: Buffer | undefined;
}

export type LoadPlatform = Pick<Platform, 'programs' | 'interrupted'>;

/**
 * The BTF of a file, whatever the file is: a tarball (by its name `*.tar.xz`), raw BTF, an ELF file
 * with a section `.BTF`, or a boot image (both by their magic numbers). What has no known magic number
 * is returned as raw BTF, for `checkBtf` to judge.
 * @param minimumTypes see `findKernelBtf`
 */
export async function loadAnyBtf(
  platform: LoadPlatform,
  path: string,
  minimumTypes: number,
): Promise<LoadedBtf> {
  if (path.endsWith('.tar.xz')) return loadTarball(platform, path);
  return withFile(path, async (source) => {
    if (!(await isBootImage(source))) {
      const from = (await isElf(source)) ? 'ELF' : 'raw';
      const { btf, distilledBase } = await readBtfAndBase(source);
      return { btf, from, uname: undefined, distilledBase };
    }
    const unpacking = { programs: platform.programs, store: memoryStore };
    const { btf, uname } = await readBootImage(source, unpacking, {
      uname: undefined,
      minimumTypes,
    });
    return { btf, from: 'boot image', uname };
  });
}

/** Whether a file is a boot image; an ELF file counts as one where it has no table of sections. */
export async function isBootImage(source: ByteSource): Promise<boolean> {
  const layer = await recognise(source);
  if (layer.kind !== 'kernel') return true;
  if (layer.form === 'ELF') return (await readElf(source)).sections.length === 0;
  return layer.form !== 'plain';
}

async function loadTarball(platform: LoadPlatform, path: string): Promise<LoadedBtf> {
  const tarball = await withFile(path, async ({ size }) => {
    if (size <= MAX_BTF_BYTES) return readFile(path);
    throw new Failure('bad-archive', `${path} is too large: ${size} bytes.`);
  });
  const { uname, btf } = await unpackBtf(platform.programs, tarball, {
    signal: platform.interrupted,
  });
  return { btf, from: 'tarball', uname };
}
