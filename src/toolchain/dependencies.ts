import { existsSync } from 'node:fs';
import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import type { ToolName } from './recipes.ts';

/** Something a build needs, and the packages that bring it, parted by spaces. */
export interface Dependency {
  /** A program on PATH, or the absolute path of a header. */
  readonly thing: string;
  readonly apt: string;
  readonly dnf: string;
}

const need = (thing: string, apt: string, dnf = apt): Dependency => ({ thing, apt, dnf });

const TO_BUILD = [
  // Without the recommended packages, apt brings a git that trusts no HTTPS server.
  need('git', 'git ca-certificates', 'git'),
  need('cmake', 'cmake'),
  need('make', 'make'),
  need('cc', 'gcc'),
  // The compiler alone comes without the C library's headers on Debian.
  need('/usr/include/stdlib.h', 'libc6-dev', 'glibc-devel'),
];

/** What building a tool needs. */
export const BUILD_DEPENDENCIES: Readonly<Record<ToolName, readonly Dependency[]>> = {
  pahole: [
    ...TO_BUILD,
    need('/usr/include/elfutils/libdw.h', 'libdw-dev', 'elfutils-devel'),
    need('/usr/include/zlib.h', 'zlib1g-dev', 'zlib-devel'),
  ],
  xz: TO_BUILD,
};

/** The distribution's own package of a tool. */
export const DISTRIBUTION_PACKAGES: Readonly<Record<ToolName, Dependency>> = {
  pahole: need('pahole', 'pahole', 'dwarves'),
  xz: need('xz', 'xz-utils', 'xz'),
};

/** What some payloads are packed with; openEuler's are xz. */
export const ZSTD: Dependency = need('zstd', 'zstd');

type InstallPlatform = Pick<Platform, 'programs' | 'interrupted'>;

/**
 * Sees that all that is needed is there: installs what is missing by apt or dnf when that is
 * allowed. Throws `missing-program` with the command that a person would type when it is not, when
 * there is neither apt nor dnf, and when the installation fails.
 */
export async function installDependencies(
  platform: InstallPlatform,
  needs: readonly Dependency[],
  options: { readonly allowed: boolean; readonly note: (message: string) => void },
): Promise<void> {
  const missing = needs.filter(
    ({ thing }) => !(thing.startsWith('/') ? existsSync(thing) : platform.programs.find(thing)),
  );
  if (missing.length === 0) return;
  const things = missing.map(({ thing }) => thing).join(', ');
  const manager = managerOf(platform);
  if (!manager) {
    throw new Failure(
      'missing-program',
      `This machine lacks ${things}, and has neither apt-get nor dnf to install them with.`,
      'Install them by hand.',
    );
  }
  const packages = [...new Set(missing.flatMap((one) => one[manager.kind].split(' ')))];
  const command = `${manager.program} install -y ${packages.join(' ')}`;
  if (!options.allowed) {
    throw new Failure(
      'missing-program',
      `This machine lacks ${things}.`,
      `Allow it with --install-dependencies, or run: sudo ${command}`,
    );
  }
  options.note(`Installing ${packages.join(', ')} by ${manager.program}.`);
  const root = await sudoPrefix(platform);
  for (const args of manager.steps(packages)) {
    const [program = '', ...rest] = [...root, 'env', 'DEBIAN_FRONTEND=noninteractive', ...args];
    const answer = await platform.programs.run({
      program,
      args: rest,
      signal: platform.interrupted,
      group: true,
    });
    // Lists that cannot be refreshed may still be good enough to install from.
    if (answer.status !== 0 && args !== manager.update) {
      throw new Failure(
        'missing-program',
        `'${command}' failed: ${answer.stderr.trim().split('\n').at(-1) || answer.status}.`,
        'Install the packages by hand, as root.',
      );
    }
  }
}

interface Manager {
  readonly kind: 'apt' | 'dnf';
  readonly program: string;
  readonly update?: readonly string[];
  steps(packages: readonly string[]): readonly (readonly string[])[];
}

const WAIT_FOR_LOCK = ['-o', 'DPkg::Lock::Timeout=300'];
const APT_UPDATE = ['apt-get', '-qq', ...WAIT_FOR_LOCK, 'update'];
const MANAGERS: readonly Manager[] = [
  {
    kind: 'apt',
    program: 'apt-get',
    update: APT_UPDATE,
    steps: (packages) => [
      APT_UPDATE,
      ['apt-get', '-qq', ...WAIT_FOR_LOCK, '-y', '--no-install-recommends', 'install', ...packages],
    ],
  },
  {
    kind: 'dnf',
    program: 'dnf',
    steps: (packages) => [['dnf', '-q', '-y', 'install', ...packages]],
  },
];

function managerOf(platform: InstallPlatform): Manager | undefined {
  return MANAGERS.find(({ program }) => platform.programs.find(program) !== undefined);
}

/** What stands before a command that only root may run; sudo never asks for a password here. */
async function sudoPrefix(platform: InstallPlatform): Promise<readonly string[]> {
  const { stdout } = await platform.programs.run({ program: 'id', args: ['-u'] });
  if (stdout.toString('utf8').trim() === '0') return [];
  return platform.programs.find('sudo') ? ['sudo', '-n'] : [];
}
