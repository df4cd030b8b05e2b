import { type Measured, STAGES, type StageName } from '../../archive/record.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Task } from '../../report/progress.ts';

/** Times the stages of one kernel for its record, and reports them to its progress task. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #task: Task;
  readonly #measured: Partial<Record<StageName, Measured>> = {};
  #since = 0;

  constructor(clock: Clock, task: Task) {
    this.#clock = clock;
    this.#task = task;
  }

  /** Starts a stage; `total` is the number of bytes that it processes, where known. */
  begin(stage: StageName, total?: number): void {
    this.#since = this.#clock.now();
    this.#task.stage(stage, total);
  }

  advance(bytes: number): void {
    this.#task.advance(bytes);
  }

  /** Ends a stage that produced so many bytes. When a stage runs twice, the last time counts. */
  end(stage: StageName, bytes: number): void {
    const seconds = Math.round(this.#clock.now() - this.#since) / 1000;
    this.#measured[stage] = { seconds, bytes };
  }

  get stages(): Readonly<Record<StageName, Measured>> {
    const none: Measured = { seconds: 0, bytes: 0 };
    const entries = STAGES.map((stage) => [stage, this.#measured[stage] ?? none] as const);
    return Object.fromEntries(entries) as Record<StageName, Measured>;
  }
}
