import { resolve } from 'node:path';
import { type Fetched, fetchBtf } from '../jobs/fetch/fetch.ts';
import { type Machine, readMachine } from '../jobs/fetch/machine.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { asDistributionId, asUname, asVersionId } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { archiveOption, expectationOf, minimumTypesOption } from './archive-options.ts';
import { text, type Values } from './command.ts';

/** The kernel, the machine and the archive: the options of `fetch` and `install`. */
export const fetchingOptions = {
  uname: text('<uname>', "'uname -r' of the kernel; by default the running kernel"),
  archive: archiveOption,
  distribution: text(
    '<ID>',
    "ID in the os-release of the kernel's distribution; by default this machine's",
  ),
  versionId: text(
    '<VERSION_ID>',
    "VERSION_ID in the os-release of the kernel's distribution; by default this machine's",
  ),
  root: text('<folder>', 'root folder of an image or a chroot to use instead of this machine', {
    default: '/',
  }),
  minimumTypes: minimumTypesOption,
} as const;

type Options = Values<typeof fetchingOptions>;

/** The machine and kernel that the options select. */
export async function toMachine(platform: Platform, options: Options): Promise<Machine> {
  const { uname, distribution, versionId } = options;
  const wanted = uname === undefined ? undefined : asUname(uname);
  const machine = await readMachine(platform, resolve(options.root), wanted);
  return {
    ...machine,
    distribution:
      distribution === undefined ? machine.distribution : asDistributionId(distribution),
    versionId: versionId === undefined ? machine.versionId : asVersionId(versionId),
  };
}

/** Downloads the BTF of a machine's kernel from the archive of the options. */
export async function fetchFor(
  platform: Platform,
  progress: Progress,
  options: Options,
  machine: Machine,
): Promise<Fetched> {
  const reader = await openReader(platform, options.archive);
  try {
    const expectation = expectationOf(options.minimumTypes);
    return await fetchBtf(platform, progress, reader, { machine, expectation });
  } finally {
    await reader.close();
  }
}

/** A note for a kernel that has its own BTF. */
export function ownBtfNote({ hasBtf }: Machine): string {
  return hasBtf
    ? 'This kernel has its own BTF in /sys/kernel/btf/vmlinux, which loaders use first.\n'
    : '';
}
