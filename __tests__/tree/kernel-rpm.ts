import { copyFileSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compile } from '../btf/made.ts';
import { run } from '../rpm/programs.ts';

/** A package with one vmlinux in it, as a distribution names both. */
export interface KernelRpm {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  /** Default: `x86_64`. */
  readonly arch?: string;
  /** Path of vmlinux in the package, from `/` on. */
  readonly vmlinux: string;
  /** Its bytes. Default: those of a small object with DWARF. */
  readonly content?: Buffer;
}

const SOURCE = `
struct task_struct { long state; struct task_struct *real_parent; int pid, tgid; char comm[16]; };
int pid_of(struct task_struct *task) { return task->pid; }
`;

function packInPlace(path: string): void {
  renameSync(path, path.slice(0, -3));
  run('xz', [path.slice(0, -3)]);
}

/** Builds a package by the real rpmbuild, with a small object with DWARF as vmlinux; gives the path of the .rpm. */
export function buildKernelRpm(folder: string, rpm: KernelRpm): string {
  const { name, version, release, arch = 'x86_64', vmlinux, content } = rpm;
  const work = join(folder, `${name}-${version}-${release}`);
  const tree = join(work, 'tree');
  mkdirSync(dirname(join(tree, vmlinux)), { recursive: true });
  if (content === undefined) copyFileSync(compile(work, SOURCE), join(tree, vmlinux));
  else writeFileSync(join(tree, vmlinux), content);
  if (vmlinux.endsWith('.xz')) packInPlace(join(tree, vmlinux));
  const spec = join(work, 'kernel.spec');
  writeFileSync(
    spec,
    `%define debug_package %{nil}
%define __os_install_post %{nil}
%define _build_id_links none
Name: ${name}
Version: ${version}
Release: ${release}
Summary: A kernel for tests
License: GPL-2.0
%description
A kernel for tests.
%install
cp -a ${tree}/. %{buildroot}/
%files
${vmlinux}
`,
  );
  const output = join(work, 'rpms');
  run('rpmbuild', [
    ...['-bb', '--quiet', '--target', arch, '--define', `_topdir ${join(work, 'top')}`],
    ...['--define', `_rpmdir ${output}`, '--define', '_binary_payload w2.xzdio', spec],
  ]);
  const [file = ''] = readdirSync(join(output, arch));
  return join(output, arch, file);
}
