import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Verification } from '../../archive/record.ts';
import { Failure } from '../../failure.ts';
import type { ByteRange } from '../../platform/decompress.ts';
import { DECODER_MEMORY } from '../../platform/decompress.ts';
import type { PackageHead } from '../../rpm/package.ts';
import type { DebuginfoPackage, KernelPackage } from '../../sources/kernels.ts';
import { headerChecksumOf } from '../../sources/package-start.ts';
import {
  extractVmlinux,
  largestVmlinuxOf,
  type PayloadDecoders,
  type Vmlinux,
} from './extract-vmlinux.ts';
import type { ModulesRequest } from './modules.ts';
import { PackageBytes } from './package-bytes.ts';
import type { PackageDownloader } from './package-downloader.ts';
import type { Semaphore } from './semaphore.ts';
import type { Stopwatch } from './stopwatch.ts';

/** What fetching a package needs. */
export interface FetchContext {
  downloader(kernel: KernelPackage): PackageDownloader;
  /** Checks the package's signature by the policy that the user chose; throws what that policy forbids. */
  verifySignature(head: PackageHead, kernel: KernelPackage): Promise<Verification['signature']>;
  readonly decoders: PayloadDecoders;
  /** Bytes of disk that the vmlinux files of all kernels in work may take together. */
  readonly space: Semaphore;
  /** Bytes of memory that all decoders and pahole processes may take together. */
  readonly memory: Semaphore;
  readonly interrupted: AbortSignal;
  /** Which modules are merged with their kernel; undefined for none. */
  readonly modules: ModulesRequest | undefined;
}

export interface FetchedVmlinux {
  readonly vmlinux: Vmlinux;
  readonly package: { readonly url: string; readonly size: number; readonly sha256: string };
  readonly verified: Verification;
  /** Returns the space that vmlinux took, once the file is removed. Safe to call again. */
  release(): void;
}

/**
 * Downloads a package and takes its vmlinux into `target`. A package with other bytes than the repository promises is
 * downloaded again from other mirrors, before it is `checksum-mismatch`. A package with the right bytes is downloaded
 * again for one reason only: vmlinux did not lie where the header places it, so that all of the payload must be read.
 * Where repositories list other bytes under the same name, these are tried when no mirror has the first ones.
 */
export async function fetchVmlinux(
  context: FetchContext,
  kernel: DebuginfoPackage,
  target: string,
  stopwatch: Stopwatch,
): Promise<FetchedVmlinux> {
  try {
    return await fetchPackage(context, kernel, target, stopwatch);
  } catch (error) {
    for (const other of isMismatch(error) ? alternativesOf(kernel) : []) {
      await removeFiles(dirname(target));
      try {
        return await fetchPackage(context, other, target, stopwatch);
      } catch (again) {
        if (!isMismatch(again)) throw again;
      }
    }
    throw error;
  }
}

/** The same package with the other bytes that repositories list under its name. */
export function alternativesOf<Package extends KernelPackage>(kernel: Package): readonly Package[] {
  return (kernel.alternatives ?? []).map((one) => ({ ...kernel, ...one }));
}

export function isMismatch(error: unknown): boolean {
  return error instanceof Failure && error.reason === 'checksum-mismatch';
}

async function fetchPackage(
  context: FetchContext,
  kernel: DebuginfoPackage,
  target: string,
  stopwatch: Stopwatch,
): Promise<FetchedVmlinux> {
  const downloader = context.downloader(kernel);
  for (let mayCut = true; ; ) {
    const attempt = new Attempt(context, kernel, downloader, target, stopwatch, mayCut);
    try {
      return await attempt.run();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const wrongPlace = attempt.cut && error.reason === 'corrupt-package';
      const wrongBytes = isMismatch(error) && downloader.canTryAgain;
      if (!wrongPlace && !wrongBytes) throw error;
      if (wrongPlace) mayCut = false;
      await removeFiles(dirname(target));
    }
  }
}

/** Empties the kernel's directory: vmlinux and modules of an attempt that failed. */
export async function removeFiles(folder: string): Promise<void> {
  const names = await readdir(folder);
  await Promise.all(names.map((name) => rm(join(folder, name), { force: true })));
}

class Attempt {
  readonly #context: FetchContext;
  readonly #kernel: DebuginfoPackage;
  readonly #target: string;
  readonly #stopwatch: Stopwatch;
  readonly #downloader: PackageDownloader;
  readonly #bytes: PackageBytes;
  readonly #mayCut: boolean;
  /** Whether other programs took vmlinux out of the payload, by the place that the header tells. */
  cut = false;
  #releaseSpace = () => {};
  #releaseMemory = () => {};
  #signature: Verification['signature'] = { status: 'off' };

  constructor(
    context: FetchContext,
    kernel: DebuginfoPackage,
    downloader: PackageDownloader,
    target: string,
    stopwatch: Stopwatch,
    mayCut: boolean,
  ) {
    this.#mayCut = mayCut;
    this.#context = context;
    this.#kernel = kernel;
    this.#target = target;
    this.#stopwatch = stopwatch;
    this.#downloader = downloader;
    const { size, checksum } = kernel;
    const passed = (count: number, soFar: number) => {
      stopwatch.advance(count);
      if (soFar === size) stopwatch.end('download', size);
    };
    this.#bytes = new PackageBytes(downloader.fetch(), checksum.algorithm, size, passed);
  }

  async run(): Promise<FetchedVmlinux> {
    this.#stopwatch.begin('download', this.#kernel.size);
    try {
      const vmlinux = await this.#extract();
      this.#stopwatch.end('decode', vmlinux.size);
      return {
        vmlinux,
        package: {
          url: this.#downloader.url,
          size: this.#bytes.size,
          sha256: this.#bytes.digest('sha256'),
        },
        verified: {
          repodata: this.#kernel.checksumOf !== 'header',
          header: vmlinux.head.headerDigests.includes('sha256'),
          file: vmlinux.proven,
          signature: this.#signature,
        },
        release: this.#releaseSpace,
      };
    } catch (error) {
      this.#releaseSpace();
      throw error;
    } finally {
      this.#releaseMemory();
      await this.#bytes.close();
    }
  }

  /** Damaged bytes break the decoder before the end: the sum of the whole says whose fault it is. */
  async #extract(): Promise<Vmlinux> {
    const { decoders, space, memory, interrupted } = this.#context;
    const admit = async (head: PackageHead, bytes: number) => {
      this.#signature = await this.#context.verifySignature(head, this.#kernel);
      this.#releaseSpace = await space.acquire(bytes, interrupted);
      this.#releaseMemory = await memory.acquire(DECODER_MEMORY, interrupted);
    };
    try {
      const { nvra, vmlinuxPath, otherVmlinuxPaths = [], size } = this.#kernel;
      const names = this.#context.modules?.names;
      const folder = dirname(this.#target);
      const modules = names === undefined ? undefined : { names, folder };
      const largestVmlinux = largestVmlinuxOf(size);
      const wanted = { nvra, vmlinuxPath, otherVmlinuxPaths, largestVmlinux, modules };
      const xzRange = (range: ByteRange) => {
        const programs = this.#mayCut ? decoders.xzRange(range) : undefined;
        this.cut = programs !== undefined;
        return programs;
      };
      const counted = { ...decoders, xzRange };
      const vmlinux = await extractVmlinux(this.#bytes, wanted, this.#target, counted, admit);
      await this.#verify(vmlinux.head);
      return vmlinux;
    } catch (error) {
      interrupted.throwIfAborted();
      if (error instanceof Failure && isAboutContent(error)) await this.#verify();
      throw error;
    }
  }

  /**
   * Throws `checksum-mismatch` unless the whole package has the size and the checksum that the plan says: that of the
   * file, or where no repository metadata promises one, that of the header.
   */
  async #verify(head?: PackageHead): Promise<void> {
    await this.#bytes.drain();
    const { nvra, size, checksum, checksumOf } = this.#kernel;
    const actual =
      checksumOf === 'header'
        ? head && headerChecksumOf(head.signatures)?.value
        : this.#bytes.digest(checksum.algorithm);
    // A header that could not be read has no checksum: then why it could not is the failure.
    const isExpected = actual === checksum.value || (checksumOf === 'header' && !head);
    if (this.#bytes.size === size && isExpected) {
      this.#downloader.confirm();
      return;
    }
    const difference =
      this.#bytes.size === size
        ? `the ${checksum.algorithm} ${actual} instead of ${checksum.value}`
        : `${this.#bytes.size > size ? 'more than' : `${this.#bytes.size} of`} ${size} bytes`;
    throw new Failure(
      'checksum-mismatch',
      `${nvra} came from ${this.#downloader.servedBy} with ${difference}.`,
      'Try again later or from another mirror: this one may be in the middle of an update.',
    );
  }
}

/** Failures that wrong bytes may have caused. */
function isAboutContent({ reason }: Failure): boolean {
  return ['corrupt-package', 'bad-signature', 'unsigned', 'no-vmlinux'].includes(reason);
}
