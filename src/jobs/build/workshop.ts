import type { Expectation } from '../../btf/check.ts';
import { MirrorPool } from '../../download/mirrors.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import type { TrustOption } from '../../rpm/keys.ts';
import type { Profile } from '../../toolchain/encode.ts';
import { machineMemory } from '../../toolchain/memory.ts';
import type { Toolchain } from '../../toolchain/prepare.ts';
import { decodeCommand } from '../../toolchain/xz.ts';
import { Budget } from './budget.ts';
import { Courier } from './courier.ts';
import type { Workshop } from './kernel.ts';
import { Notary, type SignaturePolicy } from './notary.ts';
import { openWorkspace } from './workspace.ts';

export interface WorkshopSettings {
  readonly mirrors: readonly string[];
  /** To each mirror at a time; undefined for the polite default. */
  readonly connections: number | undefined;
  readonly profile: Profile;
  readonly expectation: Expectation;
  /** Where vmlinux goes; undefined for memory when there is enough, else the temporary folder. */
  readonly temp: string | undefined;
  readonly signature: SignaturePolicy;
  readonly trust: readonly TrustOption[];
}

/** Of what is available; xz, the downloads and everybody else on the machine need some as well. */
const SHARE_FOR_PAHOLE = 0.8;

/** Sets up what the kernels of one run share. `close` removes all that is left of it. */
export async function openWorkshop(
  platform: Platform,
  tools: Toolchain,
  settings: WorkshopSettings,
  progress: Progress,
): Promise<{ readonly shop: Workshop; close(): Promise<void> }> {
  const { connections, profile, expectation, signature, trust } = settings;
  const pool = new MirrorPool(
    settings.mirrors,
    { http: platform.http, clock: platform.clock, random: Math.random },
    { note: progress.note, ...(connections === undefined ? {} : { connections }) },
  );
  const { available } = machineMemory();
  const workspace = await openWorkspace(platform, settings.temp, available);
  const forPahole = available - (workspace.inMemory ? workspace.capacity : 0);
  const notary = await Notary.open(platform, pool, signature, trust);
  const shop: Workshop = {
    ...{ platform, workspace, profile, expectation },
    interrupted: platform.interrupted,
    pahole: tools.pahole,
    decoders: {
      programs: platform.programs,
      xz: decodeCommand(tools.xz),
      xzPart: tools.xz.writesParts ? (part) => decodeCommand(tools.xz, part) : undefined,
    },
    space: new Budget(workspace.capacity),
    memory: new Budget(forPahole * SHARE_FOR_PAHOLE),
    vouch: (head, kernel) => notary.vouch(head, kernel),
    courier: (kernel) => new Courier(pool, kernel, platform.interrupted),
  };
  return { shop, close: workspace.remove };
}
