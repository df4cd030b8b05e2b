import { readFile, rm } from 'node:fs/promises';
import type { ModuleUse } from '../../archive/record.ts';
import { compressionOf } from '../../boot-image/format.ts';
import type { Store } from '../../boot-image/unpack.ts';
import { checkBtf } from '../../btf/check.ts';
import { rebaseOnKernel } from '../../btf/distilled.ts';
import type { ByteSource } from '../../btf/elf.ts';
import { withFile } from '../../btf/file.ts';
import { readBtfAndBase } from '../../btf/load.ts';
import { type ModuleBtf, mergeModules } from '../../btf/merge.ts';
import { makePlain } from '../../btf/plain.ts';
import { Btf } from '../../btf/reader.ts';
import { asFailure, Failure } from '../../failure.ts';
import { type Decoders, decompress } from '../../platform/decompress.ts';
import type { ModuleFile } from './modules.ts';
import { type PaholeContext, runPahole } from './run-pahole.ts';

/** A kernel's BTF with that of modules, and which modules are in it. It is still to be checked. */
export interface KernelWithModules {
  readonly btf: Buffer;
  readonly use: Pick<ModuleUse, 'included' | 'excluded'>;
}

/**
 * Encodes the BTF of modules by `pahole --btf_base`, and merges it with their kernel's. A module that
 * pahole cannot encode, or that would make a field ambiguous, is left out and named; the kernel's BTF
 * is in the result in any case.
 *
 * @param base the file with the kernel's BTF
 */
export async function encodeModules(
  context: PaholeContext,
  base: string,
  modules: readonly ModuleFile[],
): Promise<KernelWithModules> {
  const kernel = makePlain(await readFile(base));
  return mergeEach(context.platform.interrupted, kernel, modules, async (target, kernelTypes) => {
    const { file } = await runPahole(context, target, () => 1, base);
    const bytes = makePlain(await readFile(file), kernelTypes);
    await rm(file);
    return bytes;
  });
}

/** What reading modules needs. */
export interface ReadingContext {
  readonly decoders: Decoders;
  readonly interrupted: AbortSignal;
  /** An empty store for one unpacked module. */
  store(): Promise<Store>;
}

/**
 * Takes the BTF that modules carry out of their files, which may be compressed, and merges it with their kernel's.
 * One that was built apart from its kernel is split from the kernel's types first. A module without BTF is left out
 * and named, as one that would make a field ambiguous.
 */
export async function readModules(
  context: ReadingContext,
  kernel: Uint8Array,
  modules: readonly ModuleFile[],
): Promise<KernelWithModules> {
  let total = 0;
  return mergeEach(context.interrupted, kernel, modules, async (target, kernelTypes) => {
    const { btf, distilledBase } = await withFile(target, (source) =>
      unpacked(context, source, readBtfAndBase),
    );
    total += btf.length;
    if (total > MAX_MODULES_BTF) {
      throw new Failure(
        'usage',
        `The modules that --modules names have more than ${MAX_MODULES_BTF} bytes of BTF.`,
        'Name fewer modules.',
      );
    }
    if (distilledBase === undefined) return makePlain(btf, kernelTypes);
    return rebaseOnKernel(new Btf(btf, new Btf(distilledBase)), kernelTypes);
  });
}

/** All 4,000 modules of a kernel have 45 MB; they are in memory together. */
const MAX_MODULES_BTF = 64 * 1024 * 1024;
/** The largest module has 30 MB. */
const MAX_MODULE_BYTES = 256 * 1024 * 1024;
const PIECE = 1024 * 1024;

/** Reads a file, or what it unpacks to. */
async function unpacked<Value>(
  { decoders, store }: ReadingContext,
  source: ByteSource,
  read: (bytes: ByteSource) => Promise<Value>,
): Promise<Value> {
  const compression = compressionOf(await source.read(0, Math.min(16, source.size)));
  if (compression === undefined) return read(source);
  const damaged = (why: string) =>
    new Failure('bad-elf', `${source.name} cannot be unpacked: ${why}.`);
  const layer = await store();
  try {
    let size = 0;
    for await (const chunk of decompress(compression, pieces(source), decoders, damaged)) {
      size += chunk.length;
      if (size > MAX_MODULE_BYTES) {
        throw damaged(`it has more than ${MAX_MODULE_BYTES} bytes`);
      }
      await layer.write(chunk);
    }
    return await read(await layer.finish(source.name));
  } finally {
    await layer.remove();
  }
}

async function* pieces({ size, read }: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += PIECE) yield read(at, Math.min(PIECE, size - at));
}

/**
 * Merges the BTF that `read` gives for the file of each module, and removes the file.
 * A failure that is about one module alone leaves out that module.
 */
async function mergeEach(
  interrupted: AbortSignal,
  kernel: Uint8Array,
  modules: readonly ModuleFile[],
  read: (target: string, kernelTypes: Btf) => Promise<Uint8Array>,
): Promise<KernelWithModules> {
  const kernelTypes = new Btf(kernel);
  const parts: ModuleBtf[] = [];
  const excluded: { name: string; why: string }[] = [];
  for (const { name, target } of modules) {
    try {
      const bytes = await read(target, kernelTypes);
      checkBtf(bytes, { kind: 'any' }, kernelTypes);
      parts.push({ name, bytes });
    } catch (error) {
      interrupted.throwIfAborted();
      const failure = asFailure(error);
      if (!isAboutModule(failure)) throw error;
      excluded.push({ name, why: `${failure.reason}: ${failure.message}` });
    }
    await rm(target, { force: true });
  }
  const merged = mergeModules(kernel, parts);
  for (const { name, fields } of merged.excluded) {
    excluded.push({ name, why: `libbpf could not decide on ${fields.join(', ')}` });
  }
  return { btf: merged.btf, use: { included: merged.modules, excluded } };
}

/** Failures that the next module need not share. */
function isAboutModule({ reason }: Failure): boolean {
  return ['no-dwarf', 'unreadable-dwarf', 'bad-elf', 'bad-btf', 'pahole-failed'].includes(reason);
}
