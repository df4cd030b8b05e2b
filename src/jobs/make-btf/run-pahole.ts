import { rm } from 'node:fs/promises';
import { debugInfoOf } from '../../btf/elf.ts';
import { type EncoderProgram, encodeBtf } from '../../btf/encode.ts';
import { withFile } from '../../btf/file.ts';
import { Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import { jobsThatFit, paholeMemory } from '../../toolchain/memory.ts';
import type { Pahole } from '../../toolchain/pahole.ts';
import { type Profile, paholeArguments } from '../../toolchain/pahole-arguments.ts';
import type { Semaphore } from './semaphore.ts';

/** What running pahole needs besides a vmlinux. */
export interface PaholeContext {
  readonly platform: Platform;
  readonly pahole: Pahole;
  readonly profile: Profile;
  /** Bytes of memory that all pahole processes may take together. */
  readonly memory: Semaphore;
}

export interface MadeBtf {
  /** Raw BTF, beside vmlinux. */
  readonly file: string;
  /** The arguments that shaped it. */
  readonly flags: readonly string[];
}

/**
 * Runs pahole on a vmlinux as soon as enough memory is free, with as many threads as do not change the output.
 * When it is killed for lack of memory, it runs once more: as the only pahole, with one thread.
 * Throws what `encodeBtf` throws.
 * @param base for a module: the file with its kernel's BTF
 */
export async function runPahole(
  context: PaholeContext,
  vmlinux: string,
  cores: () => number,
  base?: string,
): Promise<MadeBtf> {
  const { pahole, memory } = context;
  const debugInfo = await withFile(vmlinux, debugInfoOf);
  const need = paholeMemory(pahole.version, debugInfo, 1);
  const release = await memory.acquire(need, context.platform.interrupted);
  try {
    const spare = need + memory.free;
    const jobs = Math.max(1, jobsThatFit(pahole.version, debugInfo, cores(), spare));
    return await start(context, vmlinux, jobs, base);
  } catch (error) {
    if (!(error instanceof Failure) || error.reason !== 'out-of-memory') throw error;
  } finally {
    release();
  }
  const all = await memory.acquire(memory.capacity, context.platform.interrupted);
  try {
    return await start(context, vmlinux, 1, base);
  } finally {
    all();
  }
}

async function start(
  { platform, pahole, profile }: PaholeContext,
  vmlinux: string,
  jobs: number,
  base: string | undefined,
): Promise<MadeBtf> {
  const { args, flags } = paholeArguments(pahole, { profile, jobs });
  const file = `${vmlinux}.btf`;
  await rm(file, { force: true });
  const most = await memoryLimit(pahole.version, vmlinux, jobs);
  const encoder = limited(platform, { path: pahole.path, args }, most);
  const signal = platform.interrupted;
  await encodeBtf(platform.programs, encoder, { vmlinux, base, output: file, signal });
  return { file, flags };
}

/** pahole may take so many bytes for itself, however little debug information there is. */
const LEAST_LIMIT = 768 * 1024 * 1024;

/**
 * Bytes of data that pahole may have: twice what is reckoned for it, and vmlinux, which it maps to write. Debug
 * information that is made for it makes pahole take a hundred times as much.
 */
async function memoryLimit(version: string, vmlinux: string, jobs: number): Promise<number> {
  const { size, debugInfo } = await withFile(vmlinux, async (source) => ({
    size: source.size,
    debugInfo: await debugInfoOf(source),
  }));
  return size + Math.max(LEAST_LIMIT, 2 * paholeMemory(version, debugInfo, jobs));
}

/** With RLIMIT_DATA (getrlimit(2)) by prlimit of util-linux; without a limit where there is none. */
function limited(platform: Platform, encoder: EncoderProgram, bytes: number): EncoderProgram {
  const prlimit = platform.programs.find('prlimit');
  if (prlimit === undefined) return encoder;
  return { path: prlimit, args: [`--data=${Math.ceil(bytes)}`, encoder.path, ...encoder.args] };
}
