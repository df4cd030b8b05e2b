import type { Clock } from '../../src/platform/clock.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { actionsProgress, logProgress } from '../../src/report/log.ts';
import { openProgress } from '../../src/report/open.ts';
import type { Progress } from '../../src/report/progress.ts';
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

/** What an ANSI terminal shows after these bytes: only "up and clear the line" is understood. */
function screen(text: string): string[] {
  const lines: string[] = [''];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal obeys
  for (const part of text.split(/(\u001b\[1A\u001b\[2K|\n)/)) {
    if (part === '\n') lines.push('');
    else if (part.startsWith('\u001b')) {
      lines.pop();
      lines[lines.length - 1] = '';
    } else lines[lines.length - 1] += part;
  }
  return lines.slice(0, -1);
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

test('a terminal shows a live line a task, with bytes, rate and time left, and keeps what is over above', () => {
  const { clock, output, pass, text } = stage();
  const progress = terminalProgress(output, clock);
  const task = progress.begin('kernel-1');
  task.stage('download', 1000);
  pass(1000);
  task.advance(250);
  expect(screen(text())).toEqual(['kernel-1  download  250 B of 1.00 kB  (25%, 250 B/s, 3.0 s']);
  progress.note('news');
  expect(screen(text())[0]).toBe('news');
  task.end('built', '3 MB');
  expect(screen(text())).toEqual(['news', 'kernel-1  built  1.0 s  3 MB']);
});

test('a terminal is redrawn ten times a second at most, however often bytes come', () => {
  const { clock, output, pass, text } = stage();
  const task = terminalProgress(output, clock).begin('kernel-1');
  task.stage('download', 1e6);
  for (let index = 0; index < 1000; index++) {
    pass(1);
    task.advance(1);
  }
  expect(text().split('download').length - 1).toBeLessThanOrEqual(11);
});

test('a log has a line when a task begins and ends, and a sign of life each half minute', () => {
  const { clock, output, pass, lines } = stage();
  build(logProgress(output, clock), pass);
  expect(lines()).toEqual([
    'kernel-1: begins',
    'kernel-2: begins',
    'kernel-1: download  750 B of 1.00 kB  (75%, 23 B/s, 11 s left)',
    'warning: 100% odd',
    'kernel-2: failed (no-dwarf) after 32.0 s (pahole 31 s): It has none.',
    'kernel-1: built after 33.0 s (download 750 B in 33 s)',
  ]);
});

test('a workflow log has a folded group a kernel that never interleave, and escaped annotations', () => {
  const { clock, output, pass, lines } = stage();
  build(actionsProgress(output, clock), pass);
  expect(lines()).toEqual([
    'kernel-1: download  750 B of 1.00 kB  (75%, 23 B/s, 11 s left)',
    '::warning::100%25 odd',
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
  ['a terminal', { isTTY: true, env: {} }, '\u001b'],
  ['a pipe', { isTTY: false, env: {} }, 'x: begins'],
  ['a dumb terminal', { isTTY: true, env: { TERM: 'dumb' } }, 'x: begins'],
  ['a workflow', { isTTY: true, env: { GITHUB_ACTIONS: 'true' } }, '::group::x'],
])('%s gets its own way of progress', (_, { isTTY, env }, sign) => {
  const { clock, output, text } = stage();
  const platform = { env, clock, stderr: { ...output, isTTY } } as unknown as Platform;
  const task = openProgress(platform).begin('x');
  task.stage('download');
  task.end('built');
  expect(text()).toContain(sign);
});
