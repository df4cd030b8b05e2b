import type { ByteSource } from '../btf/elf.ts';
import type { Compression } from '../platform/decompress.ts';

/** Bytes of a file, from `offset` on. */
export interface Range {
  readonly offset: number;
  readonly size: number;
}

/** What a file is, by its magic numbers: a kernel, or a wrapper with something inside. */
export type Layer =
  /** `header` says where the compressed data is; `trailer` bytes after the data are its unpacked size. */
  | {
      readonly kind: 'wrapper';
      readonly name: 'bzImage' | 'EFI zboot';
      readonly payload: Range;
      readonly compression: Compression;
      readonly trailer: number;
    }
  | { readonly kind: 'compressed'; readonly compression: Exclude<Compression, 'none'> }
  | { readonly kind: 'kernel'; readonly form: KernelForm }
  /** The magic number of a format, with a header that contradicts itself. */
  | { readonly kind: 'broken'; readonly name: string; readonly problem: string };

/** `plain` is anything without a magic number: the scan for a kernel's banner decides. */
export type KernelForm = 'ELF' | 'arm64 Image' | 'riscv64 Image' | 'plain';

/** How many of the first bytes `recognise` looks at: up to the end of x86's `payload_length`. */
const HEAD = 0x250;

const COMPRESSION_MAGICS: readonly (readonly [Exclude<Compression, 'none'>, string])[] = [
  ['gzip', '1f8b08'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['bzip2', '425a68'],
  // The properties byte of lc=3, lp=0, pb=2 and a dictionary of a multiple of 64 KiB: what every encoder writes.
  ['lzma', '5d0000'],
  ['lz4', '02214c18'], // the legacy format, which the kernel uses
  ['lz4', '04224d18'],
  ['lzo', '894c5a4f000d0a1a0a'],
];

/** Formats of the kernel's decompressors that end with the unpacked size, as 4 bytes; gzip has it in itself. */
const TRAILER = 4;

/** How data that begins so is compressed, by its magic number; undefined for no known one. */
export function compressionOf(start: Buffer): Exclude<Compression, 'none'> | undefined {
  const hex = start.toString('hex', 0, 16);
  return COMPRESSION_MAGICS.find(([, magic]) => hex.startsWith(magic))?.[0];
}

/**
 * Tells what a file is: x86's bzImage (Documentation/arch/x86/boot.rst), EFI zboot
 * (drivers/firmware/efi/libstub/zboot-header.S), a compressed file, ELF, the flat Image of arm64
 * (Documentation/arch/arm64/booting.rst) or riscv64 (Documentation/arch/riscv/boot-image-header.rst).
 */
export async function recognise(source: ByteSource): Promise<Layer> {
  const head = await source.read(0, Math.min(HEAD, source.size));
  const at = (offset: number, text: string) =>
    head.length >= offset + text.length &&
    head.toString('latin1', offset, offset + text.length) === text;

  if (at(0, '\x7fELF')) return { kind: 'kernel', form: 'ELF' };
  // bzImage and zboot may begin with `MZ` as well, so their own magic numbers come first.
  if (at(0x1fe, '\x55\xaa') && at(0x202, 'HdrS')) return bzImage(source, head);
  if (at(4, 'zimg')) return zboot(source, head);
  if (at(0x38, 'ARM\x64')) return { kind: 'kernel', form: 'arm64 Image' };
  if (at(0x38, 'RSC\x05') || at(0x30, 'RISCV\0\0\0')) {
    return { kind: 'kernel', form: 'riscv64 Image' };
  }
  const compression = compressionOf(head);
  if (compression !== undefined) return { kind: 'compressed', compression };
  return { kind: 'kernel', form: 'plain' };
}

/** x86's setup header: `payload_offset` counts from the end of the setup sectors. */
async function bzImage(source: ByteSource, head: Buffer): Promise<Layer> {
  const name = 'bzImage';
  const broken = (problem: string): Layer => ({ kind: 'broken', name, problem });
  if (head.length < HEAD) return broken('it ends within its setup header');
  const version = head.readUInt16LE(0x206);
  if (version < 0x208) {
    return broken(
      `its boot protocol is ${version >> 8}.${version & 0xff}, and 2.8 is the first that says where the kernel is`,
    );
  }
  const setupSectors = head.readUInt8(0x1f1) || 4;
  const offset = (setupSectors + 1) * 512 + head.readUInt32LE(0x248);
  return wrapper(source, name, { offset, size: head.readUInt32LE(0x24c) }, TRAILER);
}

/** Bytes 8 to 15 are the payload's offset and size; the size leaves out the unpacked size after it. */
async function zboot(source: ByteSource, head: Buffer): Promise<Layer> {
  const name = 'EFI zboot';
  if (head.length < 64) return { kind: 'broken', name, problem: 'it ends within its header' };
  const range = { offset: head.readUInt32LE(8), size: head.readUInt32LE(12) };
  return wrapper(source, name, range, 0);
}

async function wrapper(
  source: ByteSource,
  name: 'bzImage' | 'EFI zboot',
  payload: Range,
  trailerBytes: number,
): Promise<Layer> {
  const { offset, size } = payload;
  if (size <= 16 || offset + size > source.size) {
    const problem = `its header says that ${size} bytes of kernel begin at ${offset}, and it has ${source.size} bytes`;
    return { kind: 'broken', name, problem };
  }
  const start = await source.read(offset, 16);
  const compression = compressionOf(start);
  if (compression === undefined) {
    // CONFIG_KERNEL_UNCOMPRESSED: the ELF file itself.
    if (start.toString('latin1', 0, 4) === '\x7fELF') {
      return { kind: 'wrapper', name, payload, compression: 'none', trailer: 0 };
    }
    const problem = `its kernel begins with ${start.toString('hex', 0, 8)}, which is the beginning of no known compression`;
    return { kind: 'broken', name, problem };
  }
  const trailer = compression === 'gzip' ? 0 : trailerBytes;
  return { kind: 'wrapper', name, payload: { offset, size: size - trailer }, compression, trailer };
}
