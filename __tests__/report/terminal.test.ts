import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const folder = mkdtempSync(join(tmpdir(), 'btfhub-tmux-'));
const driver = join(folder, 'driver.mjs');
const socket = join(folder, 'tmux.sock');
/** A real terminal: tmux interprets what is written, and gives the text of its screen. */
const tmux = (...args: string[]) =>
  execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });

beforeAll(() => {
  buildSync({
    entryPoints: [join(import.meta.dirname, 'terminal-driver.ts')],
    outfile: driver,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
});
afterAll(() => {
  spawnSync('tmux', ['-S', socket, 'kill-server']);
  rmSync(folder, { recursive: true, force: true });
});

interface Screen {
  tell(...lines: string[]): void;
  /** The rows of the screen as soon as `isThere` holds for them. */
  shows(isThere: (rows: readonly string[]) => boolean): Promise<readonly string[]>;
  resize(columns: number, rows: number): void;
  /** The rows with the escape sequences of their colours. */
  colours(): string;
  close(): void;
}

let screens = 0;
function open(columns: number, rows: number, env: Record<string, string> = {}): Screen {
  screens += 1;
  const name = `screen-${screens}`;
  const fifo = join(folder, `${name}.fifo`);
  execFileSync('mkfifo', [fifo]);
  const variables = Object.entries({ LC_ALL: 'C.UTF-8', ...env }).map((one) => one.join('='));
  const words = ['env', '-u', 'NO_COLOR', '-u', 'CI', ...variables, process.execPath, driver, fifo];
  const size = ['-x', `${columns}`, '-y', `${rows}`];
  tmux('new-session', '-d', '-s', name, ...size, ...words);
  tmux('set-option', '-t', name, 'status', 'off');
  tmux('resize-window', '-t', name, ...size);
  const pipe = openSync(fifo, 'w');
  const capture = (...args: string[]) => tmux('capture-pane', '-p', ...args, '-t', name);
  return {
    tell: (...lines) => void writeSync(pipe, lines.map((line) => `${line}\n`).join('')),
    shows: async (isThere) => {
      const until = performance.now() + 20_000;
      for (;;) {
        const text = capture().split('\n');
        const shown = text.filter((row) => row !== '');
        if (isThere(shown)) return shown;
        if (performance.now() > until) throw new Error(`It shows:\n${shown.join('\n')}`);
        await new Promise((next) => setImmediate(next));
      }
    },
    resize: (x, y) => void tmux('resize-window', '-t', name, '-x', `${x}`, '-y', `${y}`),
    colours: () => capture('-e'),
    close: () => {
      closeSync(pipe);
      spawnSync('tmux', ['-S', socket, 'kill-session', '-t', name]);
    },
  };
}

const KERNEL = '5.10.0-136.12.0.86.oe2203sp1.x86_64';

describe('in a terminal', () => {
  test('the time of a stage advances without any bytes, and a new stage is shown at once', async () => {
    const screen = open(100, 10);
    screen.tell(`begin ${KERNEL}`, `stage ${KERNEL} download 1000`, `advance ${KERNEL} 1000`);
    await screen.shows((rows) => rows.some((row) => /download {2}1\.00 kB of 1\.00 kB/.test(row)));
    screen.tell(`stage ${KERNEL} pahole`);
    await screen.shows((rows) => /pahole {2}0\.\d s/.test(rows[0] ?? ''));
    await screen.shows((rows) => /pahole {2}[1-9]\.\d s/.test(rows[0] ?? ''));
    screen.tell(`end ${KERNEL} built`);
    const rows = await screen.shows((all) => all.some((row) => row.includes('built')));
    expect(rows).toEqual([expect.stringMatching(new RegExp(`^${KERNEL}  built  \\d+\\.\\d s$`))]);
    screen.close();
  }, 60_000);

  test('what has ended stays above the running tasks', async () => {
    const screen = open(60, 10);
    screen.tell('begin one', 'begin two', 'stage two pahole', 'warn odd', 'end one built');
    const rows = await screen.shows((all) => all.some((row) => row.startsWith('one  built')));
    expect(rows.map((row) => row.split(' ')[0])).toEqual(['warning:', 'one', 'two']);
    screen.close();
  }, 60_000);

  test('a narrow terminal shortens the name and keeps the percentage, in one row', async () => {
    const screen = open(30, 10);
    screen.tell(`begin ${KERNEL}`, `stage ${KERNEL} download 1000`, `advance ${KERNEL} 250`);
    screen.tell('warn w');
    const rows = await screen.shows((all) => all.some((row) => row.includes('25%')));
    expect(rows.filter((row) => row.includes('%'))).toHaveLength(1);
    expect(rows.at(-1)).toMatch(/^5\.10.*….* {2}25%$|^5\.10.*….* {2}download 25%$/);
    screen.close();
  }, 60_000);

  test('more tasks than rows are counted in the last row', async () => {
    const screen = open(60, 6);
    const names = Array.from({ length: 9 }, (_, index) => `kernel-${index}`);
    screen.tell(...names.map((name) => `begin ${name}`));
    const rows = await screen.shows((all) => all.at(-1) === '… and 5 more');
    expect(rows).toHaveLength(5);
    screen.tell(...names.slice(0, 6).map((name) => `end ${name} built`));
    const rest = await screen.shows((all) => !all.some((row) => row.includes('more')));
    expect(rest.slice(-3).map((row) => row.split(' ')[0])).toEqual(names.slice(6));
    screen.close();
  }, 60_000);

  test('after the window becomes narrower and wider again each task has one row', async () => {
    const screen = open(90, 12);
    const total = `stage ${KERNEL} download 1000`;
    screen.tell(`begin ${KERNEL}`, total, `advance ${KERNEL} 250`, 'begin second');
    await screen.shows((all) => all.some((row) => row.includes('download')) && all.length === 2);
    for (const columns of [40, 25, 90]) {
      screen.resize(columns, 12);
      screen.tell(`advance ${KERNEL} 1`);
      const rows = await screen.shows((all) => all.length === 2 && (all[0] ?? '').includes('25%'));
      expect(rows[1]).toMatch(/^second/);
    }
    screen.close();
  }, 60_000);

  test('without UTF-8 the screen has ASCII only', async () => {
    const screen = open(30, 10, { LC_ALL: 'C' });
    screen.tell(`begin ${KERNEL}`, `stage ${KERNEL} download 1000`, `advance ${KERNEL} 250`);
    screen.tell('warn w');
    const rows = await screen.shows((all) => all.some((row) => row.includes('25%')));
    expect(rows.join('')).toMatch(/^[ -~]+$/);
    expect(rows.at(-1)).toContain('...');
    screen.close();
  }, 60_000);

  test('a failure is red, and has no colour with NO_COLOR', async () => {
    for (const [env, isRed] of [
      [{}, true],
      [{ NO_COLOR: '1' }, false],
    ] as const) {
      const screen = open(60, 10, env);
      screen.tell('begin one', 'end one failed');
      await screen.shows((all) => all.some((row) => row.includes('failed')));
      expect(screen.colours().includes('\u001b[31mfailed')).toBe(isRed);
      screen.close();
    }
  }, 60_000);
});
