import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkBtf } from '../btf/check.ts';
import { InstallDocument } from '../documents/use.ts';
import { Failure } from '../failure.ts';
import type { Machine } from '../jobs/fetch/machine.ts';
import { checkKernel, readBtfFile } from '../jobs/install/btf-file.ts';
import {
  type Installed,
  installBtf,
  type Removed,
  removeInstalled,
} from '../jobs/install/install.ts';
import { type InstallState, MACHINE_STATE } from '../jobs/install/install-records.ts';
import type { Loader } from '../jobs/install/place.ts';
import { asUname } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import { openProgress } from '../report/open.ts';
import type { Progress } from '../report/progress.ts';
import { expectationOf } from './archive-options.ts';
import { requiredAttestation } from './attestation-options.ts';
import { defineCommand, flag, type Outcome, text, type Values } from './command.ts';
import {
  attestedBy,
  fetchFor,
  fetchingOptions,
  notAttested,
  noteOwnBtf,
  toMachine,
} from './fetching.ts';

const options = {
  ...fetchingOptions,
  btf: text(
    '<file>',
    'install the BTF of this file (raw, ELF, tarball or boot image) instead of fetching it',
  ),
  allowOtherKernel: flag('with --btf, install the BTF of another kernel too'),
  to: text('<file|folder>', 'path to install to; by default where loaders look'),
  remove: flag('remove what was installed, for --uname or for all kernels'),
} as const;

export const install = defineCommand({
  name: 'install',
  summary: "install a kernel's BTF where eBPF loaders look for it",
  description:
    "Fetches the BTF as 'fetch' does and writes it to gala-gopher's folder if gala-gopher is installed, else to a path where libbpf looks, as an ELF file that old versions of libbpf read too. " +
    'The file is written atomically, and files that btfhub did not install are never changed. --remove removes only what install installed.',
  options,
  examples: [
    'btfhub install',
    'btfhub install --from-kernel-package',
    'btfhub install --to /usr/share/btf/',
    'btfhub install --root /mnt/image --archive /media/btfhub-archive',
    'btfhub install --btf 5.10.0-136.12.0.86.oe2203sp1.x86_64.btf',
    'btfhub install --remove',
  ],
  document: InstallDocument,
  run: async (platform, given): Promise<Outcome<typeof InstallDocument>> => {
    const state = installStateOf(platform, given.root);
    if (given.remove) return remove(state, given.uname);
    const machine = await toMachine(platform, given);
    const progress = openProgress(platform);
    noteOwnBtf(progress, machine);
    if (given.btf !== undefined && (await requiredAttestation(given)) !== undefined) {
      throw notAttested('--btf');
    }
    const { btf, attested } =
      given.btf === undefined
        ? await fetchFor(platform, progress, given, machine)
        : { btf: await readGiven(platform, progress, given.btf, given, machine) };
    const { loader, file, ...rest } = await installBtf(state, machine.kernel, btf, given.to);
    return {
      status: 0,
      document: { ...rest, audience: audienceOf(loader), attested, ownBtf: machine.hasBtf },
      text: `${describe({ ...rest, loader, file })}${attestedBy(attested)}`,
      outputs: { path: rest.path },
    };
  },
});

/** The loader that finds the file by itself. `nobody` means: no known loader finds the file by itself. */
function audienceOf(loader: Loader | undefined): Loader | 'nobody' {
  return loader ?? 'nobody';
}

/** root writes the state of the machine; other users have a state folder (XDG Base Directory Specification). */
function installStateOf({ env }: Platform, given: string): InstallState {
  const root = resolve(given);
  if (root !== '/' || process.getuid?.() === 0) return { root, folder: MACHINE_STATE };
  const base = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state');
  return { root, folder: join(base, 'btfhub', 'installed') };
}

/** The BTF of `--btf`, which must be that of the machine's kernel. */
async function readGiven(
  platform: Platform,
  progress: Progress,
  path: string,
  given: Values<typeof options>,
  { kernel }: Machine,
): Promise<Buffer> {
  const file = await readBtfFile(platform, path, given.minimumTypes ?? 0);
  checkBtf(file.btf, expectationOf(given.minimumTypes));
  if (given.allowOtherKernel) return file.btf;
  if (!checkKernel(path, file, kernel.uname)) {
    progress.warn(
      `Nothing tells which kernel ${path} belongs to, and it is installed for ${kernel.uname}. ` +
        "Keep the name that 'btfhub fetch' gives, <uname>.btf, and it is checked.",
    );
  }
  return file.btf;
}

async function remove(
  state: InstallState,
  uname: string | undefined,
): Promise<Outcome<typeof InstallDocument>> {
  const wanted = uname === undefined ? undefined : asUname(uname);
  const removed = await removeInstalled(state, wanted);
  const changed = removed.filter(({ what }) => what === 'changed');
  if (changed.length === removed.length) {
    const paths = changed.map(({ path }) => path).join(', ');
    throw new Failure(
      'usage',
      `${paths} was changed after the installation, so it is not removed.`,
      'Remove it by hand.',
    );
  }
  const lines = removed.map(({ path, what }) => `${path}: ${REMOVED[what]}.\n`);
  return { status: changed.length > 0 ? 1 : 0, document: { removed }, text: lines.join('') };
}

const REMOVED: Readonly<Record<Removed['what'], string>> = {
  removed: 'removed',
  gone: 'did not exist any more',
  changed: 'not removed, because it was changed after the installation',
};

const INSTALLED: Readonly<Record<Installed['what'], string>> = {
  installed: 'is installed',
  replaced: 'is installed and replaces an older one',
  present: 'was installed already',
};

function describe({ uname, path, file, loader, what }: Installed): string {
  const advice = [
    loader === 'gala-gopher' ? ['gala-gopher', 'finds it automatically'] : undefined,
    loader === 'libbpf'
      ? ['libbpf, bpftool, bcc', 'find it automatically']
      : ['libbpf', `btf_custom_path = "${path}"`],
    ['tracee', `TRACEE_BTF_FILE=${path}`],
  ];
  const lines = advice.flatMap((line) => (line ? [`  ${line[0]?.padEnd(22)}${line[1]}\n`] : []));
  return `The BTF of ${uname} ${INSTALLED[what]}: ${file}\n${lines.join('')}`;
}
