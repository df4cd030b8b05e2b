import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkBtf } from '../btf/check.ts';
import { loadBtf } from '../btf/load.ts';
import { Failure } from '../failure.ts';
import type { Machine } from '../jobs/fetch/machine.ts';
import {
  type Installed,
  installBtf,
  type Removed,
  removeInstalled,
} from '../jobs/install/install.ts';
import { type Ledger, MACHINE_STATE } from '../jobs/install/receipts.ts';
import { asUname } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import { openProgress } from '../report/open.ts';
import { expectationOf } from './archive-options.ts';
import { defineCommand, flag, type Outcome, text, type Values } from './command.ts';
import { fetchFor, fetchingOptions, ownBtfNote, toMachine } from './fetching.ts';

const options = {
  ...fetchingOptions,
  btf: text('<file>', 'BTF that was fetched before, in the place of what the archive has'),
  to: text('<file|folder>', 'where to put it; by default where loaders look'),
  remove: flag('take away what was installed, for --uname or for all kernels'),
} as const;

export const install = defineCommand({
  name: 'install',
  summary: "put a kernel's BTF where eBPF loaders look for it",
  description:
    "Fetches the BTF as 'fetch' does and puts it into gala-gopher's folder when gala-gopher is there, else where libbpf looks by itself, as an ELF file that old versions of libbpf read too. " +
    'The file appears whole or not at all, and nothing that somebody else put there is touched; --remove takes away what install put, and nothing else.',
  options,
  examples: [
    'btfhub install',
    'btfhub install --to /usr/share/btf/',
    'btfhub install --root /mnt/image --archive /media/btfhub-archive',
    'btfhub install --remove',
  ],
  run: async (platform, given): Promise<Outcome> => {
    const ledger = ledgerOf(platform, given.root);
    if (given.remove) return remove(ledger, given.uname);
    const machine = await toMachine(platform, given);
    const btf = await btfFor(platform, given, machine);
    const installed = await installBtf(ledger, machine.kernel, btf, given.to);
    return {
      status: 0,
      document: { ...installed, ownBtf: machine.hasBtf },
      text: describe(installed) + ownBtfNote(machine),
      outputs: { path: installed.path },
    };
  },
});

/** A machine's state is root's to write; everybody else has a folder for it (XDG Base Directory Specification). */
function ledgerOf({ env }: Platform, given: string): Ledger {
  const root = resolve(given);
  if (root !== '/' || process.getuid?.() === 0) return { root, state: MACHINE_STATE };
  const base = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state');
  return { root, state: join(base, 'btfhub', 'installed') };
}

async function btfFor(
  platform: Platform,
  given: Values<typeof options>,
  machine: Machine,
): Promise<Buffer> {
  if (given.btf === undefined) {
    return (await fetchFor(platform, openProgress(platform), given, machine)).btf;
  }
  const btf = await loadBtf(given.btf);
  checkBtf(btf, expectationOf(given.minimumTypes));
  return btf;
}

async function remove(ledger: Ledger, uname: string | undefined): Promise<Outcome> {
  const wanted = uname === undefined ? undefined : asUname(uname);
  const removed = await removeInstalled(ledger, wanted);
  const changed = removed.filter(({ what }) => what === 'changed');
  if (changed.length === removed.length) {
    const paths = changed.map(({ path }) => path).join(', ');
    throw new Failure(
      'usage',
      `Somebody changed ${paths} since it was installed, so it stays.`,
      'Take it away by hand.',
    );
  }
  const lines = removed.map(({ path, what }) => `${path}: ${REMOVED[what]}.\n`);
  return { status: changed.length > 0 ? 1 : 0, document: { removed }, text: lines.join('') };
}

const REMOVED: Readonly<Record<Removed['what'], string>> = {
  removed: 'removed',
  gone: 'was gone already',
  changed: 'stays, because somebody changed it since',
};

const INSTALLED: Readonly<Record<Installed['what'], string>> = {
  installed: 'is installed',
  replaced: 'is installed, in the place of an older one',
  present: 'was there already',
};

function describe({ uname, path, audience, what }: Installed): string {
  const advice = [
    audience === 'gala-gopher' ? ['gala-gopher', 'finds it by itself'] : undefined,
    audience === 'libbpf'
      ? ['libbpf, bpftool, bcc', 'find it by themselves']
      : ['libbpf', `btf_custom_path = "${path}"`],
    ['tracee', `TRACEE_BTF_FILE=${path}`],
  ];
  const lines = advice.flatMap((line) => (line ? [`  ${line[0]?.padEnd(22)}${line[1]}\n`] : []));
  return `The BTF of ${uname} ${INSTALLED[what]}: ${path}\n${lines.join('')}`;
}
