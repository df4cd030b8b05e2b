import { closeSync, openSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { Failure } from '../../failure.ts';
import { printable } from '../../names.ts';
import {
  type ByteRange,
  type Decoder,
  type Decoders,
  decodeToFile,
  decompress,
} from '../../platform/decompress.ts';
import { beginningOf, CpioParser, type Member } from '../../rpm/cpio.ts';
import { type PackageFile, pathOfMember } from '../../rpm/files.ts';
import { nvraText, type PackageHead, readPackageHead } from '../../rpm/package.ts';
import { TAG } from '../../rpm/tags.ts';
import {
  digestFile,
  expectDigest,
  isStrong,
  type MemberDigests,
  MemberFile,
} from './member-file.ts';
import { ModuleWriters } from './module-files.ts';
import { findModules, type ModuleFile, type ModulesPlace, type WantedModules } from './modules.ts';

/** The package and the file in it that are wanted. */
export interface WantedPackage {
  /** `kernel-debuginfo-<version>-<release>.<arch>`: what the package must be. */
  readonly nvra: string;
  /** `./usr/lib/debug/lib/modules/<uname -r>/vmlinux`: the one member, by its exact path. */
  readonly vmlinuxPath: string;
  /** Where to look next, in this order, if it is not there. */
  readonly otherVmlinuxPaths?: readonly string[];
  /** Bytes that vmlinux may have at most; default: 4 GB. */
  readonly largestVmlinux?: number;
  /** Modules that are taken out as well, into a folder; undefined for none. */
  readonly modules: WantedModules | undefined;
}

/** How payloads are decoded. */
export interface PayloadDecoders extends Decoders {
  /** Programs that decode xz and lzma and write a range of it; undefined where there are none. */
  readonly xzRange: (range: ByteRange) => readonly Decoder[] | undefined;
}

export interface Vmlinux {
  readonly head: PackageHead;
  readonly size: number;
  readonly sha256: string;
  /** Whether the header has a digest of the file by an algorithm that proves it: it was right then. */
  readonly proven: boolean;
  /** The wanted modules that the package has; their digests were right where the header has any. */
  readonly modules: readonly ModuleFile[];
}

/** The largest vmlinux seen is below 1 GB, the largest debuginfo package unpacks to less than 10 GB. */
const MOST_VMLINUX = 4e9;
const MOST_UNPACKED = 64e9;
/** Packages hold about as many bytes as their vmlinux has, or more; small ones may be packed better. */
const LARGEST_SHARE = 16;
const SMALL_VMLINUX = 64e6;

/**
 * Bytes that the vmlinux of a package of that size may have at most. More would be made to fill disk and memory: pahole
 * needs twice as much memory as there is debug information.
 */
export function largestVmlinuxOf(packageSize: number): number {
  return Math.min(MOST_VMLINUX, Math.max(SMALL_VMLINUX, LARGEST_SHARE * packageSize));
}

/**
 * Takes vmlinux out of a package while it is downloaded: RPM head, payload, cpio, one member, into `target`.
 * Where the header tells the place of vmlinux and a strong digest of it, other programs write just that range of the
 * payload, and the digest proves it. Any other package is unpacked here, and the digest of its payload must be right.
 * Throws `no-vmlinux`, `corrupt-package`, `no-space` and what `admit` throws. Whether the package is the one that the
 * repository promises is up to the caller, who has its checksum.
 * @param admit gets the head before the payload is decoded: to check its signature, and to wait for space
 */
export async function extractVmlinux(
  bytes: AsyncIterable<Uint8Array>,
  wanted: WantedPackage,
  target: string,
  decoders: PayloadDecoders,
  admit: (head: PackageHead, bytes: number) => Promise<void>,
): Promise<Vmlinux> {
  const head = await readPackageHead(bytes);
  if (nvraText(head.nvra) !== wanted.nvra) {
    const is = printable(nvraText(head.nvra));
    throw new Failure('corrupt-package', `The package is ${is} and not ${wanted.nvra}.`);
  }
  const entry = findVmlinux(head.files, wanted);
  if (!entry) throw noVmlinux(wanted, head.files);
  checkSizes(head, entry, wanted.largestVmlinux ?? MOST_VMLINUX);
  const modules =
    wanted.modules === undefined
      ? []
      : findModules(head.files, modulesBeside(entry.path), wanted.modules);
  const onDisk = [entry, ...modules.map((one) => one.file)];
  await admit(
    head,
    onDisk.reduce((sum, { size }) => sum + size, 0),
  );

  const strong = isStrong(entry);
  // A range that is cut out passes the modules over.
  const programs =
    strong && modules.length === 0 ? rangePrograms(head, entry, decoders) : undefined;
  const damaged = (why: string) =>
    new Failure('corrupt-package', `The payload of ${wanted.nvra} cannot be decoded: ${why}.`);
  // The header's digest of vmlinux ties it to the header as well as that of the payload would.
  const body = head.body(strong ? 'not-needed' : 'checked');
  const payload: PayloadOfPackage = { head, entry, modules, body, target, decoders, damaged };
  const file = programs ? await readRange(payload, programs) : await readArchive(payload);
  expectDigest('vmlinux', entry, file.stated);
  return { head, size: file.size, sha256: file.sha256, proven: strong, modules };
}

interface PayloadOfPackage {
  readonly head: PackageHead;
  /** Of vmlinux. */
  readonly entry: PackageFile;
  readonly modules: readonly ModuleFile[];
  readonly body: AsyncIterable<Uint8Array>;
  readonly target: string;
  readonly decoders: PayloadDecoders;
  readonly damaged: (why: string) => Failure;
}

type Extracted = MemberDigests & { readonly size: number };

async function readRange(
  payload: PayloadOfPackage,
  programs: readonly Decoder[],
): Promise<Extracted> {
  const { entry, body, target, decoders, damaged } = payload;
  const file = openSync(target, 'wx', 0o600);
  try {
    await decodeToFile(programs, body, decoders.programs, damaged, file, dirname(target));
  } finally {
    closeSync(file);
  }
  const extracted = await digestFile(target, entry);
  if (extracted.size === entry.size) return extracted;
  throw damaged(`it ends after ${extracted.size} of the ${entry.size} bytes of vmlinux`);
}

async function readArchive(payload: PayloadOfPackage): Promise<Extracted> {
  const { head, entry, modules, body, target, decoders, damaged } = payload;
  const moduleWriters = new ModuleWriters(modules);
  const file = new MemberFile(target, entry);
  try {
    const choose = (member: Member) => (member.holds(entry.path) ? file : moduleWriters.of(member));
    const cpio = new CpioParser(head.files, choose);
    for await (const bytes of decompress(head.payload.compressor, body, decoders, damaged)) {
      cpio.push(bytes);
    }
    cpio.finish();
    moduleWriters.finish();
    return { size: file.size, ...file.digests() };
  } finally {
    file.close();
    moduleWriters.close();
  }
}

/** In kernel-debuginfo they are in the folder `kernel` beside vmlinux. */
function modulesBeside(vmlinuxPath: string): ModulesPlace {
  return { folders: [`${posix.dirname(vmlinuxPath)}/kernel/`], suffixes: ['.ko.debug'] };
}

/** By the header, before a byte is unpacked: the archive cannot hold more than the header says. */
function checkSizes({ files }: PackageHead, vmlinux: PackageFile, largest: number): void {
  const unpacked = files.reduce((sum, { size }) => sum + size, 0);
  const [what, size, most] =
    vmlinux.size > largest
      ? (['vmlinux', vmlinux.size, largest] as const)
      : (['the package', unpacked, MOST_UNPACKED] as const);
  if (size <= most) return;
  throw new Failure(
    'corrupt-package',
    `By its header ${what} unpacks to ${size} bytes, and at most ${most} are accepted.`,
  );
}

/** The programs that write vmlinux and nothing else; undefined where the header does not tell where it lies. */
function rangePrograms(
  { files, header, payload }: PackageHead,
  { index, size }: PackageFile,
  { xzRange }: PayloadDecoders,
): readonly Decoder[] | undefined {
  if (payload.compressor !== 'xz' && payload.compressor !== 'lzma') return undefined;
  const offset = beginningOf(files, index, header.has(TAG.longFileSizes));
  return offset === undefined ? undefined : xzRange({ offset, size });
}

/** As many links may lead to a file as Linux follows (`path_resolution(7)`). */
const MOST_LINKS = 40;

/** `ab/cdef0123...`: the first byte of a build ID, and the others. */
const BUILD_ID = '[0-9a-f]{2}/[0-9a-f]{2,126}';

/**
 * The first of the wanted paths that is there: a file, where a symlink leads to one, or the same path of a system whose
 * /lib is in /usr (`/usr/lib/debug/usr/lib/...`). Of the files at paths with `<buildid>` the largest is taken: a module
 * is smaller, and what it is not is found when its BTF is checked.
 */
function findVmlinux(
  files: readonly PackageFile[],
  { vmlinuxPath, otherVmlinuxPaths = [] }: WantedPackage,
): PackageFile | undefined {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const follow = (start: string): PackageFile | undefined => {
    let file = byPath.get(start);
    for (let links = 0; file?.kind === 'symlink' && links < MOST_LINKS; links++) {
      file = byPath.get(posix.resolve(posix.dirname(file.path), file.linkTo ?? ''));
    }
    return file?.kind === 'file' && !file.ghost ? file : undefined;
  };
  for (const member of [vmlinuxPath, ...otherVmlinuxPaths]) {
    const path = pathOfMember(member);
    if (path.includes('<buildid>')) {
      const literal = path.split('<buildid>').map((part) => part.replace(/[^\w/]/g, '\\$&'));
      const pattern = new RegExp(`^${literal.join(BUILD_ID)}$`);
      const fitting = files.filter((file) => pattern.test(file.path));
      const [largest] = fitting
        .flatMap((file) => follow(file.path) ?? [])
        .sort((one, two) => two.size - one.size);
      if (largest) return largest;
      continue;
    }
    const found = follow(path) ?? follow(path.replace('/lib/debug/lib/', '/lib/debug/usr/lib/'));
    if (found) return found;
  }
  return undefined;
}

function noVmlinux({ nvra, vmlinuxPath }: WantedPackage, files: readonly PackageFile[]): Failure {
  const other = files.find(({ path }) => posix.basename(path).startsWith('vmlinux'));
  const debugs = files.some(({ path }) => path.endsWith('.debug'));
  return new Failure(
    'no-vmlinux',
    other
      ? `${nvra} has no ${vmlinuxPath}, but it has ${printable(other.path)}.`
      : `${nvra} has no ${vmlinuxPath}.`,
    other || debugs
      ? 'If vmlinux is elsewhere in this package, name its place in a file for --sources.'
      : 'The package holds no debug information: there is no BTF to be made of it.',
  );
}
