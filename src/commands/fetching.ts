import { resolve } from 'node:path';
import { type Fetched, fetchBtf } from '../jobs/fetch/fetch.ts';
import { type Machine, OWN_BTF, readMachine } from '../jobs/fetch/machine.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { asArch, asDistributionId, asUname, asVersionId } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import {
  archiveOption,
  expectationOf,
  minimumTypesOption,
  modulesOption,
} from './archive-options.ts';
import { text, type Values } from './command.ts';

/** The kernel, the machine and the archive: the options of `fetch` and `install`. */
export const fetchingOptions = {
  uname: text('<uname>', "'uname -r' of the kernel; by default the running kernel"),
  arch: text('<arch>', "architecture of the kernel; by default from its name, else this machine's"),
  archive: archiveOption,
  modules: modulesOption,
  distribution: text(
    '<ID>',
    "ID in the os-release of the kernel's distribution; by default from the name of the kernel, else this machine's",
  ),
  versionId: text(
    '<VERSION_ID>',
    "VERSION_ID in the os-release of the kernel's distribution; by default from the name of the kernel, else this machine's",
  ),
  root: text('<folder>', 'root folder of an image or a chroot to use instead of this machine', {
    default: '/',
  }),
  minimumTypes: minimumTypesOption,
} as const;

type Options = Values<typeof fetchingOptions>;

/** The machine and kernel that the options select. */
export async function toMachine(platform: Platform, options: Options): Promise<Machine> {
  const { uname, arch, distribution, versionId } = options;
  return readMachine(platform, {
    root: resolve(options.root),
    uname: uname === undefined ? undefined : asUname(uname),
    arch: arch === undefined ? undefined : asArch(arch),
    distribution: distribution === undefined ? undefined : asDistributionId(distribution),
    versionId: versionId === undefined ? undefined : asVersionId(versionId),
  });
}

/** Downloads the BTF of a machine's kernel from the archive of the options. */
export async function fetchFor(
  platform: Platform,
  progress: Progress,
  options: Options,
  machine: Machine,
): Promise<Fetched> {
  const reader = await openReader(
    platform,
    options.archive,
    options.modules ? 'modules' : 'kernels',
  );
  try {
    const expectation = expectationOf(options.minimumTypes);
    return await fetchBtf(platform, progress, reader, { machine, expectation });
  } finally {
    await reader.close();
  }
}

/** Says that the kernel has its own BTF, before anything is downloaded. */
export function noteOwnBtf(progress: Progress, { hasBtf }: Machine): void {
  if (!hasBtf) return;
  progress.note(`The running kernel has its own BTF in ${OWN_BTF}, which loaders use first.`);
}
