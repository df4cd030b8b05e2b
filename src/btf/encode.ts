import { stat } from 'node:fs/promises';
import { Failure, isSystemError } from '../failure.ts';
import { printable } from '../names.ts';
import type { Programs } from '../platform/programs.ts';
import { hasDwarf, readElf, withFile } from './elf.ts';

/** A pahole and how it is called: what toolchain/ hands over. */
export interface EncoderProgram {
  readonly path: string;
  /** What shapes the output, and -j; the output option and the files come from here. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface EncodeRequest {
  readonly vmlinux: string;
  /** Where the raw BTF goes. It must not be there yet: pahole does not truncate what is. */
  readonly output: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes raw BTF of a vmlinux with DWARF: `pahole <args> --btf_encode_detached <output> <vmlinux>`.
 * Throws `no-dwarf`, `out-of-memory` (killed by SIGKILL), `no-space` or `pahole-failed`, with
 * pahole's own words. An exit status of 0 says little: what came out still has to be checked.
 */
export async function encodeBtf(
  programs: Programs,
  encoder: EncoderProgram,
  request: EncodeRequest,
): Promise<{ readonly size: number }> {
  const { vmlinux, output, signal } = request;
  const elf = await withFile(vmlinux, readElf);
  if (!hasDwarf(elf)) throw noDwarf(vmlinux);
  if ((await sizeOf(output)) !== undefined) {
    throw new Failure('internal', `${output} is there already, and pahole needs a fresh file.`);
  }
  const { status, ...ending } = await programs.run({
    program: encoder.path,
    args: [...encoder.args, '--btf_encode_detached', output, vmlinux],
    ...(encoder.env === undefined ? {} : { env: encoder.env }),
    ...(signal === undefined ? {} : { signal }),
  });
  const said = lastLines(`${ending.stderr}\n${ending.stdout.toString('utf8')}`);
  if (ending.signal === 'SIGKILL') throw killed();
  if (status !== 0) throw refused(vmlinux, status ?? ending.signal, said);
  const size = await sizeOf(output);
  if (size === undefined || size === 0) {
    throw new Failure('pahole-failed', `pahole ended well and wrote no BTF.${said}`);
  }
  return { size };
}

function noDwarf(vmlinux: string): Failure {
  return new Failure(
    'no-dwarf',
    `${vmlinux} has no debug information, so that no BTF can be made of it.`,
    'The package is not the one with the debug information, or its vmlinux was stripped.',
  );
}

function killed(): Failure {
  return new Failure(
    'out-of-memory',
    'pahole was killed, as the kernel does when memory runs out.',
    'Run fewer kernels at once, give pahole fewer jobs, or use pahole 1.28 or newer, which needs a quarter of the memory.',
  );
}

function refused(vmlinux: string, status: number | string | null, said: string): Failure {
  if (/no debug(ging)? info|file has no \w+ type information|DWARF.*not found/i.test(said)) {
    return noDwarf(vmlinux);
  }
  // pahole does not ask why a write came short.
  if (/No space left on device|Could only write \d+ bytes/.test(said)) {
    return new Failure('no-space', `pahole could not write its output.${said}`, 'Free some space.');
  }
  if (/Cannot allocate memory|out of memory|std::bad_alloc/i.test(said)) {
    return new Failure('out-of-memory', `pahole ran out of memory.${said}`);
  }
  return new Failure('pahole-failed', `pahole ended with ${status} on ${vmlinux}.${said}`);
}

/** The end of what a program said, on one line; empty when it said nothing. */
function lastLines(text: string): string {
  const lines = text.split('\n').map((line) => printable(line.trim()));
  const last = lines.filter((line) => line !== '').slice(-3);
  return last.length === 0 ? '' : ` It said: ${last.join(' / ')}`;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
