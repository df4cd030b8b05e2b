import type { ByteSource } from '../btf/elf.ts';
import { findKernelBtf, type KernelBtf, type Sought } from './find-btf.ts';
import { type Unpacking, unpackBootImage } from './unpack.ts';

export interface BootImageBtf extends KernelBtf {
  /** What was unpacked, outermost first: `['gzip', 'arm64 Image']`. */
  readonly layers: readonly string[];
  /** Bytes of the unpacked kernel. */
  readonly kernelSize: number;
}

/** The BTF of the kernel in a boot image; fails as `unpackBootImage` and `findKernelBtf` do. */
export async function readBootImage(
  image: ByteSource,
  unpacking: Unpacking,
  sought: Sought,
): Promise<BootImageBtf> {
  const kernel = await unpackBootImage(image, unpacking);
  try {
    const { btf, foundBy, uname } = await findKernelBtf(kernel, sought);
    // A view into the whole kernel would keep all of it in memory.
    const own = Buffer.from(btf);
    return { btf: own, foundBy, uname, layers: kernel.layers, kernelSize: kernel.bytes.size };
  } finally {
    await kernel.remove();
  }
}
