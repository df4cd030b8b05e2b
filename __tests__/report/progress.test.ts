import type { Clock } from '../../src/platform/clock.ts';
import type { Platform, WorkflowLog } from '../../src/platform/platform.ts';
import { logProgress, workflowProgress } from '../../src/report/log.ts';
import { openProgress } from '../../src/report/open.ts';
import type { Progress } from '../../src/report/progress.ts';
import { fitStage } from '../../src/report/stage.ts';
import { terminalProgress } from '../../src/report/terminal.ts';

function stage() {
  let now = 0;
  let text = '';
  const clock: Clock = {
    now: () => now,
    date: () => new Date(now),
    sleep: async () => {},
  };
  const output = {
    write: (chunk: string) => {
      text += chunk;
      return true;
    },
    isTTY: true,
    columns: 59,
  };
  return {
    clock,
    output,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    text: () => text,
    lines: () => text.split('\n').slice(0, -1),
  };
}

/** A workflow's log that shows each command in a line; the toolkit's own is tested in host.test.ts. */
function workflowOn(output: { write(text: string): boolean }): WorkflowLog {
  const say = (line: string) => void output.write(`${line}\n`);
  return {
    info: say,
    warning: (message) => say(`::warning::${message}`),
    error: (message, title) => say(`::error title=${title}::${message}`),
    startGroup: (title) => say(`::group::${title}`),
    endGroup: () => say('::endgroup::'),
    mask: (secret) => say(`::add-mask::${secret}`),
  };
}

function build(progress: Progress, pass: (milliseconds: number) => void): void {
  const one = progress.begin('kernel-1');
  const two = progress.begin('kernel-2');
  one.stage('download', 1000);
  pass(1000);
  one.advance(250);
  two.stage('pahole');
  pass(31_000);
  one.advance(500);
  progress.warn('100% odd');
  two.end('failed (no-dwarf)', 'It has none.');
  pass(1000);
  one.end('built');
}

test('a log has a line when a task starts and ends, and one each 30 s in a long stage', () => {
  const { clock, output, pass, lines } = stage();
  build(logProgress(output, clock), pass);
  expect(lines()).toEqual([
    'kernel-1: started',
    'kernel-2: started',
    'kernel-1: download  750 B of 1.00 kB  (75%, 23 B/s, 11 s left)',
    'warning: 100% odd',
    'kernel-2: failed (no-dwarf) after 32.0 s (pahole 31 s): It has none.',
    'kernel-1: built after 33.0 s (download 750 B in 33 s)',
  ]);
});

test("a workflow's log has a folded group for each kernel, and a warning is an annotation", () => {
  const { clock, output, pass, lines } = stage();
  build(workflowProgress(workflowOn(output), clock), pass);
  expect(lines()).toEqual([
    'kernel-1: download  750 B of 1.00 kB  (75%, 23 B/s, 11 s left)',
    '::warning::100% odd',
    '::group::kernel-2: failed (no-dwarf) after 32.0 s',
    'pahole 31 s',
    'It has none.',
    '::endgroup::',
    '::group::kernel-1: built after 33.0 s',
    'download 750 B in 33 s',
    '::endgroup::',
  ]);
});

test.each([
  ['a terminal', { isTTY: true, env: {}, isWorkflow: false }, '\u001b'],
  ['a pipe', { isTTY: false, env: {}, isWorkflow: false }, 'x: started'],
  ['a dumb terminal', { isTTY: true, env: { TERM: 'dumb' }, isWorkflow: false }, 'x: started'],
  ['a CI system', { isTTY: true, env: { CI: '1' }, isWorkflow: false }, 'x: started'],
  ['a workflow', { isTTY: true, env: {}, isWorkflow: true }, '::group::x'],
])('%s has its own kind of progress', (_, { isTTY, env, isWorkflow }, sign) => {
  const { clock, output, text } = stage();
  const workflow = isWorkflow ? workflowOn(output) : undefined;
  const platform = { env, clock, stderr: { ...output, isTTY }, workflow } as unknown as Platform;
  const task = openProgress(platform).begin('x');
  task.stage('download');
  task.end('built');
  expect(text()).toContain(sign);
});

const NAME = '5.10.0-136.12.0.86.oe2203sp1.x86_64';

test.each([100, 70, 30, 22, 3])('in %d columns a line keeps its percentage', (width) => {
  const running = { name: 'download', total: 1000, since: 0, done: 250 };
  const line = fitStage(NAME, running, 1000, width, '…');
  expect(line.length).toBeLessThanOrEqual(width);
  expect(line).toContain('25%');
});

test('a terminal is redrawn at each change of stage, and ten times a second at most for bytes', () => {
  const { clock, output, pass, text } = stage();
  const task = terminalProgress(output, clock).begin('kernel-1');
  task.stage('download', 1e6);
  for (let index = 0; index < 1000; index++) {
    pass(1);
    task.advance(1);
  }
  expect(text().split('download').length - 1).toBeLessThanOrEqual(11);
  task.stage('pahole');
  expect(text()).toContain('pahole');
  task.end('built');
});
