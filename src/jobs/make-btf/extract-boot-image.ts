import { Failure } from '../../failure.ts';
import { printable } from '../../names.ts';
import { type Decoders, decompress } from '../../platform/decompress.ts';
import { CpioParser, type Member, type MemberSink } from '../../rpm/cpio.ts';
import { type PackageFile, pathOfMember } from '../../rpm/files.ts';
import { nvraText, type PackageHead, readPackageHead } from '../../rpm/package.ts';
import { VmlinuxWriter } from './vmlinux-file.ts';

/** The package and the boot image in it that are wanted. */
export interface WantedBootImage {
  /** `kernel-<version>-<release>.<arch>`: what the package must be. */
  readonly nvra: string;
  /** `./boot/vmlinuz-<uname -r>`: the one member, by its exact path. */
  readonly imagePath: string;
}

export interface BootImageFile {
  readonly head: PackageHead;
  readonly size: number;
  readonly sha256: string;
  /** Whether the header has a digest of the file that proves it, which then was right. */
  readonly proven: boolean;
  /** Whether reading stopped behind the image: then nothing of what follows was looked at. */
  readonly stoppedEarly: boolean;
}

/** Thrown through the decoder to end it; not an error. */
class Complete extends Error {}

/**
 * Takes the boot image out of a package as it comes, into the file `target`. Where `admit` says that
 * the header is proven, and the header has a digest of the image that proves it, nothing behind the
 * image is read: System.map, config and symvers lie in front of it, all modules behind. Elsewhere the
 * whole payload is decoded and checked. Throws `bad-image` where the package has no such file, and
 * `corrupt-package`.
 * @param admit sees the head before anything of the payload is decoded: it refuses the package, waits
 *   for space, and returns whether a signature proves the header
 */
export async function extractBootImage(
  bytes: AsyncIterable<Uint8Array>,
  wanted: WantedBootImage,
  target: string,
  decoders: Decoders,
  admit: (head: PackageHead, image: PackageFile) => Promise<boolean>,
): Promise<BootImageFile> {
  const head = await readPackageHead(bytes);
  if (nvraText(head.nvra) !== wanted.nvra) {
    const is = printable(nvraText(head.nvra));
    throw new Failure('corrupt-package', `The package is ${is} and not ${wanted.nvra}.`);
  }
  const path = pathOfMember(wanted.imagePath);
  const entry = head.files.find((file) => file.path === path && file.kind === 'file');
  if (!entry || entry.ghost) throw noImage(wanted);
  const proven = isStrong(entry);
  const mayStop = (await admit(head, entry)) && proven;

  const file = new VmlinuxWriter(target, entry.digest?.algorithm ?? 'sha256');
  const sink: MemberSink = {
    data: (chunk) => file.data(chunk),
    end: () => {
      file.end();
      if (mayStop) throw new Complete();
    },
  };
  const choose = (member: Member) => (member.holds(path) ? sink : undefined);
  const cpio = new CpioParser(head.files, choose);
  const damaged = (why: string) =>
    new Failure('corrupt-package', `The payload of ${wanted.nvra} cannot be decoded: ${why}.`);
  try {
    const body = head.body(mayStop ? 'not-needed' : 'checked');
    const unpacked = decompress(head.payload.compressor, body, decoders, damaged);
    for await (const chunk of unpacked) cpio.push(chunk);
    cpio.finish();
  } catch (error) {
    if (!(error instanceof Complete)) throw error;
  } finally {
    file.close();
  }
  const { sha256, stated } = file.digests();
  if (entry.digest && entry.digest.hex !== stated) {
    throw new Failure(
      'corrupt-package',
      `The boot image has the ${entry.digest.algorithm} ${stated}, but the header promises ${entry.digest.hex}.`,
    );
  }
  return { head, size: file.size, sha256, proven, stoppedEarly: mayStop };
}

/** MD5 and SHA-1 prove nothing any more. */
function isStrong({ digest }: PackageFile): boolean {
  return digest !== undefined && !['md5', 'sha1'].includes(digest.algorithm);
}

function noImage({ nvra, imagePath }: WantedBootImage): Failure {
  return new Failure(
    'bad-image',
    `${nvra} has no ${imagePath}.`,
    "Check 'bootImage' in the description of its source.",
  );
}
