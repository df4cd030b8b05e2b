import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelName } from '../../archive/layout.ts';
import { Failure, isSystemError } from '../../failure.ts';
import {
  type Arch,
  asArch,
  asDistributionId,
  asUname,
  asVersionId,
  type DistributionId,
  type Uname,
  type VersionId,
} from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';

/** A machine as far as its kernel's BTF is concerned: the one we run on, or one that lies in a folder. */
export interface Machine {
  /** ID and VERSION_ID of its os-release, where they can be a name in an archive. */
  readonly distribution: DistributionId | undefined;
  readonly versionId: VersionId | undefined;
  readonly kernel: Pick<KernelName, 'uname' | 'arch'>;
  /** Whether the kernel that runs has BTF of its own, which every loader takes first. */
  readonly hasBtf: boolean;
}

export const OWN_BTF = 'sys/kernel/btf/vmlinux';

/**
 * Looks at the machine whose root folder this is. The kernel is the one that was asked for; else on
 * `/` the one that runs (uname(1)), and in an image or a chroot the only one below /lib/modules.
 *
 * @throws Failure `usage` when an image has several kernels, or none
 */
export async function readMachine(
  platform: Pick<Platform, 'programs'>,
  root: string,
  wanted?: Uname,
): Promise<Machine> {
  const running = root === '/' ? await runningKernel(platform) : undefined;
  const kernel = wanted ? { uname: wanted, arch: archOf(wanted) } : undefined;
  const release = await readOsRelease(root);
  return {
    distribution: named(asDistributionId, release.get('ID')),
    versionId: named(asVersionId, release.get('VERSION_ID')),
    kernel: kernel ?? running ?? (await onlyKernel(root)),
    hasBtf:
      running !== undefined &&
      (wanted === undefined || wanted === running.uname) &&
      existsSync(join(root, OWN_BTF)),
  };
}

/** `uname -r -m`: the release, a space, the machine. */
export async function runningKernel({
  programs,
}: Pick<Platform, 'programs'>): Promise<Machine['kernel']> {
  const { stdout } = await programs.run({ program: 'uname', args: ['-r', '-m'] });
  const [release = '', machine = ''] = stdout.toString('utf8').trim().split(' ');
  return { uname: asUname(release), arch: asArch(machine) };
}

async function onlyKernel(root: string): Promise<Machine['kernel']> {
  const folder = join(root, 'lib', 'modules');
  const names = await readdir(folder).catch((error) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  const [only, ...others] = names.sort();
  if (only === undefined || others.length > 0) {
    const found = only === undefined ? 'none' : names.join(', ');
    throw new Failure(
      'usage',
      `Which kernel below ${root} is meant is not certain: ${folder} has ${found}.`,
      'Name it with --uname.',
    );
  }
  const uname = asUname(only);
  return { uname, arch: archOf(uname) };
}

/** RPM kernels end their `uname -r` in the architecture. */
function archOf(uname: Uname): Arch {
  const last = uname.slice(uname.lastIndexOf('.') + 1);
  // `64kb` and `rt` flavours follow the architecture: 5.10.0-1.oe2203.aarch64+debug.
  return asArch(/^[a-z][0-9a-z_]*/.exec(last)?.[0] ?? '');
}

function named<Name>(check: (text: string) => Name, text: string | undefined): Name | undefined {
  try {
    return text === undefined ? undefined : check(text);
  } catch {
    return undefined;
  }
}

/** The variables of os-release(5); none where there is no such file. */
export async function readOsRelease(root: string): Promise<ReadonlyMap<string, string>> {
  for (const path of ['etc/os-release', 'usr/lib/os-release']) {
    try {
      return parseOsRelease(await readFile(join(root, path), 'utf8'));
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  }
  return new Map();
}

/** `NAME=value` as a shell reads it, so with or without quotes (os-release(5)). */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const lines = text.matchAll(/^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/gm);
  return new Map(
    [...lines].map(([, name = '', value = '']) => {
      const quoted = /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
      return [name, quoted.replace(/\\(.)/g, '$1')];
    }),
  );
}
