import type { ByteSource } from '../btf/elf.ts';
import { Failure } from '../failure.ts';
import { type Compression, type Decoders, decompress } from '../platform/decompress.ts';
import type { Programs } from '../platform/programs.ts';
import { PLAIN_ENVIRONMENT } from '../toolchain/xz.ts';
import { type KernelForm, type Range, recognise } from './format.ts';

/** A boot image has 7 to 40 MB, what is in it up to 100 MB: beyond this something is wrong. */
export const MOST_IMAGE_BYTES = 256 * 1024 * 1024;
/** gzip around zboot around an ELF file are three; more is an attack. */
const MOST_LAYERS = 4;
const PIECE = 1024 * 1024;

/** Where the bytes of an unpacked layer go: memory, or a file. */
export interface Store {
  write(bytes: Uint8Array): Promise<void>;
  /** What was written, to be read; called once, after the last `write`. */
  finish(name: string): Promise<ByteSource>;
  /** Frees what it holds; its source must not be read any more. Safe to call again. */
  remove(): Promise<void>;
}

/**
 * Boot images have one stream; some have padding after it. The dictionary of a kernel has 32 to 128 MiB.
 * (A system's xz is enough: 60 MB are unpacked in a second or two.)
 */
const XZ = {
  program: 'xz',
  args: ['--decompress', '--stdout', '--single-stream', '--memlimit-decompress=512MiB'],
  env: PLAIN_ENVIRONMENT,
};

export interface Unpacking {
  readonly programs: Programs;
  /** An empty store for one layer. */
  store(): Promise<Store>;
}

/** The kernel that a boot image holds. */
export interface UnpackedKernel {
  readonly bytes: ByteSource;
  readonly form: KernelForm;
  /** What was unpacked, outermost first, and the form of the kernel: `['bzImage', 'xz', 'ELF']`. */
  readonly layers: readonly string[];
  /** Frees the unpacked bytes. */
  remove(): Promise<void>;
}

/**
 * Takes the kernel out of a boot image, whatever it is wrapped in; a kernel that is not wrapped is
 * the source itself. Throws `bad-image` for a header that contradicts the file, for data that cannot
 * be decoded, and for more than 256 MiB or four layers; `missing-program` for a compression whose
 * program is not installed.
 */
export async function unpackBootImage(
  image: ByteSource,
  unpacking: Unpacking,
): Promise<UnpackedKernel> {
  if (image.size > MOST_IMAGE_BYTES) {
    throw badImage(
      image,
      `it has ${image.size} bytes, and ${MOST_IMAGE_BYTES} is the most that is read`,
    );
  }
  const layers: string[] = [];
  let held: Store | undefined;
  let bytes = image;
  try {
    for (;;) {
      const layer = await recognise(bytes);
      if (layer.kind === 'broken')
        throw badImage(image, `as ${layer.name} it is broken: ${layer.problem}`);
      if (layer.kind === 'kernel') {
        const last = held;
        layers.push(layer.form);
        return { bytes, form: layer.form, layers, remove: async () => last?.remove() };
      }
      if (layers.length >= 2 * MOST_LAYERS) throw badImage(image, 'it is wrapped too often');
      const { compression } = layer;
      if (layer.kind === 'wrapper') layers.push(layer.name);
      if (compression !== 'none') layers.push(compression);
      const payload = layer.kind === 'wrapper' ? layer.payload : { offset: 0, size: bytes.size };
      const stated =
        layer.kind === 'wrapper' && layer.trailer > 0
          ? (await bytes.read(payload.offset + payload.size, 4)).readUInt32LE(0)
          : undefined;
      const next = await unpacking.store();
      try {
        await unpackInto(
          next,
          { image, bytes, payload, compression, stated },
          { programs: unpacking.programs, xz: XZ },
        );
        bytes = await next.finish(image.name);
      } catch (error) {
        await next.remove();
        throw error;
      }
      await held?.remove();
      held = next;
    }
  } catch (error) {
    await held?.remove();
    throw error;
  }
}

interface Packed {
  /** For messages. */
  readonly image: ByteSource;
  readonly bytes: ByteSource;
  readonly payload: Range;
  readonly compression: Compression;
  /** The unpacked size in bytes, where the wrapper states it. */
  readonly stated: number | undefined;
}

async function unpackInto(store: Store, packed: Packed, decoders: Decoders): Promise<void> {
  const { image, bytes, payload, compression, stated } = packed;
  const damaged = (why: string) =>
    badImage(image, `its ${compression} data cannot be unpacked: ${why}`);
  let size = 0;
  for await (const chunk of decompress(compression, pieces(bytes, payload), decoders, damaged)) {
    size += chunk.length;
    if (size > MOST_IMAGE_BYTES)
      throw badImage(image, `it unpacks to more than ${MOST_IMAGE_BYTES} bytes`);
    await store.write(chunk);
  }
  if (stated !== undefined && stated !== size) {
    throw badImage(image, `it says that it unpacks to ${stated} bytes, and there are ${size}`);
  }
}

async function* pieces(bytes: ByteSource, { offset, size }: Range): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += PIECE)
    yield bytes.read(offset + at, Math.min(PIECE, size - at));
}

/** A store in memory, for one image at a time. */
export async function memoryStore(): Promise<Store> {
  let chunks: Buffer[] = [];
  return {
    write: async (bytes) => {
      chunks.push(Buffer.from(bytes));
    },
    finish: async (name) => {
      const all = Buffer.concat(chunks);
      chunks = [];
      return {
        name,
        size: all.length,
        read: async (offset, length) => all.subarray(offset, offset + length),
      };
    },
    remove: async () => {
      chunks = [];
    },
  };
}

export function badImage(image: ByteSource, what: string): Failure {
  return new Failure('bad-image', `${image.name} is not a sound boot image: ${what}.`);
}
