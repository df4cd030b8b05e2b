import { Failure } from '../failure.ts';
import { asUname, printable, type Uname } from '../names.ts';
import type { Invocation, Programs } from '../platform/programs.ts';
import { PLAIN_ENVIRONMENT } from '../toolchain/xz.ts';
import { checkNoLfsPointer } from './lfs.ts';
import { MAX_BTF_BYTES } from './load.ts';
import { badTarball, packFiles, readMembers } from './tar.ts';

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
  const tar = await packFiles([{ kind: 'file', path: `${uname}${SUFFIX}`, content: btf }]);
  const ending = await programs.run({ ...invocation(use, compress(tar.length)), input: [tar] });
  if (ending.status !== 0) {
    const how = ending.status ?? ending.signal;
    throw new Failure('internal', `xz ended with ${how}: ${printable(ending.stderr.trim())}.`);
  }
  return ending.stdout;
}

function invocation({ xz = 'xz', signal }: XzUse, args: readonly string[]): Invocation {
  return { program: xz, args, env: PLAIN_ENVIRONMENT, ...(signal === undefined ? {} : { signal }) };
}

/**
 * Takes the BTF out of a tarball, made by any tool: what `tar x` makes one file of, with folders before
 * its name or not. Throws `bad-archive` unless there is exactly one, with a kernel's name and of sane
 * size. That its content is BTF is for checkBtf to say.
 */
export async function unpackBtf(
  programs: Programs,
  tarball: Uint8Array,
  use: XzUse = {},
): Promise<{ readonly uname: Uname; readonly btf: Buffer }> {
  checkNoLfsPointer('This tarball of BTF', tarball);
  const members = await readMembers(await decompress(programs, tarball, use));
  const [member] = members;
  if (member === undefined) throw badTarball('it has no member');
  if (members.length > 1) throw badTarball(`it has ${members.length} members, and one is expected`);
  return { uname: unameOf(member.path), btf: member.content };
}

function unameOf(path: string): Uname {
  const parts = path.split('/');
  const name = parts.at(-1) ?? '';
  if (!name.endsWith(SUFFIX)) {
    throw badTarball(`its member '${printable(path)}' is not named <uname -r>${SUFFIX}`);
  }
  if (parts.includes('..')) throw badTarball(`its member '${printable(path)}' leads out of it`);
  try {
    return asUname(name.slice(0, -SUFFIX.length));
  } catch (error) {
    throw badTarball(`its member '${printable(path)}' is not named after a kernel`, error);
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
      throw badTarball(`it unpacks to more than ${MAX_TAR_BYTES} bytes`);
    }
  }
  const { status, stderr } = await running.ended;
  use.signal?.throwIfAborted();
  if (status !== 0) throw badTarball(`xz refused it: ${printable(stderr.trim())}`);
  return Buffer.concat(chunks);
}
