import { Failure } from '../failure.ts';
import type { Invocation } from '../world/programs.ts';
import type { World } from '../world/world.ts';
import type { Origin } from './pahole.ts';
import { versionIn } from './version.ts';

export interface Xz {
  /** Absolute. */
  readonly path: string;
  /** `5.8.3` */
  readonly version: string;
  readonly origin: Origin;
}

/** From here on decoding takes two thirds of the time that it took before. */
export const FAST_XZ = '5.8';

/** Asks an xz for its version. Throws `missing-program` when there is none or it does not run. */
export async function inspectXz(
  world: Pick<World, 'programs'>,
  path: string,
  origin: Origin,
): Promise<Xz> {
  const found = world.programs.find(path);
  const answer = found && (await world.programs.run({ program: found, args: ['--version'] }));
  const version = answer && answer.status === 0 && versionIn(answer.stdout.toString('utf8'));
  if (!found || !version) {
    throw new Failure(
      'missing-program',
      found ? `'${found} --version' does not answer as xz does.` : `There is no xz at '${path}'.`,
      "Install the package 'xz-utils' (apt) or 'xz' (dnf).",
    );
  }
  return { path: found, version, origin };
}

/** The machine's own xz. */
export function systemXz(world: Pick<World, 'programs'>): Promise<Xz> {
  return inspectXz(world, 'xz', 'system');
}

/**
 * Decodes standard input to standard output.
 * `--ignore-check`: the package's SHA-256 and the file's digest cover more than xz's own check,
 * which costs a quarter of the time. `--threads=1`: a payload of one block gains nothing from
 * threads, and from 5.6 on xz uses as many as there are cores when it is not told.
 */
export function decodeCommand(xz: Pick<Xz, 'path'>): Pick<Invocation, 'program' | 'args' | 'env'> {
  return {
    program: xz.path,
    args: ['--decompress', '--stdout', '--ignore-check', '--threads=1'],
    env: PLAIN_ENVIRONMENT,
  };
}

/** Options from the environment would come before ours, and some cannot be taken back. */
export const PLAIN_ENVIRONMENT = { XZ_DEFAULTS: undefined, XZ_OPT: undefined } as const;
