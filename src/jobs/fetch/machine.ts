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

/** What is needed of a machine to find its kernel's BTF: this machine, or an image in a folder. */
export interface Machine {
  /** ID and VERSION_ID of its os-release; undefined where they are not valid names in an archive. */
  readonly distribution: DistributionId | undefined;
  readonly versionId: VersionId | undefined;
  readonly kernel: Pick<KernelName, 'uname' | 'arch'>;
  /** Whether it is the running kernel and has its own BTF, which loaders use first. */
  readonly hasBtf: boolean;
}

export const OWN_BTF = 'sys/kernel/btf/vmlinux';

/**
 * Reads the machine with this root folder. The kernel is `wanted`; else on `/` the running one (uname(1)),
 * and in an image or a chroot the only one below /lib/modules.
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
      `${folder} must contain exactly one kernel, and it contains ${found}.`,
      'Name the kernel with --uname.',
    );
  }
  const uname = asUname(only);
  return { uname, arch: archOf(uname) };
}

/** The `uname -r` of an RPM kernel ends with the architecture. */
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

/** The variables of os-release(5); empty without such a file. */
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

/** Parses `NAME=value` lines as a shell does, with or without quotes (os-release(5)). */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const lines = text.matchAll(/^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/gm);
  return new Map(
    [...lines].map(([, name = '', value = '']) => {
      const quoted = /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
      return [name, quoted.replace(/\\(.)/g, '$1')];
    }),
  );
}
