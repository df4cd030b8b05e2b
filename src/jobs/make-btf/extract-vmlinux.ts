import { Failure } from '../../failure.ts';
import { printable } from '../../names.ts';
import {
  type Decoders,
  decodeBy,
  decompressInto,
  type OutputPart,
  partDecoder,
} from '../../platform/decompress.ts';
import { beginningOf, CpioParser, type Member } from '../../rpm/cpio.ts';
import { type PackageFile, pathOfMember } from '../../rpm/files.ts';
import { nvraText, type PackageHead, readPackageHead } from '../../rpm/package.ts';
import { type Digest, TAG } from '../../rpm/tags.ts';
import { VmlinuxFile } from './vmlinux-file.ts';

/** The package and the file in it that are wanted. */
export interface WantedPackage {
  /** `kernel-debuginfo-<version>-<release>.<arch>`: what the package must be. */
  readonly nvra: string;
  /** `./usr/lib/debug/lib/modules/<uname -r>/vmlinux`: the one member, by its exact path. */
  readonly vmlinuxPath: string;
  /** Where to look next, in this order, if it is not there. */
  readonly otherVmlinuxPaths?: readonly string[];
}

/** What lay where the header places vmlinux was not vmlinux; it may lie elsewhere. */
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
 * wait for the space that vmlinux will take. Where the header tells the place and the digest of vmlinux, a
 * decoder that can writes nothing else, and the digest says whether it was right. Throws `no-vmlinux` or
 * `corrupt-package`, which is `Misled` for such a decoder; whether the package is the one that the repository
 * promised is for the caller to say, who has its sum.
 */
export async function extractVmlinux(
  bytes: AsyncIterable<Uint8Array>,
  wanted: WantedPackage,
  target: string,
  decoders: Decoders,
  admit: (head: PackageHead, vmlinux: PackageFile) => Promise<void>,
): Promise<Vmlinux> {
  const head = await readPackageHead(bytes);
  if (nvraText(head.nvra) !== wanted.nvra) {
    const is = printable(nvraText(head.nvra));
    throw new Failure('corrupt-package', `The package is ${is} and not ${wanted.nvra}.`);
  }
  const entry = findVmlinux(head.files, wanted);
  if (!entry) throw noVmlinux(wanted);
  const { path } = entry;
  await admit(head, entry);

  const file = new VmlinuxFile(target, entry.digest?.algorithm);
  const damaged = (why: string) =>
    new Failure('corrupt-package', `The payload of ${wanted.nvra} cannot be decoded: ${why}.`);
  // The header's digest of vmlinux ties it to the header as well as that of the payload would.
  const strong = isStrong(entry.digest);
  const body = head.body(strong ? 'not-needed' : 'checked');
  const part = strong ? partOf(head, entry) : undefined;
  const decoding = part && partDecoder(head.payload.compressor, decoders)?.(part);
  try {
    if (decoding === undefined) {
      const choose = (member: Member) => (member.holds(path) ? file : undefined);
      const cpio = new CpioParser(head.files, choose);
      const push = (bytes: Uint8Array) => cpio.push(bytes);
      await decompressInto(push, head.payload.compressor, body, decoders, damaged);
      cpio.finish();
    } else {
      const { programs } = decoders;
      const see = (bytes: Uint8Array) => file.written(bytes);
      await decodeBy(decoding, see, body, programs, damaged, file.descriptor);
    }
    const { sha256, digest } = file.digests();
    if (entry.digest && entry.digest.hex !== digest) throw wrongDigest(entry.digest, digest);
    return { head, size: file.size, sha256, proven: strong };
  } catch (error) {
    throw decoding && isCorrupt(error) ? new Misled(error.reason, error.message) : error;
  } finally {
    file.close();
  }
}

function findVmlinux(
  files: readonly PackageFile[],
  { vmlinuxPath, otherVmlinuxPaths = [] }: WantedPackage,
): PackageFile | undefined {
  for (const member of [vmlinuxPath, ...otherVmlinuxPaths]) {
    const path = pathOfMember(member);
    const entry = files.find((file) => file.path === path && file.kind === 'file' && !file.ghost);
    if (entry) return entry;
  }
  return undefined;
}

/** Where vmlinux lies in the unpacked payload, as far as the header tells. */
function partOf(
  { files, header }: PackageHead,
  { index, size }: PackageFile,
): OutputPart | undefined {
  const first = beginningOf(files, index, header.has(TAG.longFileSizes));
  return first === undefined ? undefined : { first, size };
}

/** MD5, as rpm had it before 4.14, and SHA-1 prove nothing any more. */
function isStrong(digest: Digest | undefined): boolean {
  return digest !== undefined && !['md5', 'sha1'].includes(digest.algorithm);
}

function isCorrupt(error: unknown): error is Failure {
  return error instanceof Failure && error.reason === 'corrupt-package';
}

function wrongDigest({ algorithm, hex }: Digest, actual: string): Failure {
  return new Failure(
    'corrupt-package',
    `vmlinux has the ${algorithm} ${actual}, but the header promises ${hex}.`,
  );
}

function noVmlinux({ nvra, vmlinuxPath }: WantedPackage): Failure {
  return new Failure(
    'no-vmlinux',
    `${nvra} has no ${vmlinuxPath}.`,
    'This kernel was built without debug information: there is no BTF to be made of it.',
  );
}
