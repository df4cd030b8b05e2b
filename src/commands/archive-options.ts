import type { Expectation } from '../btf/check.ts';
import { number, text } from './command.ts';

/** Where openEuler keeps its archive; BTFHUB_ARCHIVE names another one for good. */
const OPENEULER = 'https://atomgit.com/openeuler/btfhub-archive.git';

/** The archive that is read from. */
export const archiveOption = text(
  '<URL|folder>',
  'archive to read from: a git URL, the HTTP root of its files, or a folder',
  { default: OPENEULER },
);

export const minimumTypesOption = number(
  '<number>',
  'how many types the BTF of a whole kernel has at least; 0 takes any BTF',
  { default: 10_000, least: 0, most: 10_000_000 },
);

export function expectationOf(minimumTypes: number | undefined): Expectation {
  return minimumTypes === 0
    ? { of: 'anything' }
    : { of: 'kernel', minimumTypes: minimumTypes ?? 10_000 };
}
