import { corrupt } from './corrupt.ts';
import { type PackageFile, pathOfMember } from './files.ts';
import { quoted, text } from './header.ts';

const MAGIC_SIZE = 6;
const NEWC_SIZE = 110;
/** Where a newc head has its numbers, of eight hexadecimal digits. */
const NEWC_FILE_SIZE = 54;
const NEWC_NAME_SIZE = 94;
const NEWC_SUM = 102;
/** Magic, index, and two bytes up to the next multiple of four. */
const STRIPPED_SIZE = 16;
const MAX_NAME = 4096;
const TRAILER = 'TRAILER!!!';
/** What GNU cpio fills up its blocks with; rpm adds nothing. */
const MAX_AFTER_TRAILER = 512;

/** A member of the payload whose data comes next. */
export interface Member {
  readonly file: PackageFile;
  /** The bytes that come. 0 for all but one of several hard links: only one of them has the data. */
  readonly size: number;
  /** Whether the data is that of the file with this path: its own, or that of a hard link of it. */
  holds(path: string): boolean;
}

/** Gets the data of a member. */
export interface MemberSink {
  /** Bytes in order, without copying: a view into what was pushed. */
  data(bytes: Uint8Array): void;
  /** All of the member's bytes have come, and their number was right. */
  end(): void;
}

/**
 * Where the data of the member `files[index]` begins in the archive, in bytes, by the header alone; undefined where
 * the header does not tell. rpm (`lib/rpmfi.cc`, `lib/cpio.cc`) writes the members in the header's order, named
 * `./<path>`, without ghosts; of hard links one has the data.
 * @param stripped whether the heads are indexes, as they are where the header has its sizes in 64 bits
 */
export function beginningOf(
  files: readonly PackageFile[],
  index: number,
  stripped: boolean,
): number | undefined {
  let offset = 0;
  for (const file of files.slice(0, index + 1)) {
    if (file.links.length > 1 || !/^[\x20-\x7e]*$/.test(file.path)) return undefined;
    if (file.ghost) continue;
    const named = NEWC_SIZE + `.${file.path}\0`.length;
    offset += stripped ? STRIPPED_SIZE : named + padding(named);
    if (file.index === index) return offset;
    offset += sizeInPayload(file);
    offset += padding(offset);
  }
  return undefined;
}

/**
 * A push parser of the cpio archive in an RPM (`cpio(5)`: newc `070701`, crc `070702`; and `07070X`, which rpm's
 * `docs/manual/format_v6.md` and `lib/cpio.cc` describe: an index into the header's list instead of all else).
 * Names are only keys into the header's list, never paths to write to. What the header does not list, what comes twice, has
 * another size than the header says, or is missing in the end is `corrupt-package`: no more can come than the header promises.
 */
export class CpioParser {
  readonly #files: readonly PackageFile[];
  readonly #choose: (member: Member) => MemberSink | undefined;
  readonly #indexes: ReadonlyMap<string, number>;
  /** By index: whether the member came; and, at the first of its links, whether the data came. */
  readonly #came: Uint8Array;
  readonly #content: Uint8Array;

  /** What comes next: the head of a member, its data, or zeros between two members. */
  #state: 'head' | 'data' | 'zeros' = 'head';
  #offset = 0;
  /** The head is gathered until it is as long as `#readHead` needs, which may then want more of it. */
  readonly #head = Buffer.alloc(NEWC_SIZE + MAX_NAME + 3);
  #filled = 0;
  #needed = MAGIC_SIZE;
  #readHead = this.#readMagic;
  /** Bytes left of the data, or of the zeros. */
  #remaining = 0;
  #member: PackageFile | undefined;
  #sink: MemberSink | undefined;
  /** Of a crc member: the sum of its bytes as it should be, and so far. */
  #expectedSum: number | undefined;
  #sum = 0;
  #finished = false;

  /** @param choose is asked for each member in turn, and gives a sink for one whose data is wanted. */
  constructor(files: readonly PackageFile[], choose: (member: Member) => MemberSink | undefined) {
    this.#files = files;
    this.#choose = choose;
    this.#indexes = new Map(files.map((file) => [pathOfMember(file.path), file.index]));
    this.#came = new Uint8Array(files.length);
    this.#content = new Uint8Array(files.length);
  }

  /** Bytes of the archive that were read. */
  get offset(): number {
    return this.#offset;
  }

  /** The next bytes of the archive, of any length. Throws `corrupt-package`; what a sink throws passes. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const wanted = this.#state === 'head' ? this.#needed - this.#filled : this.#remaining;
      if (wanted === 0) throw this.#wrong(`more than ${MAX_AFTER_TRAILER} bytes after the trailer`);
      const end = Math.min(chunk.length, at + wanted);
      if (this.#state === 'head') this.#takeHead(chunk.subarray(at, end));
      else if (this.#state === 'data') this.#takeData(chunk, at, end);
      else this.#takeZeros(chunk, at, end);
      at = end;
    }
  }

  /** To be called when the archive is over. Throws `corrupt-package` when it should have gone on. */
  finish(): void {
    if (this.#finished) return;
    const where =
      this.#member === undefined ? 'between two files' : `in ${quoted(this.#member.path)}`;
    throw corrupt(
      `The unpacked payload ends at byte ${this.#offset}, ${where}, without a trailer.`,
    );
  }

  #takeHead(bytes: Uint8Array): void {
    this.#head.set(bytes, this.#filled);
    this.#filled += bytes.length;
    this.#offset += bytes.length;
    if (this.#filled === this.#needed) this.#readHead();
  }

  #takeData(chunk: Uint8Array, at: number, end: number): void {
    this.#remaining -= end - at;
    this.#offset += end - at;
    if (this.#expectedSum !== undefined) {
      for (let index = at; index < end; index++) this.#sum += chunk[index] ?? 0;
    }
    this.#sink?.data(chunk.subarray(at, end));
    if (this.#remaining === 0) this.#endMember();
  }

  #takeZeros(chunk: Uint8Array, at: number, end: number): void {
    for (let index = at; index < end; index++) {
      if (chunk[index] !== 0) throw this.#wrong('something else than zeros between two files');
    }
    this.#remaining -= end - at;
    this.#offset += end - at;
    if (this.#remaining === 0 && !this.#finished) this.#startHead();
  }

  #startHead(): void {
    this.#state = 'head';
    this.#filled = 0;
    this.#gather(MAGIC_SIZE, this.#readMagic);
  }

  #gather(needed: number, read: () => void): void {
    this.#needed = needed;
    this.#readHead = read;
  }

  #readMagic(): void {
    const magic = this.#head.toString('latin1', 0, MAGIC_SIZE);
    if (magic === '07070X') this.#gather(STRIPPED_SIZE, this.#readStripped);
    else if (magic === '070701' || magic === '070702') this.#gather(NEWC_SIZE, this.#readNewc);
    else throw this.#wrong(`${quoted(magic)} where the next file should begin`);
  }

  #readStripped(): void {
    const index = this.#hex(MAGIC_SIZE);
    if (index === 0xffffffff) this.#endArchive();
    else this.#beginMember(index, undefined);
  }

  #readNewc(): void {
    const size = NEWC_SIZE + this.#hex(NEWC_NAME_SIZE);
    if (size === NEWC_SIZE || size > NEWC_SIZE + MAX_NAME) {
      throw this.#wrong(`a name of ${size - NEWC_SIZE} bytes`);
    }
    this.#gather(size + padding(size), this.#readNamed);
  }

  #readNamed(): void {
    const end = this.#head.indexOf(0, NEWC_SIZE);
    if (end !== NEWC_SIZE + this.#hex(NEWC_NAME_SIZE) - 1) {
      throw this.#wrong('a name that is not as long as it says');
    }
    const name = text(this.#head.subarray(NEWC_SIZE, end));
    if (name === TRAILER) {
      this.#endArchive();
      return;
    }
    const index = this.#indexes.get(pathOfMember(name));
    if (index === undefined) throw this.#wrong(`${quoted(name)}, which the header does not list`);
    const summed = this.#head[MAGIC_SIZE - 1] === '2'.charCodeAt(0);
    this.#expectedSum = summed ? this.#hex(NEWC_SUM) : undefined;
    this.#beginMember(index, this.#hex(NEWC_FILE_SIZE));
  }

  /** @param stated the size that stands in the archive; a stripped member leaves it to the header. */
  #beginMember(index: number, stated: number | undefined): void {
    const file = this.#files[index];
    if (file === undefined) throw this.#wrong(`the file ${index} of ${this.#files.length}`);
    if (this.#came[index]) throw this.#wrong(`${quoted(file.path)} for the second time`);
    const size = stated ?? strippedSize(file);
    this.#checkSize(file, size);
    this.#came[index] = 1;
    this.#member = file;
    this.#sum = 0;
    const paths =
      size > 0 || file.size === 0 ? file.links.map((link) => this.#files[link]?.path) : [];
    this.#sink = this.#choose({ file, size, holds: (path) => paths.includes(path) });
    this.#state = 'data';
    this.#remaining = size;
    if (size === 0) this.#endMember();
  }

  #checkSize(file: PackageFile, size: number): void {
    const content = file.links[0] ?? file.index;
    // The data of hard links comes with one of them; ghosts should not be here, but old rpms wrote their heads.
    const elsewhere = size === 0 && (file.links.length > 1 || file.ghost);
    if (!elsewhere && size !== sizeInPayload(file)) {
      throw this.#wrong(
        `${quoted(file.path)} with ${size} bytes, of which the header says ${sizeInPayload(file)}`,
      );
    }
    if (size > 0 && this.#content[content])
      throw this.#wrong(`the data of ${quoted(file.path)} for the second time`);
    if (size > 0) this.#content[content] = 1;
  }

  #endMember(): void {
    const sum = this.#sum % 2 ** 32;
    if (this.#expectedSum !== undefined && this.#expectedSum !== sum) {
      throw this.#wrong(`data with the sum ${sum}, which should be ${this.#expectedSum}`);
    }
    const sink = this.#sink;
    this.#expectedSum = undefined;
    this.#sink = undefined;
    this.#member = undefined;
    this.#remaining = padding(this.#offset);
    if (this.#remaining > 0) this.#state = 'zeros';
    else this.#startHead();
    sink?.end();
  }

  #endArchive(): void {
    const missing = this.#files.find((file) => {
      const complete = sizeInPayload(file) === 0 || this.#content[file.links[0] ?? file.index];
      return !file.ghost && !(this.#came[file.index] && complete);
    });
    if (missing !== undefined)
      throw this.#wrong(`the trailer, but ${quoted(missing.path)} has not come`);
    this.#state = 'zeros';
    this.#remaining = MAX_AFTER_TRAILER;
    this.#finished = true;
  }

  /** Eight hexadecimal digits of the head. */
  #hex(at: number): number {
    const digits = this.#head.toString('latin1', at, at + 8);
    if (!/^[0-9a-fA-F]{8}$/.test(digits))
      throw this.#wrong(`${quoted(digits)} where a number should be`);
    return Number.parseInt(digits, 16);
  }

  #wrong(what: string) {
    return corrupt(`In the unpacked payload, up to byte ${this.#offset}, there is ${what}.`);
  }
}

/** How many zeros follow, so that the next thing begins at a multiple of four. */
function padding(offset: number): number {
  return (4 - (offset % 4)) % 4;
}

/** How many bytes a file has in the payload, be it under this name or under a hard link of it. */
function sizeInPayload(file: PackageFile): number {
  return file.kind === 'file' || file.kind === 'symlink' ? file.size : 0;
}

/** In a stripped archive the last of several hard links has the data. */
function strippedSize(file: PackageFile): number {
  return file.links.at(-1) === file.index ? sizeInPayload(file) : 0;
}
