#!/usr/bin/env node
// npm run bench: btfhub, the shell pipeline, and the floor, side by side on real kernels.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BUNDLE } from './bench/contenders.mjs';
import { openReleases, openRepository, run } from './bench/kernels.mjs';
import { methodSection, section, streamSection } from './bench/report.mjs';
import { playMethods, playRounds, playStreams } from './bench/rounds.mjs';
import { roundsOf, say, workFolder } from './bench/session.mjs';
import { bytes, machine, writeBetween } from './bench/table.mjs';

const HELP = `Usage: npm run bench -- [options]

Measures btfhub against the shell pipeline (curl, rpm2cpio | cpio, pahole, tar cJf) and against the
floor (xz -dc alone, pahole alone, xz alone), interleaved, on real kernels in openEuler's form, and
writes the tables to docs/benchmark.md. The first time takes long: it downloads and packs the kernels.

  --rounds <number>       how often each contender runs (default 3)
  --kernel <name>...      kernels for one at a time (default 6.1-amd64 5.10-amd64)
  --modules <which>       modules beside vmlinux in those: none, two, some, all (default all)
  --four-modules <which>  the same for four kernels in one go (default all)
  --boot-kernel <name>    the kernel that is made by both methods (default 6.1-full-amd64)
  --boot-debuginfo <what> what its kernel-debuginfo holds: vmlinux, some (default some: as large as openEuler's)
  --releases <number>     in so many releases, each of which is built (default 20)
  --only <part>           one: one kernel at a time; four: four in one go; streams: a package in
                          ranges against one plain stream; methods: --method embedded against dwarf
  --no-page               print the tables, leave docs/benchmark.md alone
  --help                  this
`;
const FOUR = ['5.10-amd64', '6.1-amd64', '6.12-amd64', '6.12-backports-amd64'];

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    kernel: { type: 'string', multiple: true, default: ['6.1-amd64', '5.10-amd64'] },
    modules: { type: 'string', default: 'all' },
    'four-modules': { type: 'string', default: 'all' },
    'boot-kernel': { type: 'string', default: '6.1-full-amd64' },
    'boot-debuginfo': { type: 'string', default: 'some' },
    releases: { type: 'string', default: '20' },
    only: { type: 'string' },
    'no-page': { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const rounds = roundsOf(options.rounds);
const releases = Number(options.releases);
if (!(releases >= 1 && releases < 100)) throw new Error('--releases is a number from 1 to 99');

const cores = availableParallelism();
const work = workFolder();

/** One set of tools: what `btfhub setup` brings, or the distribution's. */
function toolset(choice) {
  const { pahole, xz } = JSON.parse(run(process.execPath, [BUNDLE, 'setup', ...choice, '--json']));
  const name = `xz ${xz.version} and pahole ${pahole.version}`;
  return { name, pahole: pahole.path, xz: xz.path, choice };
}

async function play(names, modules, title) {
  const { mirror, kernels, stop } = await openRepository(names, modules);
  try {
    const heading = title(kernels);
    say(heading);
    return section(
      heading,
      tools,
      await playRounds({ tools, mirror, kernels, work, cores }, rounds),
      kernels.length === 1 ? undefined : cores,
    );
  } finally {
    stop();
  }
}

const series = ({ uname }) => uname.replace(/-.*/, '');
const tools = {
  setup: toolset(['--pahole', 'auto', '--xz', 'auto']),
  system: toolset(['--pahole', 'system', '--xz', 'system']),
};
const conditions =
  `${rounds === 1 ? 'One round' : `Medians of ${rounds} interleaved rounds`}, least and most in brackets; ` +
  `memory is the peak of what is resident of all processes together, Node the peak of its own. On ${machine()}.`;

/** The parts of the benchmark, each with its place in docs/benchmark.md. */
const PARTS = {
  one: async () => {
    const title = ([kernel]) =>
      `**One kernel**, ${series(kernel)} (Debian's, cloud flavour; modules: ${options.modules}), ` +
      `a package of ${bytes(kernel.size)}. The floor is \`xz -dc --ignore-check\`, \`pahole -j${cores}\` ` +
      'and `xz -6`, each alone, one after the other.';
    const sections = [];
    for (const name of options.kernel) sections.push(await play([name], options.modules, title));
    return sections;
  },
  four: async () => {
    const which = options['four-modules'];
    const title = (kernels) =>
      `**Four kernels in one go** on ${cores} cores: ${kernels.map(series).sort().join(', ')} ` +
      `(modules: ${which}). The shell takes one after the other; the floor is the CPU seconds of xz, ` +
      `pahole and compression over ${cores} cores.`;
    return [await play(FOUR, which, title)];
  },
  streams: async () => {
    const { kernels, stop, ...mirrors } = await openRepository(['6.1-amd64'], options.modules);
    try {
      const title =
        '**Several connections or one plain stream** from a server without limits on the same machine, ' +
        `a package of ${bytes(kernels[0].size)}:`;
      say(title);
      const results = await playStreams({ tools, ...mirrors, kernels, work }, rounds);
      return [streamSection(title, results)];
    } finally {
      stop();
    }
  },
  methods: async () => {
    const ground = await openReleases(options['boot-kernel'], options['boot-debuginfo'], releases);
    try {
      const title =
        `**The kernel's own BTF out of its boot image, or BTF from DWARF**: ${ground.kernel} (Debian's, in openEuler's ` +
        `shape: \`kernel\` with ${bytes(ground.boot)}, of which the boot image has ${bytes(ground.image)}; ` +
        `\`kernel-debuginfo\` with ${bytes(ground.debuginfo)}). Several kernels are the same one in ` +
        `${releases} releases. Tools: ${tools.setup.name}.`;
      say(title);
      return [
        methodSection(title, ground.boot, await playMethods(tools.setup, ground, work, rounds)),
      ];
    } finally {
      ground.stop();
    }
  },
};
const { only } = options;
if (only !== undefined && !(only in PARTS)) {
  throw new Error(`--only is one of ${Object.keys(PARTS).join(', ')}`);
}
const page = fileURLToPath(new URL('../docs/benchmark.md', import.meta.url));
for (const part of only === undefined ? Object.keys(PARTS) : [only]) {
  const text = [...(await PARTS[part]()), conditions].join('\n\n');
  if (!options['no-page']) writeBetween(page, part, text);
  process.stdout.write(`${text}\n`);
}
