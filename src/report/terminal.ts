import { createLogUpdate } from 'log-update';
import type { Clock } from '../platform/clock.ts';
import type { Output } from '../platform/platform.ts';
import type { Progress } from './progress.ts';
import { fitStage, type Stage } from './stage.ts';

const REDRAW_EVERY = 100; // milliseconds: the most often that new bytes redraw the display
const TICK = 1000; // milliseconds: times advance also when no bytes arrive

/** Calls a function regularly until the returned function is called. */
export type Repeat = (milliseconds: number, run: () => void) => () => void;

export const systemRepeat: Repeat = (milliseconds, run) => {
  const timer = setInterval(run, milliseconds);
  timer.unref();
  return () => clearInterval(timer);
};

interface LiveTask {
  readonly name: string;
  readonly since: number;
  stage: Stage | undefined;
}

/**
 * Progress for a terminal: one live line for each running task at the bottom; results and notes scroll above.
 * Lines fit the width of the terminal, and more tasks than fit its height are counted in the last line.
 *
 * @param env tells by LC_ALL, LC_CTYPE and LANG whether the terminal shows UTF-8
 */
export function terminalProgress(
  output: Output,
  clock: Clock,
  env: Readonly<Record<string, string | undefined>> = {},
  repeat: Repeat = systemRepeat,
): Progress {
  const live = new Set<LiveTask>();
  const ellipsis = isUtf8(env) ? '…' : '...';
  const render = createLogUpdate(output as NodeJS.WritableStream, { showCursor: true });
  let stop: (() => void) | undefined;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawn: readonly string[] = [];
  let drawnWidth = 0;

  const frame = (): string[] => {
    const width = widthOf(output);
    const rows = Math.max(1, (output.rows || 24) - 1);
    const now = clock.now();
    const lines = [...live].map(({ name, stage, since }) =>
      fitStage(name, stage ?? { name: '', total: undefined, since, done: 0 }, now, width, ellipsis),
    );
    if (lines.length <= rows) return lines;
    const shown = lines.slice(0, rows - 1);
    return [...shown, `${ellipsis} and ${lines.length - shown.length} more`.slice(0, width)];
  };

  const draw = () => {
    drawnAt = clock.now();
    drawn = frame();
    drawnWidth = widthOf(output);
    if (drawn.length > 0) render(drawn.join('\n'));
    else render.clear();
  };

  const advance = () => {
    if (clock.now() - drawnAt >= REDRAW_EVERY) draw();
  };

  const print = (line: string) => {
    render.clear();
    output.write(`${line}\n`);
    draw();
  };

  // A terminal that becomes narrower wraps the lines that are shown, so they take more rows.
  const resized = () => {
    const width = widthOf(output);
    const extra = drawn.reduce((sum, line) => sum + Math.ceil(line.length / (width + 1)) - 1, 0);
    render.clear();
    if (width < drawnWidth && extra > 0) output.write(ERASE_ROW_ABOVE.repeat(extra));
    draw();
  };
  output.on?.('resize', resized);

  return {
    begin: (name) => {
      const task: LiveTask = { name, since: clock.now(), stage: undefined };
      live.add(task);
      stop ??= repeat(TICK, draw);
      draw();
      return {
        stage: (stage, total) => {
          task.stage = { name: stage, total, since: clock.now(), done: 0 };
          draw();
        },
        advance: (count) => {
          if (task.stage) task.stage.done += count;
          advance();
        },
        end: (result, detail = '') => {
          live.delete(task);
          if (live.size === 0) {
            stop?.();
            stop = undefined;
          }
          const time = ((clock.now() - task.since) / 1000).toFixed(1);
          const isFailure = /^(failed|unsound)/.test(result);
          const shown = isFailure ? colour(output, RED, result) : result;
          print(`${name}  ${shown}  ${time} s${detail === '' ? '' : `  ${detail}`}`);
        },
      };
    },
    note: print,
    warn: (message) => print(`${colour(output, YELLOW, 'warning')}: ${message}`),
  };
}

const ERASE_ROW_ABOVE = '\u001b[1A\u001b[2K';
const RED = 31;
const YELLOW = 33;

/** Text in a colour of ECMA-48 (SGR), where the terminal has colours and NO_COLOR is not set. */
export function colour(output: Output, code: number, text: string): string {
  return output.hasColors?.() ? `\u001b[${code}m${text}\u001b[39m` : text;
}

/** The usable columns: terminals wrap after the last one, some of them already when it is written. */
function widthOf({ columns }: Output): number {
  return Math.max(1, (columns || 80) - 1);
}

/** The character encoding of the locale, in the order of locale(7). */
function isUtf8(env: Readonly<Record<string, string | undefined>>): boolean {
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '');
}
