import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type KernelName, TARBALL_SUFFIX } from '../archive/layout.ts';
import type { ArchiveReader } from '../archive/reader.ts';
import { loadBtf } from '../btf/load.ts';
import { unpackBtf } from '../btf/tarball.ts';
import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import { unpackOf } from './fetch/fetch.ts';

/** One kernel to check. Its BTF is read and unpacked by `load`. */
export interface KernelToCheck {
  /** `uname -r`, or the name of a file. */
  readonly name: string;
  /** The group in which it is counted: `22.03 x86_64 5.10.0-60`. */
  readonly line: string;
  /** Raw BTF. */
  load(): Promise<Buffer>;
}

/** The kernels to check, and their number. */
export interface KernelsToCheck {
  readonly count: number;
  readonly each: AsyncIterable<KernelToCheck>;
}

type CheckPlatform = Pick<Platform, 'programs' | 'interrupted'>;

/** The selected kernels of an archive, in their order. */
export function archiveKernels(
  platform: CheckPlatform,
  reader: ArchiveReader,
  selected: readonly KernelName[],
): KernelsToCheck {
  async function* each(): AsyncGenerator<KernelToCheck> {
    for await (const { kernel, tarball } of reader.read(selected)) {
      const { versionId, arch, uname } = kernel;
      const load = () => unpackOf(platform, kernel, tarball, reader.name);
      yield { name: uname, line: `${versionId} ${arch} ${kernelSeries(uname)}`, load };
    }
  }
  return { count: selected.length, each: each() };
}

/** Files of raw BTF, ELF files with `.BTF`, and tarballs. */
export function fileKernels(platform: CheckPlatform, paths: readonly string[]): KernelsToCheck {
  async function* each(): AsyncGenerator<KernelToCheck> {
    for (const path of paths) {
      const isTarball = path.endsWith(TARBALL_SUFFIX);
      const name = basename(path).replace(/\.btf(\.tar\.xz)?$/, '');
      const load = async () =>
        isTarball ? unpack(platform, path, await readFile(path)) : loadBtf(path);
      yield { name, line: name, load };
    }
  }
  return { count: paths.length, each: each() };
}

async function unpack(platform: CheckPlatform, path: string, bytes: Uint8Array): Promise<Buffer> {
  const { uname, btf } = await unpackBtf(platform.programs, bytes, {
    signal: platform.interrupted,
  });
  if (basename(path) === `${uname}${TARBALL_SUFFIX}`) return btf;
  throw new Failure('bad-archive', `${path} holds the BTF of another kernel: ${uname}.`);
}

/** What all updates of one release's kernel have in common: `5.10.0-136` of `5.10.0-136.12.0.86.oe2203sp1.x86_64`. */
function kernelSeries(uname: string): string {
  return /^\d+\.\d+\.\d+-\d+/.exec(uname)?.[0] ?? uname;
}
