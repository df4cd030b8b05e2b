import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Failure } from '../../failure.ts';
import type { MemberSink } from '../../rpm/cpio.ts';
import type { PackageFile } from '../../rpm/files.ts';

/** Lower-case hex. */
export interface MemberDigests {
  readonly sha256: string;
  /** By the algorithm of the header's digest. */
  readonly stated: string;
}

/** SHA-256, and the algorithm of the header's digest where that is another one. */
class Digester {
  readonly #sha256 = createHash('sha256');
  readonly #stated: Hash | undefined;
  size = 0;

  constructor({ digest }: PackageFile) {
    const algorithm = digest?.algorithm ?? 'sha256';
    this.#stated = algorithm === 'sha256' ? undefined : createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#stated?.update(bytes);
    this.size += bytes.length;
  }

  digests(): MemberDigests {
    const sha256 = this.#sha256.digest('hex');
    return { sha256, stated: this.#stated?.digest('hex') ?? sha256 };
  }
}

/**
 * Writes a member of the archive into a new file as it comes, and hashes it. Writing is synchronous: to memory or
 * the page cache it costs less than waiting for it.
 */
export class MemberFile implements MemberSink {
  readonly #file: number;
  readonly #digester: Digester;
  #open = true;

  /** @param entry what the header says of it */
  constructor(path: string, entry: PackageFile) {
    this.#file = openSync(path, 'wx', 0o600);
    this.#digester = new Digester(entry);
  }

  get size(): number {
    return this.#digester.size;
  }

  data(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.#digester.update(bytes);
  }

  end(): void {
    this.close();
  }

  /** Safe to call again. */
  close(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }

  /** Once, after the end. */
  digests(): MemberDigests {
    return this.#digester.digests();
  }
}

const PIECE = 1024 * 1024;

/** Size and digests of a member that another program wrote. The next piece is read while one is hashed. */
export async function digestFile(
  path: string,
  entry: PackageFile,
): Promise<MemberDigests & { readonly size: number }> {
  const digester = new Digester(entry);
  const file = await open(path);
  try {
    let [current, next] = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)];
    for (let reading = file.read(current); ; ) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) break;
      reading = file.read(next);
      digester.update(current.subarray(0, bytesRead));
      [current, next] = [next, current];
    }
  } finally {
    await file.close();
  }
  return { size: digester.size, ...digester.digests() };
}

/** Whether the header's digest proves the file. MD5, as rpm had it before 4.14, and SHA-1 prove nothing any more. */
export function isStrong({ digest }: PackageFile): boolean {
  return digest !== undefined && !['md5', 'sha1'].includes(digest.algorithm);
}

/**
 * Throws `corrupt-package` for a file with another digest than the header has for it.
 * @param name of the file, for the message
 */
export function expectDigest(name: string, { digest }: PackageFile, stated: string): void {
  if (digest === undefined || digest.hex === stated) return;
  throw new Failure(
    'corrupt-package',
    `${name} has the ${digest.algorithm} ${stated}, but the header promises ${digest.hex}.`,
  );
}
