import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
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
import { resolveInImage } from './image.ts';
import { osOfUname } from './uname.ts';

/** ID and VERSION_ID of an os-release(5): the folder of its kernels in an archive. */
export interface OsRelease {
  readonly distribution: DistributionId;
  readonly versionId: VersionId;
}

/** What is needed of a machine to find its kernel's BTF: this machine, or an image in a folder. */
export interface Machine {
  /** Where the kernel can be in an archive, the most likely first; empty when nothing tells. */
  readonly places: readonly OsRelease[];
  readonly kernel: Pick<KernelName, 'uname' | 'arch'>;
  /** Whether it is the running kernel and has its own BTF, which loaders use first. */
  readonly hasBtf: boolean;
}

/** What the user says about a machine; it has priority over what is found. */
export interface MachineRequest {
  readonly root: string;
  readonly uname?: Uname | undefined;
  readonly arch?: Arch | undefined;
  readonly distribution?: DistributionId | undefined;
  readonly versionId?: VersionId | undefined;
}

export const OWN_BTF = '/sys/kernel/btf/vmlinux';

/**
 * Reads the machine with this root folder. The kernel is the requested one; else on `/` the running one
 * (uname(1)), and in an image or a chroot the only one below /lib/modules. The distribution and VERSION_ID are
 * the requested ones; else those that the kernel's name tells, then those of the machine's os-release.
 *
 * @throws Failure `usage` when an image has several kernels or none, or nothing tells the architecture
 */
export async function readMachine(
  platform: Pick<Platform, 'programs'>,
  request: MachineRequest,
): Promise<Machine> {
  const { root, uname: wanted } = request;
  const running = root === '/' ? await runningKernel(platform) : undefined;
  const uname = wanted ?? running?.uname ?? (await onlyKernel(root));
  const isRunning = uname === running?.uname;
  const arch = request.arch ?? (isRunning ? running?.arch : archOf(uname)) ?? running?.arch;
  if (arch === undefined) {
    throw new Failure(
      'usage',
      `The name ${uname} does not tell the architecture of the kernel.`,
      "Give it with --arch, for example 'x86_64' or 'aarch64'.",
    );
  }
  return {
    places: placesOf(request, uname, await readOsRelease(root)),
    kernel: { uname, arch },
    hasBtf: isRunning && existsSync(OWN_BTF),
  };
}

function placesOf(
  request: MachineRequest,
  uname: Uname,
  release: ReadonlyMap<string, string>,
): readonly OsRelease[] {
  const own = {
    distribution: validOrUndefined(asDistributionId, release.get('ID')),
    versionId: validOrUndefined(asVersionId, release.get('VERSION_ID')),
  };
  const places = [...osOfUname(uname), own].flatMap((one): OsRelease[] => {
    const distribution = request.distribution ?? one.distribution;
    const versionId = request.versionId ?? one.versionId;
    return distribution && versionId ? [{ distribution, versionId }] : [];
  });
  const keyOf = ({ distribution, versionId }: OsRelease) => `${distribution}/${versionId}`;
  return [...new Map(places.map((one) => [keyOf(one), one])).values()];
}

/** `uname -r -m`: the release, a space, the machine. */
export async function runningKernel({
  programs,
}: Pick<Platform, 'programs'>): Promise<Machine['kernel']> {
  const { stdout } = await programs.run({ program: 'uname', args: ['-r', '-m'] });
  const [release = '', machine = ''] = stdout.toString('utf8').trim().split(' ');
  return { uname: asUname(release), arch: asArch(machine) };
}

async function onlyKernel(root: string): Promise<Uname> {
  const folder = await resolveInImage(root, '/lib/modules');
  const names = await readdir(folder).catch((error) => {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return [];
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
  return asUname(only);
}

/** The `uname -r` of an RPM kernel ends with the architecture; a self-built kernel's (`5.10.0+`) need not. */
function archOf(uname: Uname): Arch | undefined {
  const last = uname.slice(uname.lastIndexOf('.') + 1);
  // A flavour follows the architecture: 5.10.0-1.oe2203.aarch64+64kb. Architectures have a digit, `oe2203` is none.
  const arch = /^(?!oe\d)[a-z][a-z_]*\d[0-9a-z_]*/.exec(last)?.[0];
  return arch === undefined ? undefined : asArch(arch);
}

function validOrUndefined<Name>(
  check: (text: string) => Name,
  text: string | undefined,
): Name | undefined {
  try {
    return text === undefined ? undefined : check(text);
  } catch {
    return undefined;
  }
}

/** The variables of os-release(5); empty without such a file. */
export async function readOsRelease(root: string): Promise<ReadonlyMap<string, string>> {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return parseOsRelease(await readFile(await resolveInImage(root, path), 'utf8'));
    } catch (error) {
      if (!isSystemError(error, 'ENOENT') && !isSystemError(error, 'ENOTDIR')) throw error;
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
