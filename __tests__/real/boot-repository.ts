import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './repository.ts';

const run = promisify(execFile);
/** A script that hangs must not hold up the machine: it downloads up to 1.3 GB and packs up to 1 GB. */
const LONGEST = 60 * 60_000;

/** What scripts/make-boot-repository.sh made, or had in its cache. */
export interface BootRepository {
  /** The folder to serve. */
  readonly mirror: string;
  /** The description of the source, a file. */
  readonly source: string;
  readonly uname: string;
  /** The boot image, a file. */
  readonly image: string;
  /** The section `.BTF` of the vmlinux that Debian publishes for the same kernel. */
  readonly own: Buffer;
}

/** @param options of the script */
export async function bootRepository(...options: readonly string[]): Promise<BootRepository> {
  const script = join(ROOT, 'scripts', 'make-boot-repository.sh');
  const { stdout } = await run('bash', [script, ...options], { timeout: LONGEST });
  const folder = stdout.trim();
  return {
    mirror: join(folder, 'mirror'),
    source: join(folder, 'source.yaml'),
    uname: (await readFile(join(folder, 'uname'), 'utf8')).trim(),
    image: join(folder, 'vmlinuz'),
    own: await readFile(join(folder, 'own.btf')),
  };
}
