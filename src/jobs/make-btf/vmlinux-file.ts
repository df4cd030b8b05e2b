import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { MemberSink } from '../../rpm/cpio.ts';

/** Lower-case hex. */
export interface VmlinuxDigests {
  readonly sha256: string;
  /** By the algorithm of the header's digest. */
  readonly stated: string;
}

/** SHA-256, and the algorithm of the header's digest where that is another one. */
class Digester {
  readonly #sha256 = createHash('sha256');
  readonly #stated: Hash | undefined;
  size = 0;

  constructor(algorithm: string) {
    this.#stated = algorithm === 'sha256' ? undefined : createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#stated?.update(bytes);
    this.size += bytes.length;
  }

  digests(): VmlinuxDigests {
    const sha256 = this.#sha256.digest('hex');
    return { sha256, stated: this.#stated?.digest('hex') ?? sha256 };
  }
}

/**
 * Writes vmlinux into a new file as it comes out of the archive, and hashes it. Writing is synchronous: to memory or
 * the page cache it costs less than waiting for it.
 */
export class VmlinuxWriter implements MemberSink {
  readonly #file: number;
  readonly #digester: Digester;
  #open = true;

  /** @param algorithm of the header's digest of the file */
  constructor(path: string, algorithm: string) {
    this.#file = openSync(path, 'wx', 0o600);
    this.#digester = new Digester(algorithm);
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
  digests(): VmlinuxDigests {
    return this.#digester.digests();
  }
}

const PIECE = 1024 * 1024;

/** Size and digests of a vmlinux that another program wrote. The next piece is read while one is hashed. */
export async function digestVmlinux(
  path: string,
  algorithm: string,
): Promise<VmlinuxDigests & { readonly size: number }> {
  const digester = new Digester(algorithm);
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
