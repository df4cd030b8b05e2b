import { rm } from 'node:fs/promises';
import { debugInfoOf } from '../../btf/elf.ts';
import { encodeBtf } from '../../btf/encode.ts';
import { Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import { encodeArgs, type Profile } from '../../toolchain/encode.ts';
import { jobsThatFit, paholeMemory } from '../../toolchain/memory.ts';
import type { Pahole } from '../../toolchain/pahole.ts';
import type { Budget } from './budget.ts';

/** What pahole needs besides a vmlinux. */
export interface Encoding {
  readonly platform: Platform;
  readonly pahole: Pahole;
  readonly profile: Profile;
  /** Bytes that all paholes at work may take together. */
  readonly memory: Budget;
}

export interface Encoded {
  /** Raw BTF, beside vmlinux. */
  readonly file: string;
  /** The arguments that shaped it. */
  readonly flags: readonly string[];
}

/**
 * Runs pahole on a vmlinux as soon as the memory that it will take is there, with as many of the
 * free cores as leave the output what it is. One that was killed for memory all the same is tried
 * once more: alone, and on one core.
 */
export async function encode(
  encoding: Encoding,
  vmlinux: string,
  cores: () => number,
): Promise<Encoded> {
  const { pahole, memory } = encoding;
  const debugInfo = await debugInfoOf(vmlinux);
  const need = paholeMemory(pahole.version, debugInfo, 1);
  const release = await memory.take(need, encoding.platform.interrupted);
  try {
    const room = need + memory.free;
    const jobs = Math.max(1, jobsThatFit(pahole.version, debugInfo, cores(), room));
    return await start(encoding, vmlinux, jobs);
  } catch (error) {
    if (!(error instanceof Failure) || error.reason !== 'out-of-memory') throw error;
  } finally {
    release();
  }
  const everything = await memory.take(memory.capacity, encoding.platform.interrupted);
  try {
    return await start(encoding, vmlinux, 1);
  } finally {
    everything();
  }
}

async function start(
  { platform, pahole, profile }: Encoding,
  vmlinux: string,
  jobs: number,
): Promise<Encoded> {
  const { args, flags } = encodeArgs(pahole, { profile, jobs });
  const file = `${vmlinux}.btf`;
  await rm(file, { force: true });
  const encoder = { path: pahole.path, args };
  await encodeBtf(platform.programs, encoder, {
    ...{ vmlinux, output: file, signal: platform.interrupted },
  });
  return { file, flags };
}
