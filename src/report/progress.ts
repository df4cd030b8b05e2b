/** How a job reports its progress. Implemented for a terminal, for a log and for a workflow's log. */
export interface Progress {
  /** Starts a task, which is usually one kernel. The name is shown to the user. */
  begin(name: string): Task;
  /** Prints one line of information. */
  note(message: string): void;
  /** Prints a warning. */
  warn(message: string): void;
}

export interface Task {
  /** Starts a stage (`download`, `pahole`, ...); total in bytes, if known. */
  stage(name: string, total?: number): void;
  /** Adds bytes to the current stage. */
  advance(bytes: number): void;
  /** Ends the task; `result` is one or two words, `detail` is more for the user. */
  end(result: string, detail?: string): void;
}

/** Prints nothing. */
export const silent: Progress = {
  begin: () => ({ stage: () => {}, advance: () => {}, end: () => {} }),
  note: () => {},
  warn: () => {},
};
