import { Failure } from '../../failure.ts';
import { printable } from '../../names.ts';
import { type Decoders, decompress } from '../../platform/decompress.ts';
import { CpioParser, type Member, type MemberSink } from '../../rpm/cpio.ts';
import { type PackageFile, pathOfMember } from '../../rpm/files.ts';
import { nvraText, type PackageHead, readPackageHead } from '../../rpm/package.ts';
import { expectDigest, isStrong, MemberFile } from './member-file.ts';
import { ModuleWriters } from './module-files.ts';
import { findModules, type ModuleFile, type ModulesPlace, type WantedModules } from './modules.ts';

/** The package and the boot image in it that are wanted. */
export interface WantedBootImage {
  /** `kernel-<version>-<release>.<arch>`: what the package must be. */
  readonly nvra: string;
  /** `./boot/vmlinuz-<uname -r>`: the one member, by its exact path. */
  readonly imagePath: string;
  /** Modules that are taken out as well, from `/lib/modules/<uname>/kernel`; undefined for none. */
  readonly modules: (WantedModules & { readonly uname: string }) | undefined;
}

export interface BootImageFile {
  readonly head: PackageHead;
  readonly size: number;
  readonly sha256: string;
  /** Whether the header has a digest of the file that proves it, which then was right. */
  readonly proven: boolean;
  /** Whether reading stopped behind all that was wanted: then nothing of what follows was looked at. */
  readonly stoppedEarly: boolean;
  /** The wanted modules that the package has, as they are there; their digests were right where the header has any. */
  readonly modules: readonly ModuleFile[];
}

/** Thrown through the decoder to end it; not an error. */
class Complete extends Error {}

/**
 * Takes the boot image out of a package as it comes, into the file `target`, and modules where some are wanted. Where
 * `admit` says that the header is proven, and the header has digests that prove all of these, nothing behind the last
 * of them is read: System.map, config and symvers lie in front of the image, all modules behind. Elsewhere the
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
  admit: (
    head: PackageHead,
    image: PackageFile,
    modules: readonly ModuleFile[],
  ) => Promise<boolean>,
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
  const { modules: wantedModules } = wanted;
  const modules =
    wantedModules === undefined
      ? []
      : findModules(head.files, modulesOf(wantedModules.uname), wantedModules);
  const areStrong = proven && modules.every((module) => isStrong(module.file));
  const mayStop = (await admit(head, entry, modules)) && areStrong;

  let missing = modules.length + 1;
  const ended = () => {
    missing -= 1;
    if (missing === 0 && mayStop) throw new Complete();
  };
  const file = new MemberFile(target, entry);
  const moduleWriters = new ModuleWriters(modules, ended);
  const sink: MemberSink = {
    data: (chunk) => file.data(chunk),
    end: () => {
      file.end();
      ended();
    },
  };
  const choose = (member: Member) => (member.holds(path) ? sink : moduleWriters.of(member));
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
    moduleWriters.close();
  }
  moduleWriters.finish();
  const { sha256, stated } = file.digests();
  expectDigest('The boot image', entry, stated);
  return { head, size: file.size, sha256, proven, stoppedEarly: mayStop, modules };
}

/** Compressed as the distribution likes; what they are is told by their magic numbers. */
function modulesOf(uname: string): ModulesPlace {
  return {
    folders: ['/lib', '/usr/lib'].map((lib) => `${lib}/modules/${uname}/kernel/`),
    suffixes: ['.ko', '.ko.xz', '.ko.zst', '.ko.gz'],
  };
}

function noImage({ nvra, imagePath }: WantedBootImage): Failure {
  return new Failure(
    'bad-image',
    `${nvra} has no ${imagePath}.`,
    "Check 'bootImage' in the description of its source.",
  );
}
