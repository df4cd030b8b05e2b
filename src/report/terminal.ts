import type { Clock } from '../platform/clock.ts';
import type { Output } from '../platform/platform.ts';
import type { Progress } from './progress.ts';
import { describeStage, type Stage } from './stage.ts';

const REDRAW_EVERY = 100; // milliseconds: smooth for an eye, nothing for a terminal
const UP_AND_CLEAR = '\u001b[1A\u001b[2K';

/** A live line for each task at the bottom of the terminal; what is over or said scrolls away above. */
export function terminalProgress(output: Output, clock: Clock): Progress {
  const live = new Map<symbol, { name: string; stage: Stage | undefined }>();
  let drawn = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;

  const draw = (above = '') => {
    const now = clock.now();
    if (above === '' && now - drawnAt < REDRAW_EVERY) return;
    const width = (output.columns ?? 80) - 1;
    const lines = [...live.values()].map(({ name, stage }) =>
      `${name}  ${stage ? describeStage(stage, now) : ''}`.slice(0, width),
    );
    const text = lines.map((line) => `${line}\n`).join('');
    output.write(`${UP_AND_CLEAR.repeat(drawn)}${above}${text}`);
    drawn = lines.length;
    drawnAt = now;
  };

  return {
    begin: (name) => {
      const key = Symbol(name);
      const task: { name: string; stage: Stage | undefined } = { name, stage: undefined };
      live.set(key, task);
      const begun = clock.now();
      return {
        stage: (stage, total) => {
          task.stage = { name: stage, total, since: clock.now(), done: 0 };
          draw();
        },
        advance: (count) => {
          if (task.stage) task.stage.done += count;
          draw();
        },
        end: (result, detail = '') => {
          live.delete(key);
          const time = ((clock.now() - begun) / 1000).toFixed(1);
          draw(`${name}  ${result}  ${time} s${detail === '' ? '' : `  ${detail}`}\n`);
        },
      };
    },
    note: (message) => draw(`${message}\n`),
    warn: (message) => draw(`warning: ${message}\n`),
  };
}
