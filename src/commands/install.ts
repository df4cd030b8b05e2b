import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadAnyBtf } from '../boot-image/load.ts';
import { checkBtf } from '../btf/check.ts';
import { Failure } from '../failure.ts';
import type { Machine } from '../jobs/fetch/machine.ts';
import {
  type Installed,
  installBtf,
  type Removed,
  removeInstalled,
} from '../jobs/install/install.ts';
import { type InstallState, MACHINE_STATE } from '../jobs/install/install-records.ts';
import { asUname, printable } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import { openProgress } from '../report/open.ts';
import { expectationOf } from './archive-options.ts';
import { defineCommand, flag, type Outcome, text, type Values } from './command.ts';
import { fetchFor, fetchingOptions, ownBtfNote, toMachine } from './fetching.ts';

const options = {
  ...fetchingOptions,
  btf: text(
    '<file>',
    'install the BTF of this file (raw, ELF, tarball or boot image) instead of fetching it',
  ),
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
    'btfhub install --to /usr/share/btf/',
    'btfhub install --root /mnt/image --archive /media/btfhub-archive',
    'btfhub install --remove',
  ],
  run: async (platform, given): Promise<Outcome> => {
    const state = installStateOf(platform, given.root);
    if (given.remove) return remove(state, given.uname);
    const machine = await toMachine(platform, given);
    const btf = await btfFor(platform, given, machine);
    const installed = await installBtf(state, machine.kernel, btf, given.to);
    const { loader, ...rest } = installed;
    return {
      status: 0,
      document: { ...rest, audience: loader ?? 'nobody', ownBtf: machine.hasBtf },
      text: describe(installed) + ownBtfNote(machine),
      outputs: { path: installed.path },
    };
  },
});

/** root writes the state of the machine; other users have a state folder (XDG Base Directory Specification). */
function installStateOf({ env }: Platform, given: string): InstallState {
  const root = resolve(given);
  if (root !== '/' || process.getuid?.() === 0) return { root, folder: MACHINE_STATE };
  const base = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state');
  return { root, folder: join(base, 'btfhub', 'installed') };
}

async function btfFor(
  platform: Platform,
  given: Values<typeof options>,
  machine: Machine,
): Promise<Buffer> {
  if (given.btf === undefined) {
    return (await fetchFor(platform, openProgress(platform), given, machine)).btf;
  }
  const { btf, from, uname } = await loadAnyBtf(platform, given.btf, given.minimumTypes ?? 0);
  if (from === 'boot image' && uname !== machine.kernel.uname) {
    throw new Failure(
      'usage',
      `${given.btf} is the boot image of ${printable(uname ?? '')}, and this kernel is ${machine.kernel.uname}.`,
      'Give the boot image of this kernel.',
    );
  }
  checkBtf(btf, expectationOf(given.minimumTypes));
  return btf;
}

async function remove(state: InstallState, uname: string | undefined): Promise<Outcome> {
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

function describe({ uname, path, loader, what }: Installed): string {
  const advice = [
    loader === 'gala-gopher' ? ['gala-gopher', 'finds it automatically'] : undefined,
    loader === 'libbpf'
      ? ['libbpf, bpftool, bcc', 'find it automatically']
      : ['libbpf', `btf_custom_path = "${path}"`],
    ['tracee', `TRACEE_BTF_FILE=${path}`],
  ];
  const lines = advice.flatMap((line) => (line ? [`  ${line[0]?.padEnd(22)}${line[1]}\n`] : []));
  return `The BTF of ${uname} ${INSTALLED[what]}: ${path}\n${lines.join('')}`;
}
