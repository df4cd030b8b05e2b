import type { Expectation } from '../btf/check.ts';
import type { Selection } from '../jobs/fetch/select.ts';
import { archOption } from './arch-option.ts';
import { flag, list, number, text, type Values } from './command.ts';

/** openEuler's archive; BTFHUB_ARCHIVE changes the default. */
const OPENEULER = 'https://atomgit.com/openeuler/btfhub-archive.git';

/** The archive to read from. */
export const archiveOption = text(
  '<URL|folder>',
  'archive to read from: a git URL, the HTTP root of its files, or a folder',
  { default: OPENEULER },
);

/** Whether to read the branch of files that hold modules too. */
export const modulesOption = flag(
  "read the files that hold the kernel's modules too, on the branch 'modules' of the archive",
  { variable: 'BTFHUB_WITH_MODULES' },
);

export const minimumTypesOption = number(
  '<number>',
  'minimum number of types in the BTF of a kernel; 0 accepts any BTF',
  { default: 10_000, least: 0, most: 10_000_000 },
);

export function expectationOf(minimumTypes: number | undefined): Expectation {
  return minimumTypes === 0
    ? { kind: 'any' }
    : { kind: 'kernel', minimumTypes: minimumTypes ?? 10_000 };
}

/** Selects kernels of an archive: the options of `check`, `list` and `tailor`. */
export const archiveSelection = {
  kernel: list('<uname>', "'uname -r' of a kernel; a glob, or 'all'", { default: ['all'] }),
  arch: archOption,
  release: list(
    '<release>',
    "VERSION_ID ('22.03'), or release ('22.03-LTS-SP1') if the archive has a catalog; a glob, or 'all'",
    { default: ['all'] },
  ),
} as const;

export function toSelection(options: Values<typeof archiveSelection>): Selection {
  return { kernels: options.kernel, arches: options.arch, releases: options.release };
}
