import { type ByteSource, findSection, readElf, readSectionBytes } from '../btf/elf.ts';
import { MAX_BTF_BYTES } from '../btf/load.ts';
import { Btf } from '../btf/reader.ts';
import { describe, Failure } from '../failure.ts';
import { printable, type Uname } from '../names.ts';
import { badImage, type UnpackedKernel } from './unpack.ts';

/** What the search for BTF must satisfy. */
export interface Sought {
  /** `uname -r` that the banner must have; undefined to take any kernel. */
  readonly uname: Uname | undefined;
  /** Types that the BTF of a whole kernel has at least; what has fewer belongs to an eBPF program inside of the kernel. */
  readonly minimumTypes: number;
}

export interface KernelBtf {
  /** As it lies in the kernel, with whatever header it has there. */
  readonly btf: Buffer;
  /** `section`: an ELF file said where it is; `scan`: it was searched for. */
  readonly foundBy: 'section' | 'scan';
  /** `uname -r` of the banner. */
  readonly uname: string;
}

const PIECE = 4 * 1024 * 1024;
/** Kernels have one or two places that look like a header of BTF; hundreds are an attack. */
const MOST_CANDIDATES = 64;
const BANNER = 'Linux version ';
/** The banner's word after `Linux version `, and the space that follows it. */
const LONGEST_UNAME = 128;

/**
 * Finds the BTF of a kernel: in an ELF file the section `.BTF`; elsewhere every place at a multiple of
 * four that begins with a plausible header is a candidate, all of its types are walked and its strings
 * checked, and exactly one must be left. `Linux version <uname -r>` must stand in the same kernel.
 *
 * Throws `no-btf`; `ambiguous-btf` for more than one; `bad-btf` where the one that there is cannot be
 * read; `bad-image` where there is no banner, two different ones, or that of another kernel.
 */
export async function findKernelBtf(kernel: UnpackedKernel, sought: Sought): Promise<KernelBtf> {
  const { bytes } = kernel;
  const section = kernel.form === 'ELF' ? await btfSection(bytes) : 'no sections';
  const found = await scan(bytes, section === 'no sections');
  const uname = soleBanner(bytes, found.banners, sought.uname);
  if (section === undefined) throw noBtf(bytes, uname, 'its ELF file has no section .BTF');
  if (section !== 'no sections') return { btf: section, foundBy: 'section', uname };
  return {
    btf: await soleCandidate(bytes, found.candidates, sought, uname),
    foundBy: 'scan',
    uname,
  };
}

/** The section's bytes; `no sections` for an ELF file that has no table of them. */
async function btfSection(bytes: ByteSource): Promise<Buffer | undefined | 'no sections'> {
  try {
    const elf = await readElf(bytes);
    if (elf.sections.length === 0) return 'no sections';
    const section = findSection(elf, '.BTF');
    return section && (await readSectionBytes(bytes, section, MAX_BTF_BYTES));
  } catch (error) {
    if (!(error instanceof Failure) || error.reason !== 'bad-elf') throw error;
    throw badImage(bytes, `its kernel is a broken ELF file: ${error.message}`);
  }
}

interface FoundBtf {
  readonly banners: ReadonlySet<string>;
  /** Where plausible BTF lies. */
  readonly candidates: readonly BtfCandidate[];
}

interface BtfCandidate {
  readonly offset: number;
  readonly size: number;
}

/** One pass over the kernel, in pieces that overlap by what a banner or a header may have. */
async function scan(bytes: ByteSource, forBtf: boolean): Promise<FoundBtf> {
  const banners = new Set<string>();
  const candidates: BtfCandidate[] = [];
  const overlap = BANNER.length + LONGEST_UNAME;
  for (let at = 0; at < bytes.size; at += PIECE) {
    const piece = await bytes.read(at, Math.min(PIECE + overlap, bytes.size - at));
    for (const uname of bannersIn(piece)) banners.add(uname);
    if (banners.size > MOST_CANDIDATES) throw badImage(bytes, 'it has the banners of many kernels');
    if (!forBtf) continue;
    const end = Math.min(PIECE, piece.length);
    for (const offset of headersIn(piece, end)) {
      const size = plausibleSize(piece.subarray(offset), bytes.size - at - offset);
      if (size === undefined) continue;
      candidates.push({ offset: at + offset, size });
      if (candidates.length > MOST_CANDIDATES) {
        throw ambiguous(bytes, `more than ${MOST_CANDIDATES} places look like BTF`);
      }
    }
  }
  return { banners, candidates };
}

/** `uname -r` of every `Linux version <uname -r> (` (init/version.c). */
function* bannersIn(piece: Buffer): Generator<string> {
  for (let at = piece.indexOf(BANNER); at >= 0; at = piece.indexOf(BANNER, at + 1)) {
    const start = at + BANNER.length;
    const text = piece.toString('latin1', start, start + LONGEST_UNAME);
    const match = /^(\d[0-9A-Za-z._+~^-]*) \(/.exec(text);
    if (match) yield match[1] as string;
  }
}

/** Multiples of four where BTF's magic number and version stand, in either byte order. */
function* headersIn(piece: Buffer, end: number): Generator<number> {
  for (const magic of [Buffer.from([0x9f, 0xeb, 1, 0]), Buffer.from([0xeb, 0x9f, 1, 0])]) {
    for (let at = piece.indexOf(magic); at >= 0 && at < end; at = piece.indexOf(magic, at + 1)) {
      if (at % 4 === 0) yield at;
    }
  }
}

/** The size that a header states, if its numbers agree with each other and fit into `room` bytes. */
function plausibleSize(head: Buffer, room: number): number | undefined {
  if (head.length < 24 || room < 24) return undefined;
  const little = head[0] === 0x9f;
  const u32 = (at: number) => (little ? head.readUInt32LE(at) : head.readUInt32BE(at));
  const length = u32(4);
  // 24 bytes; 32 where the header places a layout section as well.
  if (length !== 24 && length !== 32) return undefined;
  if (length === 32 && head.length < 32) return undefined;
  const [types, typeBytes, strings, stringBytes] = [u32(8), u32(12), u32(16), u32(20)] as const;
  if (types !== 0 && length === 24) return undefined;
  if (types % 4 !== 0 || typeBytes < 12 || typeBytes % 4 !== 0) return undefined;
  if (strings < types + typeBytes || stringBytes < 2) return undefined;
  const layoutEnd = length === 32 ? u32(24) + u32(28) : 0;
  const size = length + Math.max(strings + stringBytes, types + typeBytes, layoutEnd);
  return size <= room && size <= MAX_BTF_BYTES ? size : undefined;
}

function soleBanner(
  bytes: ByteSource,
  banners: ReadonlySet<string>,
  wanted: Uname | undefined,
): string {
  const [first, ...others] = banners;
  if (first === undefined)
    throw badImage(bytes, `there is no '${BANNER}...' in it, so it is no Linux kernel`);
  if (others.length > 0) {
    const names = [...banners].slice(0, 4).map(printable).join(', ');
    throw badImage(bytes, `it has the banners of several kernels: ${names}`);
  }
  if (wanted !== undefined && first !== wanted) {
    throw badImage(bytes, `it is the kernel ${printable(first)}, not ${wanted}`);
  }
  return first;
}

async function soleCandidate(
  bytes: ByteSource,
  candidates: readonly BtfCandidate[],
  { minimumTypes }: Sought,
  uname: string,
): Promise<Buffer> {
  const sound: (BtfCandidate & { readonly types: number })[] = [];
  let unsound: string | undefined;
  for (const candidate of candidates) {
    try {
      const types = walk(await bytes.read(candidate.offset, candidate.size));
      sound.push({ offset: candidate.offset, size: candidate.size, types });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      unsound ??= describe(error);
    }
  }
  const whole = sound.filter(({ types }) => types >= minimumTypes);
  const left = whole.length > 0 ? whole : sound;
  const [only, second] = left;
  if (only === undefined) {
    if (unsound === undefined) throw noBtf(bytes, uname, 'nothing in it looks like BTF');
    throw new Failure(
      'bad-btf',
      `What looks like the BTF of ${bytes.name} cannot be read: ${unsound}`,
    );
  }
  if (second !== undefined) {
    const places = left.map(({ offset }) => offset).join(', ');
    throw ambiguous(bytes, `BTF of its own lies at each of the bytes ${places}`);
  }
  return bytes.read(only.offset, only.size);
}

/** The number of types; throws `bad-btf` where a type or its name leaves the file. */
function walk(candidate: Buffer): number {
  const btf = new Btf(candidate);
  for (let id = 1; id <= btf.count; id++) btf.nameOf(id);
  return btf.count;
}

function noBtf(bytes: ByteSource, uname: string, why: string): Failure {
  return new Failure(
    'no-btf',
    `The kernel ${printable(uname)} in ${bytes.name} carries no BTF: ${why}.`,
    'It is built without CONFIG_DEBUG_INFO_BTF: make its BTF of its debug information (--method dwarf).',
  );
}

function ambiguous(bytes: ByteSource, why: string): Failure {
  return new Failure('ambiguous-btf', `The BTF of ${bytes.name} cannot be told: ${why}.`);
}
