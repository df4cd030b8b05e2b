import { existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { Failure, isSystemError } from '../../failure.ts';
import type { Uname } from '../../names.ts';

/** Who looks for the file where it is put. */
export type Audience = 'gala-gopher' | 'libbpf' | 'nobody';

/** Where the BTF of a kernel goes. */
export interface Place {
  /** As the machine sees it: absolute, without the folder that stands for its root. */
  readonly path: string;
  readonly audience: Audience;
  /** Raw BTF, or an ELF file with it. */
  readonly form: 'raw' | 'elf';
}

const GOPHER = '/opt/gala-gopher';

/**
 * gala-gopher's folder when it is on the machine; else a path that libbpf tries by itself when the
 * kernel has no BTF (btf__load_vmlinux_btf in libbpf's src/btf.c). It is not the first one, in /boot:
 * what is called vmlinux there becomes an entry of GRUB's menu on Arm (grub.d/10_linux).
 *
 * @param root the folder that stands for `/`
 * @param to a file, or a folder that is there or ends in `/`
 */
export async function choosePlace(root: string, uname: Uname, to?: string): Promise<Place> {
  if (to !== undefined) {
    const isFolder = to.endsWith('/') || (await folderAt(join(root, resolve('/', to))));
    const path = isFolder ? resolve('/', to, `${uname}.btf`) : resolve('/', to);
    const known = libbpfPaths(uname).includes(path);
    // By the name alone: a loader that finds a vmlinux opens it as ELF.
    const form = basename(path).startsWith('vmlinux') ? 'elf' : 'raw';
    return { path, form, audience: known ? 'libbpf' : 'nobody' };
  }
  if (existsSync(join(root, GOPHER))) {
    return { path: `${GOPHER}/btf/${uname}.btf`, audience: 'gala-gopher', form: 'raw' };
  }
  return { path: `/lib/modules/${uname}/vmlinux-${uname}`, audience: 'libbpf', form: 'elf' };
}

/** In libbpf's order, after /sys/kernel/btf/vmlinux. */
export function libbpfPaths(uname: Uname): readonly string[] {
  return [
    `/boot/vmlinux-${uname}`,
    `/lib/modules/${uname}/vmlinux-${uname}`,
    `/lib/modules/${uname}/build/vmlinux`,
    `/usr/lib/modules/${uname}/kernel/vmlinux`,
    `/usr/lib/debug/boot/vmlinux-${uname}`,
    `/usr/lib/debug/boot/vmlinux-${uname}.debug`,
    `/usr/lib/debug/lib/modules/${uname}/vmlinux`,
  ];
}

async function folderAt(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return false;
    throw error;
  }
}

/**
 * Where a machine's path is for us. Throws `usage` when a link in an image leads out of it, onto the
 * machine that we run on.
 */
export async function insideOf(root: string, path: string): Promise<string> {
  const full = join(root, path);
  let there = dirname(full);
  while (!existsSync(there)) there = dirname(there);
  const [top, real] = [await realpath(root), await realpath(there)];
  const way = relative(top, real);
  if (way === '..' || way.startsWith(`..${sep}`)) {
    throw new Failure(
      'usage',
      `${path} below ${root} is not in there: a link leads to ${real}.`,
      'Give another place with --to.',
    );
  }
  return full;
}
