import { bytes, seconds } from './units.ts';

/** The state of a running stage. */
export interface Stage {
  readonly name: string;
  readonly total: number | undefined;
  /** Milliseconds of the clock. */
  readonly since: number;
  done: number;
}

/** `download  120 MB of 318 MB  (38%, 12.1 MB/s, 16 s left)`, without the parts that are not known. */
export function describeStage(stage: Stage, now: number): string {
  const elapsed = (now - stage.since) / 1000;
  if (stage.done === 0) return `${stage.name}  ${seconds(elapsed)}`;
  const facts: string[] = [];
  const rate = elapsed > 0.5 ? stage.done / elapsed : 0;
  if (stage.total) facts.push(`${Math.floor((100 * stage.done) / stage.total)}%`);
  if (rate > 0) facts.push(`${bytes(rate)}/s`);
  if (stage.total && rate > 0) facts.push(`${seconds((stage.total - stage.done) / rate)} left`);
  const amount = stage.total
    ? `${bytes(stage.done)} of ${bytes(stage.total)}`
    : `${bytes(stage.done)}`;
  return `${stage.name}  ${amount}${facts.length > 0 ? `  (${facts.join(', ')})` : ''}`;
}

/** The summary of a finished stage: `download 318 MB in 26 s`. */
export function summariseStage(stage: Stage, now: number): string {
  const time = seconds((now - stage.since) / 1000);
  return stage.done > 0 ? `${stage.name} ${bytes(stage.done)} in ${time}` : `${stage.name} ${time}`;
}
