import { type BtfSummary, checkBtf, type Expectation } from '../../btf/check.ts';
import { MirrorPool } from '../../download/mirrors.ts';
import { Failure } from '../../failure.ts';
import type { Arch, Uname, VersionId } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { TrustOption } from '../../rpm/keys.ts';
import { findKernels, type KernelQuery } from '../../sources/discover.ts';
import type { BootPackage, KernelPackage } from '../../sources/kernels.ts';
import { machineMemory } from '../../toolchain/memory.ts';
import { decodeCommand, systemXz } from '../../toolchain/xz.ts';
import { type EmbeddedContext, embeddedBtf } from './embedded-btf.ts';
import { PackageDownloader } from './package-downloader.ts';
import { Semaphore } from './semaphore.ts';
import { type SignaturePolicy, SignatureVerifier } from './signature-verifier.ts';
import { Stopwatch } from './stopwatch.ts';
import { openWorkspace } from './workspace.ts';

export interface FromPackageRequest {
  /** Which kernel; `versionId` narrows the releases that are looked at. */
  readonly kernel: { readonly uname: Uname; readonly arch: Arch };
  readonly versionId: VersionId | undefined;
  readonly query: Pick<KernelQuery, 'source' | 'mirrors' | 'cache'>;
  readonly signature: SignaturePolicy;
  readonly trust: readonly TrustOption[];
  readonly expectation: Expectation;
  /** Globs of the modules whose BTF is merged with the kernel's; undefined for none. */
  readonly modules: readonly string[] | undefined;
}

export interface FromPackage {
  readonly btf: Uint8Array;
  readonly summary: BtfSummary;
  readonly kernel: BootPackage;
  /** Bytes of the package that were read. */
  readonly bytesRead: number;
}

/**
 * Takes the BTF of one kernel straight out of its package on the distribution's mirrors: no archive and no
 * pahole are needed. Throws `not-found` where no release has the package.
 */
export async function fetchFromPackage(
  platform: Platform,
  request: FromPackageRequest,
  progress: Progress,
): Promise<FromPackage> {
  const kernel = await findBootPackage(platform, request, progress);
  const { query, signature, trust, expectation } = request;
  const { interrupted } = platform;
  const mirrors = query.mirrors.length > 0 ? query.mirrors : query.source.mirrors;
  const pool = new MirrorPool(
    mirrors,
    { http: platform.http, clock: platform.clock, random: Math.random },
    { log: progress.note },
  );
  const verifier = await SignatureVerifier.open(platform, pool, signature, trust);
  const xz = await systemXz(platform);
  const memory = machineMemory().available;
  const workspace = await openWorkspace(platform, undefined, memory);
  const task = progress.begin(kernel.uname);
  try {
    const context: EmbeddedContext = {
      platform,
      workspace,
      expectation,
      interrupted,
      decoders: {
        programs: platform.programs,
        xz: decodeCommand(xz),
        xzRange: () => undefined,
      },
      space: new Semaphore(workspace.capacity),
      memory: new Semaphore(memory),
      modules: undefined,
      verifySignature: (head, one) => verifier.verify(head, one),
      downloader: (one: KernelPackage) => new PackageDownloader(pool, one, interrupted),
    };
    const stopwatch = new Stopwatch(platform.clock, task);
    const found = await embeddedBtf(context, kernel, stopwatch, request.modules);
    const { fetched, withModules } = found;
    for (const { name, why } of withModules?.use.excluded ?? []) {
      progress.note(`${kernel.uname}: without ${name}: ${why}`);
    }
    const btf = withModules?.btf ?? found.btf;
    const summary = checkBtf(btf, expectation);
    task.end('fetched', `${fetched.bytesRead} of ${kernel.size} bytes of ${kernel.nvra} read`);
    return { btf, summary, kernel, bytesRead: fetched.bytesRead };
  } catch (error) {
    task.end('failed');
    throw error;
  } finally {
    await workspace.remove();
  }
}

async function findBootPackage(
  platform: Platform,
  { kernel, versionId, query }: FromPackageRequest,
  progress: Progress,
): Promise<BootPackage> {
  const { source } = query;
  // Releases are folders, and VERSION_ID is the beginning of their names: 22.03 has 22.03-LTS-SP1.
  const releases = versionId === undefined ? ['all'] : [`${versionId}*`];
  const found = await findKernels(
    platform,
    {
      source,
      mirrors: query.mirrors,
      cache: query.cache,
      releases,
      arches: [kernel.arch],
      kernels: [kernel.uname],
      flavours: ['all'],
      method: 'embedded',
    },
    progress,
  );
  const one = found.kernels.find(
    (each): each is BootPackage => each.method === 'embedded' && each.uname === kernel.uname,
  );
  if (one !== undefined) return one;
  throw new Failure(
    'not-found',
    `No release of ${source.id} has a package of the kernel ${kernel.uname} whose boot image may carry BTF.`,
    'Is it a kernel of this distribution, and new enough for BTF? Old packages may have been removed from the mirrors.',
  );
}
