import type { DefinitionVersion } from '../../explorer/queries.ts';
import { isInRuns } from '../../explorer/queries.ts';
import type { Kernel } from '../answers.ts';
import type { Tone } from './strip.tsx';

/** One of the colours in which neighbouring answers differ. */
export function toneOf(index: number): Tone {
  return `version-${index % 8}` as Tone;
}

/** The versions that a kernel has, by their places in the list: two for a name that stands for two structs. */
export function versionsIn(
  versions: readonly Pick<DefinitionVersion, 'runs'>[],
  { position }: Kernel,
): readonly number[] {
  if (position === undefined) return [];
  return versions.flatMap(({ runs }, index) => (isInRuns(runs, position) ? [index] : []));
}
