import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './programs.ts';

const SPEC = `
%define debug_package %{nil}
%define __os_install_post %{nil}
%define _build_id_links none
%define _build_name_fmt %{NAME}.rpm
Version: 1.2
Release: 3
Summary: A package for tests
License: Apache-2.0
%description
A package for tests.
%install
cp -a %{tree}/. %{buildroot}/
`;

/**
 * Packages the folder `tree`, as it is, by the real rpmbuild; the result is `<folder>/<name>.rpm`.
 * @param payload what `_binary_payload` is, e.g. `w2.xzdio`
 * @param files lines for the spec's file list
 */
export function rpmbuild(
  folder: string,
  name: string,
  tree: string,
  payload: string,
  files: readonly string[] = ['/*'],
): string {
  mkdirSync(folder, { recursive: true });
  const spec = join(folder, `${name}.spec`);
  writeFileSync(spec, `%define tree ${tree}\nName: ${name}\n${SPEC}%files\n${files.join('\n')}\n`);
  run('rpmbuild', [
    '-bb',
    '--quiet',
    ...['--target', 'x86_64'],
    ...['--define', `_topdir ${join(folder, `${name}.top`)}`],
    ...['--define', `_rpmdir ${folder}`],
    ...['--define', `_binary_payload ${payload}`],
    spec,
  ]);
  return join(folder, `${name}.rpm`);
}
