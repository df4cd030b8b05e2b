import { Header } from 'tar';
import { Failure } from '../failure.ts';
import { asUname, printable, type Uname } from '../names.ts';
import type { Invocation, Programs } from '../platform/programs.ts';
import { PLAIN_ENVIRONMENT } from '../toolchain/xz.ts';
import { MAX_BTF_BYTES } from './load.ts';

const BLOCK = 512;
const END = Buffer.alloc(2 * BLOCK);
const SUFFIX = '.btf';
/** GNU tar fills up to 20 blocks, and may be told to fill up more. */
const MAX_TAR_BYTES = MAX_BTF_BYTES + 1024 * 1024;

/**
 * In two halves at once: half the time where a core is free, for 0.6 % more bytes. Threads and blocks
 * said aloud give the same bytes with every xz since 5.2 on any number of cores; left unsaid, 5.6 and
 * later cut the stream by the cores there are. A dictionary of 4 MiB holds a whole half: the 8 MiB of
 * -6 give as many bytes, and take 16 MB and a twentieth of the time more. Nor do -9, -6e, -9e or other
 * literal bits give fewer.
 */
function compress(size: number): string[] {
  const halves = ['--threads=2', `--block-size=${Math.ceil(size / 2)}`];
  const filter = '--lzma2=preset=6,dict=4MiB';
  return ['--compress', '--stdout', '--format=xz', '--check=crc64', filter, ...halves];
}
const DECOMPRESS = ['--decompress', '--stdout', '--format=xz', '--threads=1'];

/** Which xz (the one on PATH), and what stops it. */
export interface XzUse {
  readonly xz?: string;
  readonly signal?: AbortSignal;
}

/**
 * The tarball of one kernel's BTF: one regular member `<uname -r>.btf` that belongs to root, is
 * readable by all and writable by none, and is of 1970. The same BTF gives the same bytes.
 */
export async function packBtf(
  programs: Programs,
  uname: Uname,
  btf: Uint8Array,
  use: XzUse = {},
): Promise<Buffer> {
  const input = [memberHeader(uname, btf.length), btf, padding(btf.length), END];
  const size = input.reduce((sum, { length }) => sum + length, 0);
  const ending = await programs.run({ ...invocation(use, compress(size)), input });
  if (ending.status !== 0) {
    const how = ending.status ?? ending.signal;
    throw new Failure('internal', `xz ended with ${how}: ${printable(ending.stderr.trim())}.`);
  }
  return ending.stdout;
}

function invocation({ xz = 'xz', signal }: XzUse, args: readonly string[]): Invocation {
  return { program: xz, args, env: PLAIN_ENVIRONMENT, ...(signal === undefined ? {} : { signal }) };
}

function memberHeader(uname: Uname, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const header = new Header({
    ...{ path: `${uname}${SUFFIX}`, type: 'File', mode: 0o444, uid: 0, gid: 0 },
    ...{ size, mtime: new Date(0) },
  });
  if (header.encode(block)) throw new Failure('internal', `${uname} does not fit a tar header.`);
  return block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/**
 * Takes the BTF out of such a tarball, or out of an older one whose mode and times differ. Throws
 * `bad-archive` unless it holds exactly one regular member with a kernel's name, of sane size. That
 * its content is BTF is for checkBtf to say.
 */
export async function unpackBtf(
  programs: Programs,
  tarball: Uint8Array,
  use: XzUse = {},
): Promise<{ readonly uname: Uname; readonly btf: Buffer }> {
  const tar = await decompress(programs, tarball, use);
  if (tar.length < BLOCK) throw bad('it is too short to have a member');
  const header = readHeader(tar);
  if (header.type !== 'File' && header.type !== 'OldFile') {
    throw bad(`its member is not a regular file but a ${header.type}`);
  }
  const size = header.size ?? -1;
  const end = BLOCK + size;
  if (size < 0 || end > tar.length) throw bad('it ends within its member');
  if (tar.subarray(end).some((byte) => byte !== 0)) throw bad('something follows its one member');
  return { uname: memberName(header.path ?? ''), btf: tar.subarray(BLOCK, end) };
}

function readHeader(tar: Buffer): Header {
  let header: Header;
  try {
    header = new Header(tar, 0);
  } catch (error) {
    throw bad('its header cannot be read', error);
  }
  if (header.nullBlock) throw bad('it has no member');
  if (!header.cksumValid) throw bad('the sum of its header is wrong');
  return header;
}

function memberName(path: string): Uname {
  if (!path.endsWith(SUFFIX)) {
    throw bad(`its member '${printable(path)}' is not named <uname -r>${SUFFIX}`);
  }
  try {
    return asUname(path.slice(0, -SUFFIX.length));
  } catch (error) {
    throw bad(`its member '${printable(path)}' is not named after a kernel`, error);
  }
}

async function decompress(programs: Programs, tarball: Uint8Array, use: XzUse): Promise<Buffer> {
  const running = await programs.start(invocation(use, DECOMPRESS));
  running.stdin.end(tarball);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of running.stdout) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > MAX_TAR_BYTES) {
      running.kill();
      throw bad(`it unpacks to more than ${MAX_TAR_BYTES} bytes`);
    }
  }
  const { status, stderr } = await running.ended;
  use.signal?.throwIfAborted();
  if (status !== 0) throw bad(`xz refused it: ${printable(stderr.trim())}`);
  return Buffer.concat(chunks);
}

function bad(what: string, cause?: unknown): Failure {
  return new Failure('bad-archive', `This is not a tarball of BTF: ${what}.`, undefined, cause);
}
