import { stat } from 'node:fs/promises';
import { Failure, isSystemError } from '../failure.ts';
import { printable } from '../names.ts';
import type { Programs } from '../platform/programs.ts';
import {
  hasDwarf,
  hasPartialUnits,
  readElf,
  type Supplement,
  supplementOf,
  zstdSectionsOf,
} from './elf.ts';
import { withFile } from './file.ts';

/** A pahole and how it is called: what toolchain/ hands over. */
export interface EncoderProgram {
  readonly path: string;
  /** What shapes the output, and -j; the output option and the files come from here. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface EncodeRequest {
  /** A vmlinux, or a module where `base` is given. */
  readonly vmlinux: string;
  /** For a module: the file with its kernel's BTF. The output is then split BTF. */
  readonly base: string | undefined;
  /** Where the raw BTF goes. It must not be there yet: pahole does not truncate what is. */
  readonly output: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes raw BTF of a vmlinux with DWARF: `pahole <args> --btf_encode_detached <output> <vmlinux>`.
 * Throws `no-dwarf`, `unreadable-dwarf`, `out-of-memory` (killed by SIGKILL), `no-space` or `pahole-failed`, with
 * pahole's own words. An exit status of 0 says little: what came out still has to be checked.
 */
export async function encodeBtf(
  programs: Programs,
  encoder: EncoderProgram,
  request: EncodeRequest,
): Promise<{ readonly size: number }> {
  const { vmlinux, base, output, signal } = request;
  const ofBase = base === undefined ? [] : ['--btf_base', base];
  const elf = await withFile(vmlinux, readElf);
  if (!hasDwarf(elf)) throw noDwarf(vmlinux);
  const supplement = await withFile(vmlinux, supplementOf);
  if (supplement !== undefined) throw incompleteDwarf(vmlinux, supplement);
  if ((await sizeOf(output)) !== undefined) {
    throw new Failure('internal', `${output} is there already, and pahole needs a fresh file.`);
  }
  const { status, ...ending } = await programs.run({
    program: encoder.path,
    args: [...encoder.args, ...ofBase, '--btf_encode_detached', output, vmlinux],
    ...(encoder.env === undefined ? {} : { env: encoder.env }),
    ...(signal === undefined ? {} : { signal }),
  });
  const said = lastLines(`${ending.stderr}\n${ending.stdout.toString('utf8')}`);
  if (ending.signal === 'SIGKILL') throw killed();
  if (status !== 0) throw await refused(vmlinux, status ?? ending.signal, said);
  const size = await sizeOf(output);
  if (size === undefined || size === 0) {
    if (await isUnreadable(vmlinux, said)) throw await unreadableDwarf(vmlinux, said);
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

const USE_BOOT_IMAGE =
  'Take the BTF out of the boot image with --method embedded; the kernel is tried again when pahole or elfutils changes.';

/** pahole would leave out what is in the other file, or write nothing: none up to 1.31 reads it. */
function incompleteDwarf(vmlinux: string, { path, buildId }: Supplement): Failure {
  return new Failure(
    'unreadable-dwarf',
    `dwz moved a part of the debug information of ${vmlinux} into ${printable(path)} (build ID ${buildId}), and no pahole up to 1.31 reads such files.`,
    USE_BOOT_IMAGE,
  );
}

/** After `hasDwarf`: pahole ends well without output, or says that there is no DWARF, when it cannot read what there is. */
async function isUnreadable(vmlinux: string, said: string): Promise<boolean> {
  if (/error decoding cu|no debug(ging)? info|file has no \w+ type information/i.test(said)) {
    return true;
  }
  if (/DWARF.*not found/i.test(said)) return true;
  if (await withFile(vmlinux, hasPartialUnits)) return true;
  return (await withFile(vmlinux, zstdSectionsOf)).length > 0;
}

async function unreadableDwarf(vmlinux: string, said: string): Promise<Failure> {
  const isZstd = (await withFile(vmlinux, zstdSectionsOf)).length > 0;
  const isDwz = await withFile(vmlinux, hasPartialUnits);
  const [what, advice] = isZstd
    ? [
        'is compressed with zstd',
        'Install elfutils (libdw and libelf) 0.189 or newer with zstd, and build pahole with it.',
      ]
    : isDwz
      ? ['was compressed by dwz, and no pahole up to 1.31 reads that', USE_BOOT_IMAGE]
      : [
          'is in a form that it does not know',
          'Install a newer elfutils (libdw and libelf), or use a newer pahole: --pahole 1.31.',
        ];
  return new Failure(
    'unreadable-dwarf',
    `This pahole cannot read the debug information of ${vmlinux}, which ${what}.${said}`,
    advice,
  );
}

function killed(): Failure {
  return new Failure(
    'out-of-memory',
    'pahole was killed, as the kernel does when memory runs out.',
    'Run fewer kernels at once, give pahole fewer jobs, or use pahole 1.28 or newer, which needs a quarter of the memory.',
  );
}

async function refused(
  vmlinux: string,
  status: number | string | null,
  said: string,
): Promise<Failure> {
  // pahole does not ask why a write came short; a mapped file on a full disk ends it with SIGBUS, a limit of the size
  // of files (RLIMIT_FSIZE) with SIGXFSZ.
  const isFull = /No space left on device|File too large|Could only write \d+ bytes/.test(said);
  if (isFull || status === 'SIGBUS' || status === 'SIGXFSZ') {
    return new Failure(
      'no-space',
      `pahole could not write its output.${said}`,
      'Free some space, or choose another folder by --temp; a limit of the size of files (ulimit -f) looks the same.',
    );
  }
  if (/Cannot allocate memory|memory exhausted|out of memory|std::bad_alloc/i.test(said)) {
    return new Failure('out-of-memory', `pahole ran out of memory.${said}`);
  }
  if (await isUnreadable(vmlinux, said)) return unreadableDwarf(vmlinux, said);
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
