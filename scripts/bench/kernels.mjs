// The real kernels that the benchmark works on: behind a server, and taken apart for the floor.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from './nginx.mjs';

const SCRIPTS = fileURLToPath(new URL('..', import.meta.url));

/**
 * @typedef {object} Kernel
 * @property {string} release
 * @property {string} arch
 * @property {string} uname
 * @property {string} path of its package, below the mirror's root
 * @property {string} rpm the same as a local file
 * @property {number} size of its package, bytes
 */

/** Runs a program that must end well, and gives what it printed. */
export function run(program, args) {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (result.status !== 0) throw new Error(`${program} ${args[0]} ended with ${result.status}`);
  return result.stdout;
}

/**
 * A repository of real kernels behind a server of its own, at two URLs: as mirrors are, and without ranges, so that
 * a package is one plain stream.
 * @param {string[]} names as make-kernel-repository.sh knows them
 * @param {string} modules none, two or all
 * @returns {Promise<{mirror: string, plain: string, kernels: Kernel[], stop(): void}>}
 */
export async function openRepository(names, modules) {
  const args = names.flatMap((name) => ['--kernel', name]);
  const script = join(SCRIPTS, 'make-kernel-repository.sh');
  const folder = run('bash', [script, ...args, '--modules', modules]).trim();
  const kernels = readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith('.rpm'))
    .map((path) => kernelOf(folder, path));
  return { ...(await serve(folder)), kernels };
}

/**
 * One real kernel with both of its packages behind a server of its own, in as many releases as are asked for. All have
 * the same packages, and each is built.
 * @param {string} name as make-boot-repository.sh knows it
 * @param {'vmlinux'|'some'} debuginfo what kernel-debuginfo holds
 * @param {number} releases how many
 * @returns {Promise<{mirror: string, source: string, releases: string[], kernel: string, debuginfo: number, boot: number,
 *   image: number, sent(): number, stop(): void}>} the description of the source, a file; the releases; `uname -r`; and the bytes of
 *   both packages and of the boot image
 */
export async function openReleases(name, debuginfo, releases) {
  const script = join(SCRIPTS, 'make-boot-repository.sh');
  const made = run('bash', [script, '--kernel', name, '--debuginfo', debuginfo]).trim();
  const kernel = readFileSync(join(made, 'uname'), 'utf8').trim();
  const root = mkdtempSync(join(tmpdir(), 'btfhub-releases-'));
  const names = Array.from(
    { length: releases },
    (_, at) => `30.${String(at + 1).padStart(2, '0')}`,
  );
  for (const release of names) symlinkSync(join(made, 'mirror', name), join(root, release));
  const packages = readdirSync(join(made, 'mirror'), { recursive: true })
    .filter((path) => path.endsWith('.rpm'))
    .map((path) => join(made, 'mirror', path));
  const sizeOf = (some) =>
    packages.filter(some).reduce((sum, path) => sum + statSync(path).size, 0);
  const isDebuginfo = (path) => basename(path).startsWith('kernel-debuginfo-');
  const served = await serve(root, { count: true });
  return {
    mirror: served.mirror,
    sent: served.sent,
    source: join(made, 'source.yaml'),
    releases: names,
    kernel,
    debuginfo: sizeOf(isDebuginfo),
    boot: sizeOf((path) => !isDebuginfo(path)),
    image: statSync(join(made, 'vmlinuz')).size,
    stop: () => {
      served.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function kernelOf(folder, path) {
  const [root, , arch] = path.split('/');
  const uname = basename(path, '.rpm').replace('kernel-debuginfo-', '');
  const rpm = join(folder, path);
  const release = root.replace('openEuler-', '');
  return { release, arch, uname, path, rpm, size: statSync(rpm).size };
}

/**
 * The bare xz payload and vmlinux of a package, into a folder.
 * @param {Kernel} kernel
 */
export function takeApart({ rpm, uname }, folder) {
  const [payload, vmlinux] = [join(folder, `${uname}.xz`), join(folder, `${uname}.vmlinux`)];
  const member = `./usr/lib/debug/lib/modules/${uname}/vmlinux`;
  const script = `
    rpm2cpio "$1" | cpio --extract --to-stdout --quiet "$2" >"$3"
    at=$(LC_ALL=C grep -obUaP -m1 '\\xfd7zXZ\\x00' "$1" | head -n1 | cut -d: -f1)
    tail -c "+$((at + 1))" "$1" >"$4"`;
  run('bash', ['-euc', script, 'bash', rpm, member, vmlinux, payload]);
  return { payload, vmlinux };
}
