import { Failure } from '../failure.ts';
import type { OutputPart } from '../platform/decompress.ts';
import type { Platform } from '../platform/platform.ts';
import type { Invocation } from '../platform/programs.ts';
import type { Origin } from './pahole.ts';
import { OUTPUT_PART } from './recipes.ts';
import { versionIn } from './version.ts';

export interface Xz {
  /** Absolute. */
  readonly path: string;
  /** `5.8.3` */
  readonly version: string;
  readonly origin: Origin;
  /** Whether it writes no more than a part of its output when it is told to, as the one that we build does. */
  readonly writesParts: boolean;
}

/** From here on decoding takes two thirds of the time that it took before. */
export const FAST_XZ = '5.8';

/** Asks an xz for its version. Throws `missing-program` when there is none or it does not run. */
export async function inspectXz(
  platform: Pick<Platform, 'programs'>,
  path: string,
  origin: Origin,
): Promise<Xz> {
  const found = platform.programs.find(path);
  const answer = found && (await platform.programs.run({ program: found, args: ['--version'] }));
  const version = answer && answer.status === 0 && versionIn(answer.stdout.toString('utf8'));
  if (!found || !version) {
    throw new Failure(
      'missing-program',
      found ? `'${found} --version' does not answer as xz does.` : `There is no xz at '${path}'.`,
      "Install the package 'xz-utils' (apt) or 'xz' (dnf).",
    );
  }
  return { path: found, version, origin, writesParts: await writesParts(platform, found) };
}

/** Eight bytes of text, packed by xz. */
const SAMPLE = Buffer.from(
  '/Td6WFoAAAD/EtlBAgAhAQwAAACPmEGcAQAHc2tpcHBlZD8AAAEYCEClRqwGcp56AQAAAAAAWVo=',
  'base64',
);

/** Asks it by what it does: one that does not know the variable says nothing about it. */
async function writesParts(platform: Pick<Platform, 'programs'>, path: string): Promise<boolean> {
  const command = decodeCommand({ path }, { first: 4, size: 3 });
  const answer = await platform.programs.run({ ...command, input: SAMPLE });
  return answer.status === 0 && answer.stdout.length === 3;
}

/** The machine's own xz. */
export function systemXz(platform: Pick<Platform, 'programs'>): Promise<Xz> {
  return inspectXz(platform, 'xz', 'system');
}

/**
 * Decodes standard input to standard output.
 * `--ignore-check`: the package's SHA-256 and the file's digest cover more than xz's own check,
 * which costs a quarter of the time. `--threads=1`: a payload of one block gains nothing from
 * threads, and from 5.6 on xz uses as many as there are cores when it is not told.
 * @param part of the output, where no more is to be written, which not every xz can do
 */
export function decodeCommand(
  xz: Pick<Xz, 'path'>,
  part?: OutputPart,
): Pick<Invocation, 'program' | 'args' | 'env'> {
  return {
    program: xz.path,
    args: ['--decompress', '--stdout', '--ignore-check', '--threads=1'],
    env: part
      ? { ...PLAIN_ENVIRONMENT, [OUTPUT_PART]: `${part.first}+${part.size}` }
      : PLAIN_ENVIRONMENT,
  };
}

/** Options from the environment would come before ours, and some cannot be taken back. */
export const PLAIN_ENVIRONMENT = {
  XZ_DEFAULTS: undefined,
  XZ_OPT: undefined,
  [OUTPUT_PART]: undefined,
} as const;
