import { bytes, seconds } from './units.ts';

/** The state of a running stage. */
export interface Stage {
  readonly name: string;
  /** Bytes, if known. */
  readonly total: number | undefined;
  /** Milliseconds of the clock. */
  readonly since: number;
  /** Bytes. */
  done: number;
}

/** `download  120 MB of 318 MB  (38%, 12.1 MB/s, 16 s left)`, without the parts that are not known. */
export function describeStage(stage: Stage, now: number): string {
  const elapsed = (now - stage.since) / 1000;
  if (stage.done === 0) return `${stage.name}  ${seconds(elapsed)}`;
  const facts: string[] = [];
  const rate = elapsed > 0.5 ? stage.done / elapsed : 0;
  if (stage.total) facts.push(percent(stage));
  if (rate > 0) facts.push(`${bytes(rate)}/s`);
  if (stage.total && rate > 0) {
    const left = Math.max(0, stage.total - stage.done) / rate;
    facts.push(left > 0 ? `${seconds(left)} left` : seconds(elapsed));
  }
  const amount = stage.total
    ? `${bytes(stage.done)} of ${bytes(stage.total)}`
    : `${bytes(stage.done)}`;
  return `${stage.name}  ${amount}${facts.length > 0 ? `  (${facts.join(', ')})` : ''}`;
}

/**
 * The line of a running stage in at most `width` columns: the full description, else the percentage or the time
 * alone. The name of the task is shortened before the percentage is left out.
 */
export function fitStage(
  task: string,
  stage: Stage,
  now: number,
  width: number,
  ellipsis: string,
): string {
  const state = stage.total && stage.done > 0 ? percent(stage) : elapsedTime(stage, now);
  const states = [describeStage(stage, now), `${stage.name} ${state}`, state];
  for (const text of states.map((one) => one.trim())) {
    const room = width - text.length - 2;
    if (room >= Math.min(task.length, SHORTEST_NAME)) {
      return `${shorten(task, room, ellipsis)}  ${text}`;
    }
  }
  return state.slice(0, width);
}

const SHORTEST_NAME = 16; // columns

/** Cuts the middle out: kernel names differ at both ends. */
function shorten(name: string, width: number, ellipsis: string): string {
  if (name.length <= width) return name;
  const kept = Math.max(0, width - ellipsis.length);
  const tail = Math.floor(kept / 2);
  return `${name.slice(0, kept - tail)}${ellipsis}${name.slice(name.length - tail)}`.slice(
    0,
    width,
  );
}

function percent({ done, total }: Stage): string {
  return `${Math.min(100, Math.floor((100 * done) / (total ?? done)))}%`;
}

function elapsedTime({ since }: Stage, now: number): string {
  return seconds((now - since) / 1000);
}

/** The summary of a finished stage: `download 318 MB in 26 s`. */
export function summariseStage(stage: Stage, now: number): string {
  const time = elapsedTime(stage, now);
  return stage.done > 0 ? `${stage.name} ${bytes(stage.done)} in ${time}` : `${stage.name} ${time}`;
}
