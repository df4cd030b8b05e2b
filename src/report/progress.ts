/** What a job tells while it works; a terminal, a log or a test decides how it looks. */
export interface Progress {
  /** Begins one kernel (or another long piece of work); its name is what a person recognises it by. */
  begin(name: string): Task;
  /** One line of news. */
  note(message: string): void;
  /** One line that a person should see even in a long log. */
  warn(message: string): void;
}

export interface Task {
  /** Enters a stage (`download`, `pahole`, ...); total in bytes, where it is known. */
  stage(name: string, total?: number): void;
  /** So many bytes more of the present stage. */
  advance(bytes: number): void;
  /** The task is over; `result` is one or two words, `detail` what a person needs besides. */
  end(result: string, detail?: string): void;
}

/** Tells nothing to anyone. */
export const silent: Progress = {
  begin: () => ({ stage: () => {}, advance: () => {}, end: () => {} }),
  note: () => {},
  warn: () => {},
};
