import type { Expectation } from '../../btf/check.ts';
import { MirrorPool } from '../../download/mirrors.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { TrustOption } from '../../rpm/keys.ts';
import { machineMemory } from '../../toolchain/memory.ts';
import type { Profile } from '../../toolchain/pahole-arguments.ts';
import type { Toolchain } from '../../toolchain/prepare.ts';
import { decodeCommand, decodeRangeCommands } from '../../toolchain/xz.ts';
import type { BuildContext } from './build-kernel.ts';
import type { ModulesRequest } from './modules.ts';
import { PackageDownloader } from './package-downloader.ts';
import { Semaphore } from './semaphore.ts';
import { type SignaturePolicy, SignatureVerifier } from './signature-verifier.ts';
import { openWorkspace } from './workspace.ts';

export interface BuildContextSettings {
  readonly mirrors: readonly string[];
  /** At most so many to each mirror; undefined for the default. */
  readonly connections: number | undefined;
  readonly profile: Profile;
  readonly expectation: Expectation;
  /** Where vmlinux goes; undefined for memory when there is enough, else the temporary folder. */
  readonly temp: string | undefined;
  readonly signature: SignaturePolicy;
  readonly trust: readonly TrustOption[];
  readonly modules: ModulesRequest | undefined;
  /** Compare with what the other method gives, where both packages are published. */
  readonly crossCheck: boolean;
}

/** Of the available memory: xz, the downloads and the rest of the machine need some too. */
const SHARE_FOR_PAHOLE = 0.8;

/**
 * Sets up what the kernels of one run share. `close` removes its temporary files: all work on kernels must have ended.
 * Throws what `openWorkspace` and `SignatureVerifier.open` throw.
 */
export async function openBuildContext(
  outside: Platform,
  tools: Toolchain,
  settings: BuildContextSettings,
  progress: Progress,
): Promise<{ readonly context: BuildContext; close(): Promise<void> }> {
  const { connections, profile, expectation, signature, trust } = settings;
  const stopping = new AbortController();
  const interrupted = AbortSignal.any([outside.interrupted, stopping.signal]);
  const platform: Platform = { ...outside, interrupted };
  const pool = new MirrorPool(
    settings.mirrors,
    { http: platform.http, clock: platform.clock, random: Math.random },
    { log: progress.note, ...(connections === undefined ? {} : { connections }) },
  );
  const { available } = machineMemory();
  const workspace = await openWorkspace(platform, settings.temp, available);
  const forPahole = available - (workspace.inMemory ? workspace.capacity : 0);
  const verifier = await SignatureVerifier.open(platform, pool, signature, trust);
  const context: BuildContext = {
    platform,
    workspace,
    profile,
    expectation,
    signature,
    crossCheck: settings.crossCheck,
    interrupted,
    modules: settings.modules,
    stop: (reason) => stopping.abort(reason),
    pahole: tools.pahole,
    decoders: {
      programs: platform.programs,
      xz: decodeCommand(tools.xz),
      xzRange: (range) => decodeRangeCommands(tools.xz, range),
    },
    space: new Semaphore(workspace.capacity),
    memory: new Semaphore(forPahole * SHARE_FOR_PAHOLE),
    verifySignature: (head, kernel) => verifier.verify(head, kernel),
    downloader: (kernel) => new PackageDownloader(pool, kernel, interrupted),
  };
  return { context, close: workspace.remove };
}
