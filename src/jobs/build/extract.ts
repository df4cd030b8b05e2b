import { Failure } from '../../failure.ts';
import { printable } from '../../names.ts';
import { CpioParser, type Member, placeBefore } from '../../rpm/cpio.ts';
import { type PackageFile, pathOfMember } from '../../rpm/files.ts';
import { nvraText, type PackageHead, readPackageHead } from '../../rpm/package.ts';
import { type Digest, TAG } from '../../rpm/tags.ts';
import { canSkip, type Decoders, decompressInto } from '../../toolchain/decompress.ts';
import { VmlinuxFile } from './vmlinux-file.ts';

/** What is asked of a package. */
export interface Wanted {
  /** `kernel-debuginfo-<version>-<release>.<arch>`: what the package must be. */
  readonly nvra: string;
  /** `./usr/lib/debug/lib/modules/<uname -r>/vmlinux`: the one member, by its exact path. */
  readonly vmlinuxPath: string;
}

/** What came after bytes that were left out is not what the header promised: they may not be to blame. */
export class Misled extends Failure {}

export interface Vmlinux {
  readonly head: PackageHead;
  readonly size: number;
  readonly sha256: string;
  /** Whether the header has a digest of the file, which then was right, by an algorithm that proves it. */
  readonly proven: boolean;
}

/**
 * Takes vmlinux out of a package as it comes: RPM head, payload, cpio, one member, into `target`.
 * `admit` sees the head before anything of the payload is decoded: to refuse the package, and to
 * wait for the space that vmlinux will take. Throws `no-vmlinux` or `corrupt-package`, which is `Misled`
 * where something was left out; whether the package is the one that the repository promised is for
 * the caller to say, who has its sum.
 */
export async function extractVmlinux(
  bytes: AsyncIterable<Uint8Array>,
  wanted: Wanted,
  target: string,
  decoders: Decoders,
  admit: (head: PackageHead, vmlinux: PackageFile) => Promise<void>,
): Promise<Vmlinux> {
  const head = await readPackageHead(bytes);
  if (nvraText(head.nvra) !== wanted.nvra) {
    const is = printable(nvraText(head.nvra));
    throw new Failure('corrupt-package', `The package is ${is} and not ${wanted.nvra}.`);
  }
  const path = pathOfMember(wanted.vmlinuxPath);
  const entry = head.files.find((file) => file.path === path && file.kind === 'file');
  if (!entry || entry.ghost) throw noVmlinux(wanted);
  await admit(head, entry);

  const { compressor } = head.payload;
  const stripped = head.header.has(TAG.longFileSizes);
  const index = canSkip(compressor, decoders) ? entry.index : 0;
  const from = placeBefore(head.files, index, stripped);
  const file = new VmlinuxFile(target, entry.digest?.algorithm);
  try {
    const choose = (member: Member) => (member.holds(path) ? file : undefined);
    const cpio = new CpioParser(head.files, choose, from);
    const damaged = (why: string) =>
      new Failure('corrupt-package', `The payload of ${wanted.nvra} cannot be decoded: ${why}.`);
    // The header's digest of vmlinux ties it to the header as well as that of the payload would.
    const body = head.body(isStrong(entry.digest) ? 'not-needed' : 'checked');
    const push = (bytes: Uint8Array) => cpio.push(bytes);
    await decompressInto(push, compressor, body, decoders, damaged, from.offset);
    cpio.finish();
  } catch (error) {
    throw from.offset > 0 && isCorrupt(error) ? new Misled(error.reason, error.message) : error;
  } finally {
    file.close();
  }
  const { sha256, digest } = file.digests();
  if (entry.digest && entry.digest.hex !== digest) {
    throw new Failure(
      'corrupt-package',
      `vmlinux has the ${entry.digest.algorithm} ${digest}, but the header promises ${entry.digest.hex}.`,
    );
  }
  return { head, size: file.size, sha256, proven: isStrong(entry.digest) };
}

/** MD5, as rpm had it before 4.14, and SHA-1 prove nothing any more. */
function isStrong(digest: Digest | undefined): boolean {
  return digest !== undefined && !['md5', 'sha1'].includes(digest.algorithm);
}

function isCorrupt(error: unknown): error is Failure {
  return error instanceof Failure && error.reason === 'corrupt-package';
}

function noVmlinux({ nvra, vmlinuxPath }: Wanted): Failure {
  return new Failure(
    'no-vmlinux',
    `${nvra} has no ${vmlinuxPath}.`,
    'This kernel was built without debug information: there is no BTF to be made of it.',
  );
}
