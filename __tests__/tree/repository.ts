import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TinyRpm, tinyRpm } from './rpm-file.ts';

/** Writes packages into `<folder>/Packages` and lets the real createrepo_c describe them. */
export function makeRepository(
  folder: string,
  rpms: readonly TinyRpm[],
  options: readonly string[] = [],
): void {
  mkdirSync(join(folder, 'Packages'), { recursive: true });
  for (const rpm of rpms) {
    const file = `${rpm.name}-${rpm.version}-${rpm.release}.${rpm.arch}.rpm`;
    writeFileSync(join(folder, 'Packages', file), tinyRpm(rpm));
  }
  execFileSync('createrepo_c', ['--quiet', '--no-database', '--workers=1', ...options, folder], {
    stdio: 'pipe',
  });
}
