import { builtInSource } from './choose.ts';
import type { Source } from './source.ts';

/** openEuler's tree: `sources/openEuler.yaml`. */
export const OPENEULER: Source = builtInSource('openEuler');
