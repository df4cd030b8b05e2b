import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { isSystemError } from '../../failure.ts';
import type { Uname } from '../../names.ts';
import { resolveInImage } from '../fetch/image.ts';

/** A program or library that finds the file by itself. */
export type Loader = 'gala-gopher' | 'libbpf';

/** Where the BTF of a kernel is installed. */
export interface InstallPlace {
  /** As the machine sees it: absolute, without the folder that stands for its root. */
  readonly path: string;
  /** Undefined at a path that no loader knows. */
  readonly loader: Loader | undefined;
  /** Raw BTF, or an ELF file with it. */
  readonly form: 'raw' | 'elf';
}

const GOPHER = '/opt/gala-gopher';

/**
 * gala-gopher's folder if gala-gopher is installed; else a path that libbpf tries when the kernel has
 * no BTF (btf__load_vmlinux_btf in libbpf's src/btf.c). Not the first of these
 * paths, in /boot: on Arm a file called vmlinux there becomes an entry of GRUB's menu (grub.d/10_linux).
 *
 * @param root the folder that stands for `/`
 * @param to a file, or a folder that exists or ends in `/`
 */
export async function choosePlace(root: string, uname: Uname, to?: string): Promise<InstallPlace> {
  if (to !== undefined) {
    const isFolder =
      to.endsWith('/') || (await folderAt(await resolveInImage(root, resolve('/', to))));
    const path = isFolder ? resolve('/', to, `${uname}.btf`) : resolve('/', to);
    const known = libbpfPaths(uname).includes(path);
    // By name only: loaders open a file called vmlinux as ELF.
    const form = basename(path).startsWith('vmlinux') ? 'elf' : 'raw';
    return { path, form, loader: known ? 'libbpf' : undefined };
  }
  if (existsSync(await resolveInImage(root, GOPHER))) {
    return { path: `${GOPHER}/btf/${uname}.btf`, loader: 'gala-gopher', form: 'raw' };
  }
  return { path: `/lib/modules/${uname}/vmlinux-${uname}`, loader: 'libbpf', form: 'elf' };
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
