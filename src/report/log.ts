import type { Clock } from '../platform/clock.ts';
import type { Output, WorkflowLog } from '../platform/platform.ts';
import type { Progress } from './progress.ts';
import { describeStage, type Stage, summariseStage } from './stage.ts';

const REPORT_EVERY = 30_000; // milliseconds

/** Progress for a pipe or a log file: a line when a task starts and ends, and every 30 s in long stages. */
export function logProgress(output: Output, clock: Clock): Progress {
  const say = (line: string) => void output.write(`${line}\n`);
  return {
    begin: (name) => {
      const task = new LoggedTask(clock, (line) => say(`${name}: ${line}`));
      say(`${name}: started`);
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
 * Progress for a workflow's log: a folded group for each task with a line for each stage. A group is written
 * when its task ends, so groups of tasks that run at the same time do not interleave. Warnings are annotations.
 */
export function workflowProgress(log: WorkflowLog, clock: Clock): Progress {
  return {
    begin: (name) => {
      const task = new LoggedTask(clock, (line) => log.info(`${name}: ${line}`));
      return {
        stage: (stage, total) => task.enter(stage, total),
        advance: (count) => task.advance(count),
        end: (result, detail) => {
          task.leave();
          log.startGroup(`${name}: ${result}${task.time()}`);
          for (const stage of task.finished) log.info(stage);
          if (detail) log.info(detail);
          log.endGroup();
        },
      };
    },
    note: (message) => log.info(message),
    warn: (message) => log.warning(message),
  };
}

class LoggedTask {
  readonly finished: string[] = [];
  private readonly startedAt: number;
  private stage: Stage | undefined;
  private reportedAt: number;

  private readonly clock: Clock;
  private readonly report: (line: string) => void;

  constructor(clock: Clock, report: (line: string) => void) {
    this.clock = clock;
    this.report = report;
    this.startedAt = clock.now();
    this.reportedAt = this.startedAt;
  }

  enter(name: string, total: number | undefined): void {
    this.leave();
    this.stage = { name, total, since: this.clock.now(), done: 0 };
  }

  advance(count: number): void {
    if (!this.stage) return;
    this.stage.done += count;
    const now = this.clock.now();
    if (now - this.reportedAt < REPORT_EVERY) return;
    this.reportedAt = now;
    this.report(describeStage(this.stage, now));
  }

  leave(): void {
    if (this.stage) this.finished.push(summariseStage(this.stage, this.clock.now()));
    this.stage = undefined;
  }

  time(): string {
    return ` after ${((this.clock.now() - this.startedAt) / 1000).toFixed(1)} s`;
  }

  summary(detail: string | undefined): string {
    this.leave();
    const stages = this.finished.length > 0 ? ` (${this.finished.join(', ')})` : '';
    return `${this.time()}${stages}${detail ? `: ${detail}` : ''}`;
  }
}
