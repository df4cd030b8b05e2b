#!/usr/bin/env node
// Two versions of btfhub side by side in one run: does the new one need more time or memory?
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { setOutput } from '@actions/core';
import { BUNDLE } from './bench/contenders.mjs';
import { openRepository } from './bench/kernels.mjs';
import { playBundles } from './bench/rounds.mjs';
import { roundsOf, workFolder } from './bench/session.mjs';
import { bytes, machine, markdown, medians, ratio, seconds } from './bench/table.mjs';

const HELP = `Usage: node scripts/bench-compare.mjs --base <bundle> [options]

Builds kernels with the bundle of another version and with this one, in turn, and prints a table. In a
workflow the outputs 'table' and 'worse' have the result.

  --base <file>       the other version's dist/btfhub.mjs
  --rounds <number>   how often each runs (default 3)
  --kernel <name>...  kernels in one go (default 6.1-amd64)
  --modules <which>   modules beside vmlinux: none, two, all (default two)
  --tools <which>     system: the distribution's xz and pahole; auto: the built ones (default system)
  --limit <ratio>     what counts as worse (default 1.1)
  --help              this
`;
const COMPARED = [
  { title: 'wall', name: 'wall', show: seconds },
  { title: 'CPU', name: 'cpu', show: seconds },
  { title: 'memory of all processes', name: 'memory', show: bytes },
  { title: 'memory of Node', name: 'node', show: bytes },
];
const { values: options } = parseArgs({
  options: {
    base: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    kernel: { type: 'string', multiple: true, default: ['6.1-amd64'] },
    modules: { type: 'string', default: 'two' },
    tools: { type: 'string', default: 'system' },
    limit: { type: 'string', default: '1.1' },
    help: { type: 'boolean' },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const rounds = roundsOf(options.rounds);
const limit = Number(options.limit);
if (options.base === undefined) throw new Error('--base is missing: name the other bundle');
if (!(limit > 0)) throw new Error('--limit is a ratio, for example 1.1');
if (!['system', 'auto'].includes(options.tools)) throw new Error('--tools is system or auto');

const work = workFolder();

const { mirror, kernels, stop } = await openRepository(options.kernel, options.modules);
try {
  const choice = ['--pahole', options.tools, '--xz', options.tools];
  const ground = { choice, mirror, kernels, work };
  const bundles = { base: resolve(options.base), head: BUNDLE };
  const results = await playBundles(ground, bundles, rounds);
  const [base, head] = [medians(results.base), medians(results.head)];
  const worse = COMPARED.filter(({ name }) => head[name] > limit * base[name]);
  const size = kernels.reduce((sum, kernel) => sum + kernel.size, 0);
  const table = markdown(
    ['', 'base', 'head', 'head / base'],
    COMPARED.map(({ title, name, show }) => [
      title,
      show(base[name]),
      show(head[name]),
      ratio(head[name] / base[name]),
    ]),
  );
  const verdict =
    worse.length === 0
      ? `Nothing is worse by more than ${Math.round((limit - 1) * 100)} %.`
      : `Worse by more than ${Math.round((limit - 1) * 100)} %: ${worse.map(({ title }) => title).join(', ')}.`;
  const text =
    `${kernels.length} kernel(s), ${bytes(size)} of packages, tools: ${options.tools}. ${verdict}\n\n${table}\n\n` +
    `Medians of ${rounds} interleaved rounds on ${machine()}.`;
  process.stdout.write(`${text}\n`);
  if (process.env.GITHUB_OUTPUT !== undefined) {
    setOutput('table', text);
    setOutput('worse', worse.length > 0);
  }
} finally {
  stop();
}
