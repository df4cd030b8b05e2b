import type { Expectation } from '../btf/check.ts';
import type { Selection } from '../jobs/fetch/select.ts';
import { list, number, text, type Values } from './command.ts';

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
    ? { kind: 'any' }
    : { kind: 'kernel', minimumTypes: minimumTypes ?? 10_000 };
}

/** Which of an archive's kernels: the options of `check` and `tailor`. */
export const archiveSelection = {
  kernel: list('<uname>', "kernel by its 'uname -r'; a glob, or 'all'", { default: ['all'] }),
  arch: list('<arch>', "architecture, 'x86_64' or 'aarch64' for example; a glob, or 'all'", {
    default: ['all'],
  }),
  release: list(
    '<release>',
    "VERSION_ID, '22.03', or release, '22.03-LTS-SP1' where the archive has a catalog; a glob, or 'all'",
    { default: ['all'] },
  ),
} as const;

export function toSelection(options: Values<typeof archiveSelection>): Selection {
  return { kernels: options.kernel, arches: options.arch, releases: options.release };
}
