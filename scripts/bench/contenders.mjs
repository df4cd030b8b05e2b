// What is compared: each contender turns kernels on a mirror into packed BTF, or is a part of that.
import { fileURLToPath } from 'node:url';

export const BUNDLE = fileURLToPath(new URL('../../dist/btfhub.mjs', import.meta.url));
const SHELL = fileURLToPath(new URL('shell-pipeline.sh', import.meta.url));

/**
 * @typedef {object} Tools
 * @property {string} name
 * @property {string} pahole its path
 * @property {string} xz its path
 * @property {string[]} choice options of `btfhub build` that choose these tools
 */

/**
 * btfhub itself. Its temporary folder is the one that it chooses.
 * @param {Tools} tools
 * @param {string} [bundle] another btfhub than the one of this folder
 */
export function ours(tools, mirror, kernels, folder, bundle = BUNDLE) {
  const { release, arch } = kernels[0];
  const args = [
    'build',
    '--release',
    release,
    '--arch',
    arch,
    '--mirror',
    mirror,
    '--signature',
    'off',
  ];
  for (const { uname } of kernels) args.push('--kernel', uname);
  args.push(...tools.choice, '--cache', 'none', '--output', `${folder}/output`);
  return { program: process.execPath, args: [bundle, ...args] };
}

/**
 * btfhub by one method, from the releases of `openReleases`; with `alone` the first release on one core, else one run
 * for each, because all have a kernel of the same name.
 * @param {Tools} tools
 */
export function byMethod(tools, method, { mirror, source, releases }, folder, alone) {
  const build = [
    ...[process.execPath, BUNDLE, 'build', '--distribution', 'debian', '--sources', source],
    ...['--mirror', mirror, '--method', method, ...tools.choice, '--cache', 'none', '--json'],
  ];
  const each =
    'names=$1 to=$2; shift 2; for name in $names; do "$@" --release "$name" --output "$to/$name" || exit; done';
  const names = alone ? releases.slice(0, 1) : releases;
  const args = ['-c', each, 'bash', names.join(' '), folder, ...build];
  if (!alone) return { program: 'bash', args };
  return { program: 'taskset', args: ['--cpu-list', '0', 'bash', ...args] };
}

/** The usual shell pipeline, one kernel after the other. */
export function shell(tools, mirror, kernels, folder, flags) {
  const urls = kernels.map(({ path }) => `${mirror}${path}`);
  return { program: 'bash', args: [SHELL, folder, tools.pahole, flags.join(' '), ...urls] };
}

/** `xz -dc` to nowhere, without its own check: nothing that decodes with this xz is faster. */
export function decode(tools, payload) {
  const args = [
    '-c',
    '"$1" --decompress --stdout --ignore-check --threads=1 "$2" >/dev/null',
    'bash',
  ];
  return { program: 'bash', args: [...args, tools.xz, payload] };
}

export function encode(tools, vmlinux, folder, flags, jobs) {
  const output = `--btf_encode_detached=${folder}/floor.btf`;
  const parallel = jobs > 1 ? [`-j${jobs}`] : [];
  return { program: tools.pahole, args: [...flags, ...parallel, output, vmlinux] };
}

export function compress(tools, btf) {
  const args = ['-c', '"$1" --stdout --threads=1 -6 "$2" >/dev/null', 'bash'];
  return { program: 'bash', args: [...args, tools.xz, btf] };
}
