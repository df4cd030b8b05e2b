#!/usr/bin/env node
// How many nights a backfill of the whole history takes: simulated, but planned by the program's own
// planner. What a kernel costs comes from the benchmark (docs/throughput.md says which figures).
import { parseArgs } from 'node:util';
import { importSources } from './import-sources.mjs';

const HELP = `Usage: node scripts/simulate-nights.mjs [options]

  --kernels <number>   kernels to build (default 700)
  --hours <number>     that a runner works in a night at most (default 5.5)
  --download <MB/s>    that a runner gets from the mirrors (default 10)
  --decode <MB/s>      of package that one core decodes (default 12)
  --fixed <seconds>    of a core for pahole, check and compression (default 10)
  --cores <number>     of a runner (default 2)
  --failures <percent> of attempts that fail for the network's sake (default 5)
  --lost <percent>     of jobs that die with all they have done (default 2)
`;
const number = (value) => ({ type: 'string', default: `${value}` });
const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    kernels: number(700),
    hours: number(5.5),
    download: number(10),
    decode: number(12),
    fixed: number(10),
    cores: number(2),
    failures: number(5),
    lost: number(2),
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const figures = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, Number(value)]),
);

const { makeMatrix, NO_ARCHIVE, OPENEULER, kernelState, withinLimits } = await importSources(
  'planner',
  `export { makeMatrix } from './src/jobs/plan/matrix.ts';
    export { NO_ARCHIVE, kernelState } from './src/jobs/plan/kernel-state.ts';
    export { withinLimits } from './src/jobs/plan/limit.ts';
    export { OPENEULER } from './src/sources/openeuler.ts';`,
);

/** The same numbers in every run (a linear congruential generator). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** A history like openEuler's: as many kernels of each architecture, packages of 300 to 510 MB. */
function history(count, random) {
  return Array.from({ length: count }, (_, index) => {
    const arch = index % 2 === 0 ? 'x86_64' : 'aarch64';
    const uname = `5.10.0-${index + 1}.0.0.1.oe2203.${arch}`;
    const size = Math.round(300e6 + 210e6 * random());
    return {
      distribution: 'openEuler',
      versionId: '22.03',
      releases: ['22.03-LTS'],
      arch,
      uname,
      flavour: 'stock',
      nvra: `kernel-debuginfo-${uname}`,
      size,
      builtAt: index,
      evr: { epoch: 0, version: '5.10.0', release: `${index + 1}.0.0.1.oe2203` },
      checksum: { algorithm: 'sha256', value: `${index}`.padStart(64, '0') },
    };
  });
}

/** Seconds that a runner needs for a job: its cores share the decoding, its network the downloads. */
function secondsFor(kernels) {
  const bytes = kernels.reduce((sum, { size }) => sum + size, 0);
  const core = kernels.length * figures.fixed + bytes / (figures.decode * 1e6);
  return Math.max(core / figures.cores, bytes / (figures.download * 1e6));
}

function backfill(runners) {
  const random = seeded(42);
  const kernels = history(figures.kernels, random);
  const byName = new Map(kernels.map((kernel) => [kernel.uname, kernel]));
  const archived = new Set();
  const failed = new Map();
  const totals = { nights: 0, seconds: 0, bytes: 0, again: 0 };
  for (let now = Date.UTC(2026, 0, 1); archived.size < kernels.length; now += 86_400_000) {
    const archive = { ...NO_ARCHIVE, archived, failed };
    const rules = {
      source: OPENEULER,
      archive: { kernels: archive, modules: undefined },
      skipEmbedded: false,
      retryFailed: false,
      replaceMethod: false,
      tools: undefined,
    };
    const wanted = kernels.filter(
      (kernel) => kernelState(kernel, { ...rules, now: new Date(now) }) === 'wanted',
    );
    // --limit in time counts the work of one core, and in bytes what the network brings meanwhile.
    const minutes = figures.hours * 60 * runners * figures.cores;
    const bytes = figures.hours * 3600 * runners * figures.download * 1e6;
    const tonight = withinLimits(wanted, { minutes, bytes });
    totals.nights += 1;
    for (const { kernels: names, bytes: downloaded } of makeMatrix(tonight, runners).include) {
      const shared = names.split(' ').map((uname) => byName.get(uname));
      totals.seconds += secondsFor(shared);
      totals.bytes += downloaded;
      const lost = random() * 100 < figures.lost;
      for (const kernel of shared) {
        const path = `openEuler/22.03/${kernel.arch === 'aarch64' ? 'arm64' : kernel.arch}/${kernel.uname}.btf.tar.xz`;
        if (lost) totals.again += 1;
        else if (random() * 100 < figures.failures) {
          const before = failed.get(path)?.attempts ?? [];
          const attempts = [...before, new Date(now).toISOString()];
          const { size, checksum } = kernel;
          failed.set(path, {
            reason: 'network',
            attempts,
            package: { size, sha256: checksum.value },
          });
          totals.again += 1;
        } else archived.add(path);
      }
    }
  }
  return totals;
}

const rows = [1, 4, 20].map((runners) => {
  const { nights, seconds, bytes, again } = backfill(runners);
  return [runners, nights, (seconds / 3600).toFixed(1), (bytes / 1e9).toFixed(0), again];
});
const titles = ['Runners', 'Nights', 'Machine-hours', 'GB downloaded', 'Kernels tried again'];
const line = (cells) => `| ${cells.join(' | ')} |\n`;
process.stdout.write(
  [line(titles), line(titles.map(() => '---:')), ...rows.map((row) => line(row))].join(''),
);
