import { build } from '../../src/commands/build.ts';
import type { Values } from '../../src/commands/command.ts';
import { readOptions } from '../../src/commands/values.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { runCommand } from '../schemas.ts';
import { fastPlatform } from '../tree/platform.ts';

/** `build` of all kernels of a distribution that a mirror has, by the machine's own tools. */
export async function buildDistribution(
  distribution: string,
  mirror: string,
  output: string,
  more: Readonly<Record<string, string[]>> = {},
) {
  const given = {
    distribution: [distribution],
    mirror: [mirror],
    output: [output],
    cache: ['none'],
    pahole: ['system'],
    xz: ['system'],
    minimumTypes: ['1'],
    signature: ['off'],
    ...more,
  };
  const options = readOptions(build.options, given, {}) as Values<typeof build.options>;
  return runCommand(build, fastPlatform({ clock: systemClock }), options);
}
