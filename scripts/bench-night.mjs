#!/usr/bin/env node
// What a night costs around the builds: plan of the whole history, cold and warm, and publish of its new kernels.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BUNDLE } from './bench/contenders.mjs';
import { ARCHIVED, makeArchive, makeNewKernels } from './bench/history-archive.mjs';
import { makeHistory } from './bench/history-mirror.mjs';
import { openRepository, run } from './bench/kernels.mjs';
import { measure } from './bench/measure.mjs';
import { serve } from './bench/nginx.mjs';
import { roundsOf, say, workFolder } from './bench/session.mjs';
import { bytes, machine, markdown, medians, ratio, seconds, writeBetween } from './bench/table.mjs';

const HELP = `Usage: node scripts/bench-night.mjs [options]

Measures plan over a history like openEuler's (40 releases, 2 to 4 architectures, 3 repositories) with
an archive of ${ARCHIVED} kernels, from an empty and from a filled cache, and publish of 20 new kernels
beside the way of clone, copy, commit and push. Writes the table to docs/throughput.md.

  --rounds <number>  how often each contender runs (default 3)
  --no-page          print the table, leave docs/throughput.md alone
  --help             this
`;
const NEW = 20;
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    'no-page': { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const rounds = roundsOf(options.rounds);

const work = workFolder();

/** The BTF of a real kernel, so that the new tarballs have the size and the check the time of real ones. */
async function realBtf() {
  const { mirror, kernels, stop } = await openRepository(['6.1-amd64'], 'two');
  try {
    const [{ release, arch, uname }] = kernels;
    const output = join(work, 'real');
    const where = ['--release', release, '--arch', arch, '--kernel', uname, '--mirror', mirror];
    run(process.execPath, [BUNDLE, 'build', ...where, '--signature', 'off', '--output', output]);
    const btf = join(work, 'real.btf');
    const find = ['-c', 'tar -xJOf "$(find "$1" -name "*.btf.tar.xz")" >"$2"', 'bash', output, btf];
    run('bash', find);
    return readFileSync(btf);
  } finally {
    stop();
  }
}

const CLONE = `
  git clone --quiet "$1" "$2/clone"
  cd "$2/clone"
  git checkout --quiet -B next
  cp -r "$3/openEuler" .
  git add --all
  git -c user.name=bench -c user.email=bench@example.org commit --quiet --message 'Add kernels'
  git push --quiet --force origin next`;

const results = { cold: [], warm: [], publish: [], clone: [] };
say('making the history');
const history = makeHistory(join(work, 'mirror'), ARCHIVED + NEW);
const mirror = await serve(join(work, 'mirror'), { count: true });
say('making the archive');
const archive = await makeArchive(join(work, 'git'), history.kernels.slice(0, ARCHIVED));
const input = join(work, 'input');
await makeNewKernels(input, history.kernels.slice(ARCHIVED), await realBtf());
try {
  for (let round = 1; round <= rounds; round += 1) {
    say(`round ${round} of ${rounds}`);
    const folder = join(work, `round-${round}`);
    mkdirSync(folder);
    const plan = [BUNDLE, 'plan', '--mirror', mirror.mirror, '--archive', archive.url];
    plan.push('--cache', join(folder, 'cache'), '--output', join(folder, 'plan.json'));
    for (const name of ['cold', 'warm']) {
      const before = mirror.sent();
      const one = await measure({ program: process.execPath, args: plan, folder });
      results[name].push({ ...one, moved: mirror.sent() - before });
      const { total } = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'));
      if (total.archived !== ARCHIVED || total.build !== NEW) {
        throw new Error(
          `the plan has ${total.archived} archived kernels and ${total.build} to build`,
        );
      }
    }
    const push = [BUNDLE, 'publish', '--input', input, '--archive', archive.url];
    push.push('--no-pull-request', '--author', 'bench <bench@example.org>');
    const contenders = {
      publish: { program: process.execPath, args: push },
      clone: { program: 'bash', args: ['-euc', CLONE, 'bash', archive.url, folder, input] },
    };
    for (const [name, command] of Object.entries(contenders)) {
      archive.reset();
      const one = await measure({ ...command, folder });
      results[name].push({ ...one, moved: archive.moved() });
    }
    rmSync(folder, { recursive: true });
  }
} finally {
  mirror.stop();
  await archive.stop();
}

const row = (who, all) => {
  const { wall, cpu, memory, moved } = medians(all);
  return [who, seconds(wall), seconds(cpu), bytes(memory), bytes(moved)];
};
const wall = (name) => medians(results[name]).wall;
const table = markdown(
  ['', 'wall', 'CPU', 'memory', 'moved'],
  [
    row('plan, empty cache', results.cold),
    row('plan, filled cache', results.warm),
    row(`publish of ${NEW} kernels`, results.publish),
    row('the same by clone, copy, commit, push', results.clone),
  ],
);
const text =
  `${history.repositories} repositories with ${history.packages} packages, ${bytes(history.unpacked)} of metadata ` +
  `unpacked; an archive of ${ARCHIVED} kernels, ${bytes(archive.size)}. Publish checks each tarball and its BTF again, ` +
  `which the clone does not; it takes ${ratio(wall('publish') / wall('clone'))} its time on loopback.\n\n${table}\n\n` +
  `${rounds === 1 ? 'One round' : `Medians of ${rounds} interleaved rounds`}; moved is what servers sent and received. On ${machine()}.`;
if (!options['no-page']) {
  writeBetween(fileURLToPath(new URL('../docs/throughput.md', import.meta.url)), 'night', text);
}
process.stdout.write(`${text}\n`);
