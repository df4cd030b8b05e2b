import { resolve } from 'node:path';
import { type Fetched, fetchBtf } from '../jobs/fetch/fetch.ts';
import { type Machine, readMachine } from '../jobs/fetch/machine.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { asDistributionId, asUname, asVersionId } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { archiveOption, expectationOf, minimumTypesOption } from './archive-options.ts';
import { text, type Values } from './command.ts';

/** Which kernel of which machine, and where its BTF is: the options of `fetch` and `install`. */
export const fetchingOptions = {
  uname: text('<uname>', "kernel, as 'uname -r' says it; by default the one that runs"),
  archive: archiveOption,
  distribution: text('<ID>', 'ID of the os-release of the kernel; by default this machine’s'),
  versionId: text(
    '<VERSION_ID>',
    'VERSION_ID of the os-release of the kernel; by default this machine’s',
  ),
  root: text('<folder>', 'folder of an image or a chroot that stands for this machine', {
    default: '/',
  }),
  minimumTypes: minimumTypesOption,
} as const;

type Options = Values<typeof fetchingOptions>;

/** The machine that the options mean. */
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

/** The BTF of a machine's kernel out of the archive that the options name. */
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

/** What is to be known of a kernel that has BTF anyway. */
export function ownBtfNote({ hasBtf }: Machine): string {
  return hasBtf
    ? 'This kernel has BTF of its own in /sys/kernel/btf/vmlinux, which loaders take first.\n'
    : '';
}
