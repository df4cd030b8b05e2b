import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FetchDocument } from '../documents/use.ts';
import { isSystemError } from '../failure.ts';
import { replaceFile } from '../platform/replace-file.ts';
import { openProgress } from '../report/open.ts';
import { bytes } from '../report/units.ts';
import { defineCommand, text } from './command.ts';
import { attestedBy, fetchFor, fetchingOptions, noteOwnBtf, toMachine } from './fetching.ts';

export const fetch = defineCommand({
  name: 'fetch',
  summary: 'download the BTF of one kernel from the archive',
  description:
    "Finds the kernel by os-release and 'uname -r', downloads its tarball, compares it with the archive's catalog, unpacks it and checks the BTF. " +
    'If the archive does not have the kernel, the message names the nearest kernels, and whether the running kernel has its own BTF. ' +
    "--from-kernel-package needs no archive: it reads the first part of the kernel's package on the distribution's mirrors.",
  options: {
    ...fetchingOptions,
    output: text('<file|folder>', 'file or folder to write to; by default <uname>.btf'),
  },
  examples: [
    'btfhub fetch',
    'btfhub fetch --from-kernel-package',
    'btfhub fetch --attestation openeuler/btfhub-action',
    'btfhub fetch --uname 5.10.0-136.12.0.86.oe2203sp1.x86_64 --output kernel.btf',
    'btfhub fetch --archive https://example.org/btfhub-archive --uname 6.6.0-28.0.0.34.oe2403.aarch64',
  ],
  document: FetchDocument,
  run: async (platform, options) => {
    const machine = await toMachine(platform, options);
    const progress = openProgress(platform);
    noteOwnBtf(progress, machine);
    const fetched = await fetchFor(platform, progress, options, machine);
    const { kernel, btf, summary, promised, attested } = fetched;
    const name = `${kernel.uname}.btf`;
    const output = await write(options.output ?? name, name, btf);
    const size = `${bytes(summary.size)}, ${summary.types} types`;
    return {
      status: 0,
      document: { ...kernel, output, promised, attested, ownBtf: machine.hasBtf, btf: summary },
      text: `${output}: the BTF of ${kernel.uname}, ${size}.\n${attestedBy(attested)}`,
      outputs: { output },
    };
  },
});

/** Writes to a file atomically, or into a folder under `name`; returns the path. */
async function write(given: string, name: string, btf: Uint8Array): Promise<string> {
  const there = await stat(given).catch((error) => {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  });
  const path = there?.isDirectory() ? join(given, name) : given;
  // A pipe or a device is written to, not replaced.
  if (there?.isDirectory() || there?.isFile() !== false)
    await replaceFile(path, btf, { mode: 0o644, sync: true });
  else await writeFile(path, btf);
  return path;
}
