import { Header, Pack, Parser, ReadEntry } from 'tar';
import { Failure } from '../failure.ts';
import { printable } from '../names.ts';

/** A file to pack: its bytes, or the path of an earlier one that it is a hard link to. */
export type FileToPack =
  | { readonly kind: 'file'; readonly path: string; readonly content: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/** A regular file of a tar archive. */
export interface TarMember {
  /** As the archive has it, folders included. */
  readonly path: string;
  readonly content: Buffer;
}

/**
 * A ustar archive of these files, in their order. They belong to root, are readable by all and
 * writable by none, and are of 1970: the same files give the same bytes. Throws `internal` for a path
 * that needs more than a ustar header, because some readers look at nothing else.
 */
export async function packFiles(files: readonly FileToPack[]): Promise<Buffer> {
  const pack = new Pack({ preservePaths: true, noPax: true });
  const packed = pack.concat();
  for (const file of files) pack.add(entryOf(file));
  pack.end();
  return packed;
}

function entryOf(file: FileToPack): ReadEntry {
  const content = file.kind === 'file' ? file.content : Buffer.alloc(0);
  const header = new Header({
    path: file.path,
    type: file.kind === 'file' ? 'File' : 'Link',
    ...(file.kind === 'file' ? undefined : { linkpath: file.target }),
    size: content.length,
    mode: 0o444,
    uid: 0,
    gid: 0,
    mtime: new Date(0),
  });
  if (header.encode()) throw new Failure('internal', `${file.path} does not fit a tar header.`);
  const entry = new ReadEntry(header);
  entry.end(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  return entry;
}

/** gzip and zstd: the parser would unpack them, and no limit would hold. */
const COMPRESSED = ['1f8b', '28b52ffd'];
const REGULAR = ['File', 'OldFile', 'ContiguousFile'];

/**
 * The regular files of a tar archive, as `tar x` finds them: ustar, GNU and PAX headers, and what
 * follows the end is not looked at. Folders are left out. Throws `bad-archive` where a header is
 * broken, the archive is cut off, or a member is a link, a device or of an unknown type.
 */
export async function readMembers(tar: Buffer): Promise<readonly TarMember[]> {
  if (COMPRESSED.some((magic) => tar.toString('hex', 0, magic.length / 2) === magic)) {
    throw badTarball('it is compressed twice');
  }
  const members: { path: string; chunks: Buffer[] }[] = [];
  let problem: string | undefined;
  const parser = new Parser();
  parser.on('warn', (_, message: string | Error) => {
    problem ??= `${message instanceof Error ? message.message : message}`;
  });
  parser.on('ignoredEntry', ({ path, type }: ReadEntry) => {
    problem ??= `its member '${printable(`${path}`)}' is of the type ${printable(`${type}`)}`;
  });
  parser.on('entry', (entry: ReadEntry) => {
    const chunks: Buffer[] = [];
    const { path, type } = entry;
    if (REGULAR.includes(type)) members.push({ path: `${path}`, chunks });
    else if (type !== 'Directory') {
      problem ??= `its member '${printable(`${path}`)}' is not a regular file but a ${type}`;
    }
    entry.on('data', (chunk) => chunks.push(chunk));
  });
  try {
    // All of it is there, so all of it is read before this returns.
    parser.end(tar);
  } catch (thrown) {
    throw badTarball('it cannot be read', thrown);
  }
  if (problem !== undefined) throw badTarball(problem);
  return members.map(({ path, chunks }) => ({ path, content: Buffer.concat(chunks) }));
}

export function badTarball(what: string, cause?: unknown): Failure {
  return new Failure('bad-archive', `This is not a tarball of BTF: ${what}.`, undefined, cause);
}
