import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { RealKernel } from './repository.ts';

const execute = promisify(execFile);

/** Runs a program that must end well, and gives what it printed. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(program, [...args], { maxBuffer: 256 * 1024 * 1024 });
  return stdout;
}

/** vmlinux of a kernel's package by rpm's own programs: `rpm2cpio | cpio --to-stdout`. */
export async function vmlinuxByHand(kernel: RealKernel, target: string): Promise<void> {
  const file = await open(target, 'wx');
  const archive = spawn('rpm2cpio', [kernel.rpm], { stdio: ['ignore', 'pipe', 'inherit'] });
  const member = `./usr/lib/debug/lib/modules/${kernel.uname}/vmlinux`;
  const cpio = spawn('cpio', ['--extract', '--to-stdout', '--quiet', member], {
    stdio: [archive.stdout, file.fd, 'inherit'],
  });
  const status = await new Promise((resolve) => cpio.once('close', resolve));
  await file.close();
  if (status !== 0) throw new Error(`cpio ended with ${status}`);
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** How many types of each kind bpftool sees in raw BTF or in the `.BTF` section of an ELF file. */
export async function kindsByBpftool(file: string): Promise<Record<string, number>> {
  const kinds: Record<string, number> = {};
  const dump = await run('bpftool', 'btf', 'dump', 'file', file);
  for (const [, kind = ''] of dump.matchAll(/^\[\d+\] (\w+)/gm))
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
}

/** `struct <name>` of bpftool's dump: its size in bytes and its number of members. */
export async function structByBpftool(
  file: string,
  name: string,
): Promise<{ readonly size: number; readonly members: number } | undefined> {
  const dump = await run('bpftool', 'btf', 'dump', 'file', file);
  const found = new RegExp(`^\\[\\d+\\] STRUCT '${name}' size=(\\d+) vlen=(\\d+)$`, 'm').exec(dump);
  return found ? { size: Number(found[1]), members: Number(found[2]) } : undefined;
}

/** A small CO-RE program that reads what tracers read, as a BPF object of clang's. */
export async function coreProgram(btf: string, folder: string): Promise<string> {
  const header = await run('bpftool', 'btf', 'dump', 'file', btf, 'format', 'c');
  await writeFile(join(folder, 'vmlinux.h'), header);
  const source = join(folder, 'program.bpf.c');
  await writeFile(source, PROGRAM);
  const object = join(folder, 'program.bpf.o');
  await run('clang', '-target', 'bpf', '-O2', '-g', '-Wall', '-Werror', '-c', source, '-o', object);
  return object;
}

/** What the program relocates: structs, and of each the members that it reads. */
export const RELOCATED: Readonly<Record<string, readonly string[]>> = {
  task_struct: ['tgid', 'real_parent', 'mm', 'nsproxy'],
  mm_struct: ['exe_file'],
  file: ['f_path', 'f_inode'],
  path: ['dentry'],
  dentry: ['d_parent'],
  inode: ['i_ino'],
  nsproxy: ['pid_ns_for_children'],
  pid_namespace: ['level'],
};

const PROGRAM = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";
unsigned long long sum;

SEC("raw_tracepoint/sched_process_exec")
int on_exec(void *context)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	sum += BPF_CORE_READ(task, real_parent, tgid);
	sum += BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	sum += (unsigned long)BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_parent);
	sum += BPF_CORE_READ(task, nsproxy, pid_ns_for_children, level);
	return 0;
}
`;
