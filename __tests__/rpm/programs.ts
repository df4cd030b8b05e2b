import { execFileSync, spawnSync } from 'node:child_process';

/** Runs a real program and gives its standard output; throws with its standard error when it fails. */
export function run(
  program: string,
  args: string[],
  input?: Uint8Array | string,
  env: Readonly<Record<string, string>> = {},
): Buffer {
  return execFileSync(program, args, {
    input,
    maxBuffer: 1 << 30,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
  });
}

/** Lines of text, without the end of the last. */
export function lines(text: Buffer | string): string[] {
  return text.toString('utf8').split('\n').slice(0, -1);
}

/** A package's cpio archive. rpm2cpio ends in 1 when the archive has not the size that is stated, as one shared package has it. */
export function rpm2cpio(path: string): Buffer {
  return spawnSync('rpm2cpio', [path], { maxBuffer: 1 << 30 }).stdout;
}
