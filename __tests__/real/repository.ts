import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface RealKernel {
  readonly release: string;
  readonly arch: string;
  readonly uname: string;
  /** Its package, a local file. */
  readonly rpm: string;
}

/**
 * A mirror of openEuler's shape with one real kernel, made by scripts/make-kernel-repository.sh or
 * taken from its cache. The first time takes minutes: it downloads and packs.
 * @param options of the script
 */
export async function kernelRepository(
  ...options: readonly string[]
): Promise<{ readonly folder: string; readonly kernel: RealKernel }> {
  const script = join(ROOT, 'scripts', 'make-kernel-repository.sh');
  const { stdout } = await run('bash', [script, ...options]);
  const folder = stdout.trim();
  const paths = await readdir(folder, { recursive: true });
  const rpm = paths.find((path) => path.endsWith('.rpm'));
  if (rpm === undefined) throw new Error(`${folder} has no package`);
  const [root = '', , arch = ''] = rpm.split('/');
  const uname = basename(rpm, '.rpm').replace('kernel-debuginfo-', '');
  const release = root.replace('openEuler-', '');
  return { folder, kernel: { release, arch, uname, rpm: join(folder, rpm) } };
}
