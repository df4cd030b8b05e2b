import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../btf/made.ts';
import { bundleProgram } from '../tree/program.ts';
import { serveTree } from '../tree/server.ts';
import { writeSection } from './faults-page.ts';
import { HOSTILE_INPUTS } from './inputs.ts';
import { runWatched, type Watched } from './processes.ts';

/** `npm run test:faults` tries all, and writes docs/faults.md; every test run tries those that take little time. */
const RECORD = process.env.BTFHUB_FAULT_ROUNDS !== undefined;
/** MB that one process may take. */
const MOST = 1000;

const folder = temporaryFolder();
const program = bundleProgram(folder);
const runs: (readonly [title: string, run: Watched])[] = [];

test.each(HOSTILE_INPUTS.filter(({ isSlow }) => RECORD || !isSlow))(
  '$title is named, and no process takes more than a gigabyte',
  async ({ title, command, write }) => {
    const mirror = join(folder, 'mirror');
    rmSync(mirror, { recursive: true, force: true });
    mkdirSync(mirror);
    write(mirror);
    await using server = await serveTree(mirror);
    const where = ['--mirror', server.url, '--release', '22.03-LTS-SP1', '--arch', 'x86_64'];
    const tools = ['--pahole', 'system', '--xz', 'system', '--signature', 'off'];
    const toBuild = [...tools, '--minimum-types', '1', '--temp', folder, '--output'];
    const more = command === 'build' ? [...toBuild, join(folder, 'output')] : [];
    const args = [program, command, ...where, '--cache', 'none', ...more];
    const env = { PATH: process.env.PATH, HOME: folder, TMPDIR: folder };
    const run = await runWatched(process.execPath, args, env);
    runs.push([title, run]);
    expect([1, 2]).toContain(run.status);
    expect(`${run.stdout}${run.stderr}`).not.toMatch(/internal|This is a bug|^ +at /m);
    expect(run.peaks.get('node')).toBeGreaterThan(10);
    expect(Math.max(...run.peaks.values())).toBeLessThan(MOST);
  },
  600_000,
);

afterAll(() => {
  if (!RECORD) return;
  const rows = runs.map(([title, { peaks }]) => {
    const sorted = [...peaks].filter(([, peak]) => peak >= 5).sort(([, a], [, b]) => b - a);
    const peakOf = sorted.map(([name, peak]) => `${name} ${peak.toFixed(0)}`).join(', ');
    return `| ${title} | ${peakOf} |`;
  });
  writeSection('Memory', [
    'The whole program reads files of at most 10 MB that are made to take memory. Each of them ends with a reason by name,',
    'and no process takes more than 1 GB. The figures are the peaks of the processes in MB (`VmHWM`), of those above 5 MB.',
    '',
    '| What a mirror sends | Peak of each process, MB |',
    '| --- | --- |',
    ...rows,
  ]);
});
