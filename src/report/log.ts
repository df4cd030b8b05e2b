import type { Clock } from '../platform/clock.ts';
import type { Output } from '../platform/platform.ts';
import type { Progress } from './progress.ts';
import { describeStage, type Stage, summariseStage } from './stage.ts';

const TELL_EVERY = 30_000; // milliseconds: a sign of life, not a flood

/** Lines for a pipe or a log: one when a task begins and ends, and a sign of life in long stages. */
export function logProgress(output: Output, clock: Clock): Progress {
  const say = (line: string) => void output.write(`${line}\n`);
  return {
    begin: (name) => {
      const task = new LoggedTask(clock, (line) => say(`${name}: ${line}`));
      say(`${name}: begins`);
      return {
        stage: (stage, total) => task.enter(stage, total),
        advance: (count) => task.advance(count),
        end: (result, detail) => say(`${name}: ${result}${task.summary(detail)}`),
      };
    },
    note: say,
    warn: (message) => say(`warning: ${message}`),
  };
}

/**
 * The same for GitHub's log and those that follow its conventions: a folded group for each kernel
 * with a line for each stage, written when the kernel is over so that groups never interleave;
 * warnings become annotations.
 */
export function actionsProgress(output: Output, clock: Clock): Progress {
  const say = (line: string) => void output.write(`${line}\n`);
  return {
    begin: (name) => {
      const task = new LoggedTask(clock, (line) => say(`${name}: ${line}`));
      return {
        stage: (stage, total) => task.enter(stage, total),
        advance: (count) => task.advance(count),
        end: (result, detail) => {
          task.leave();
          say(`::group::${name}: ${result}${task.time()}`);
          for (const stage of task.over) say(stage);
          if (detail) say(detail);
          say('::endgroup::');
        },
      };
    },
    note: say,
    warn: (message) => say(`::warning::${escapeData(message)}`),
  };
}

/** Data of a workflow command, as the runner's own toolkit escapes it. */
export function escapeData(text: string): string {
  return text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

class LoggedTask {
  readonly over: string[] = [];
  private readonly begun: number;
  private stage: Stage | undefined;
  private toldAt: number;

  private readonly clock: Clock;
  private readonly tell: (line: string) => void;

  constructor(clock: Clock, tell: (line: string) => void) {
    this.clock = clock;
    this.tell = tell;
    this.begun = clock.now();
    this.toldAt = this.begun;
  }

  enter(name: string, total: number | undefined): void {
    this.leave();
    this.stage = { name, total, since: this.clock.now(), done: 0 };
  }

  advance(count: number): void {
    if (!this.stage) return;
    this.stage.done += count;
    const now = this.clock.now();
    if (now - this.toldAt < TELL_EVERY) return;
    this.toldAt = now;
    this.tell(describeStage(this.stage, now));
  }

  leave(): void {
    if (this.stage) this.over.push(summariseStage(this.stage, this.clock.now()));
    this.stage = undefined;
  }

  time(): string {
    return ` after ${((this.clock.now() - this.begun) / 1000).toFixed(1)} s`;
  }

  summary(detail: string | undefined): string {
    this.leave();
    const stages = this.over.length > 0 ? ` (${this.over.join(', ')})` : '';
    return `${this.time()}${stages}${detail ? `: ${detail}` : ''}`;
  }
}
