import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { MemberSink } from '../../rpm/cpio.ts';

/**
 * Writes vmlinux into a new file and hashes it: SHA-256, and the algorithm of the header's digest where that is
 * another one. Writing is synchronous: to memory or the page cache it costs less than waiting for it.
 */
export class VmlinuxFile implements MemberSink {
  /** The open file, for a program that writes to it directly. */
  readonly descriptor: number;
  readonly #sha256 = createHash('sha256');
  readonly #other;
  #size = 0;
  #open = true;

  /** @param algorithm of the header's digest of the file */
  constructor(path: string, algorithm = 'sha256') {
    this.descriptor = openSync(path, 'wx+', 0o600);
    this.#other = algorithm === 'sha256' ? undefined : createHash(algorithm);
  }

  get size(): number {
    return this.#size;
  }

  data(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.descriptor, bytes, at);
    this.written(bytes);
  }

  /** Hashes the next bytes, which another process wrote to the file. */
  written(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#other?.update(bytes);
    this.#size += bytes.length;
  }

  end(): void {
    this.close();
  }

  /** Safe to call again. */
  close(): void {
    if (this.#open) closeSync(this.descriptor);
    this.#open = false;
  }

  /** Lower-case hex, once, after the end: our SHA-256, and the digest by the header's algorithm. */
  digests(): { readonly sha256: string; readonly digest: string } {
    const sha256 = this.#sha256.digest('hex');
    return { sha256, digest: this.#other?.digest('hex') ?? sha256 };
  }
}
