import { dirname } from 'node:path';
import type { Verification } from '../../archive/record.ts';
import { Failure } from '../../failure.ts';
import type { PackageFile } from '../../rpm/files.ts';
import type { PackageHead } from '../../rpm/package.ts';
import type { BootPackage } from '../../sources/kernels.ts';
import { headerChecksumOf } from '../../sources/package-start.ts';
import { type BootImageFile, extractBootImage } from './extract-boot-image.ts';
import {
  alternativesOf,
  type FetchContext,
  type FetchedVmlinux,
  isMismatch,
  removeFiles,
} from './fetch-vmlinux.ts';
import { PackageBytes } from './package-bytes.ts';
import type { PackageDownloader } from './package-downloader.ts';
import type { Stopwatch } from './stopwatch.ts';

export interface FetchedBootImage extends Pick<FetchedVmlinux, 'package' | 'verified' | 'release'> {
  readonly image: BootImageFile;
  /** Bytes of the package that were read. */
  readonly bytesRead: number;
}

/** Bytes that come ahead of the decoder: what came in vain when it stops, a twentieth of a package. */
const AHEAD = 4 * 1024 * 1024;

/** Of the compressed image: what it and its unpacked layers take on the disk. */
const UNPACKED_RATIO = 12;

/**
 * Fetches a kernel package up to the end of its boot image, into `target`, or of the last module that is wanted, into
 * the same folder. They are proven by the header's digests of them, the header by a signature. Without a good
 * signature, or a digest that proves anything, the whole package is read and must have the checksum of the
 * repository's metadata. When what came is wrong, it is fetched again as `fetchVmlinux` does.
 */
export async function fetchBootImage(
  context: FetchContext,
  kernel: BootPackage,
  target: string,
  stopwatch: Stopwatch,
  modules: readonly string[] | undefined,
): Promise<FetchedBootImage> {
  try {
    return await fetchPackage(context, kernel, target, stopwatch, modules);
  } catch (error) {
    for (const other of isMismatch(error) ? alternativesOf(kernel) : []) {
      await removeFiles(dirname(target));
      try {
        return await fetchPackage(context, other, target, stopwatch, modules);
      } catch (again) {
        if (!isMismatch(again)) throw again;
      }
    }
    throw error;
  }
}

async function fetchPackage(
  context: FetchContext,
  kernel: BootPackage,
  target: string,
  stopwatch: Stopwatch,
  modules: readonly string[] | undefined,
): Promise<FetchedBootImage> {
  const downloader = context.downloader(kernel);
  for (;;) {
    try {
      return await fetchOnce(context, kernel, downloader, target, stopwatch, modules);
    } catch (error) {
      if (!isMismatch(error) || !downloader.canTryAgain) throw error;
      await removeFiles(dirname(target));
    }
  }
}

async function fetchOnce(
  context: FetchContext,
  kernel: BootPackage,
  downloader: PackageDownloader,
  target: string,
  stopwatch: Stopwatch,
  names: readonly string[] | undefined,
): Promise<FetchedBootImage> {
  const { decoders, space, interrupted } = context;
  const { nvra, imagePath, size, checksum, uname } = kernel;
  const modules = names && { names, folder: dirname(target), uname };
  const passed = (count: number) => stopwatch.advance(count);
  const bytes = new PackageBytes(downloader.fetch(AHEAD), checksum.algorithm, size, passed);
  let release = () => {};
  let signature: Verification['signature'] = { status: 'off' };
  /** Whether a signature proves the header; the record needs a SHA-256, which metadata must give then. */
  const admit = async (
    head: PackageHead,
    image: PackageFile,
    found: readonly { readonly file: PackageFile }[],
  ) => {
    signature = await context.verifySignature(head, kernel);
    const ofModules = found.reduce((sum, { file }) => sum + file.size, 0);
    release = await space.acquire(image.size * UNPACKED_RATIO + ofModules, interrupted);
    return (
      signature.status === 'good' &&
      checksum.algorithm === 'sha256' &&
      kernel.checksumOf === undefined
    );
  };
  stopwatch.begin('download', size);
  try {
    const image = await extractBootImage(
      bytes,
      { nvra, imagePath, modules },
      target,
      decoders,
      admit,
    );
    if (!image.stoppedEarly) await expectChecksum(bytes, kernel, downloader, image.head);
    stopwatch.end('download', bytes.size);
    stopwatch.end('decode', image.size);
    const early = image.stoppedEarly;
    return {
      image,
      bytesRead: bytes.size,
      package: {
        url: downloader.url,
        size,
        sha256: early ? checksum.value : bytes.digest('sha256'),
      },
      verified: {
        repodata: !early && kernel.checksumOf !== 'header',
        header: image.head.headerDigests.includes('sha256'),
        file: image.proven,
        signature,
      },
      release,
    };
  } catch (error) {
    release();
    interrupted.throwIfAborted();
    // Damaged bytes break the decoder: the checksum of the whole package says who is to blame.
    if (error instanceof Failure && MAY_BE_DAMAGE.includes(error.reason)) {
      await expectChecksum(bytes, kernel, downloader);
    }
    throw error;
  } finally {
    await bytes.close();
  }
}

/** Failures that wrong bytes may have caused. */
const MAY_BE_DAMAGE: readonly string[] = [
  'corrupt-package',
  'bad-signature',
  'unsigned',
  'bad-image',
];

/**
 * Reads the rest. Throws `checksum-mismatch` unless the package has the size and the checksum that the plan says: that
 * of the file, or where no repository metadata promises one, that of the header.
 */
async function expectChecksum(
  bytes: PackageBytes,
  { nvra, size, checksum, checksumOf }: BootPackage,
  downloader: PackageDownloader,
  head?: PackageHead,
): Promise<void> {
  await bytes.drain();
  const actual =
    checksumOf === 'header'
      ? head && headerChecksumOf(head.signatures)?.value
      : bytes.digest(checksum.algorithm);
  // A header that could not be read has no checksum: then why it could not is the failure.
  const isExpected = actual === checksum.value || (checksumOf === 'header' && !head);
  if (bytes.size === size && isExpected) {
    downloader.confirm();
    return;
  }
  const difference =
    bytes.size === size
      ? `the ${checksum.algorithm} ${actual} instead of ${checksum.value}`
      : `${bytes.size > size ? 'more than' : `${bytes.size} of`} ${size} bytes`;
  throw new Failure(
    'checksum-mismatch',
    `${nvra} came from ${downloader.servedBy} with ${difference}.`,
    'Try again later or from another mirror: this one may be in the middle of an update.',
  );
}
