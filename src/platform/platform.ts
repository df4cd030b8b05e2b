import type { Writable } from 'node:stream';
import type { Clock } from './clock.ts';
import type { Http } from './http.ts';
import type { Programs } from './programs.ts';

/** Everything outside the process. It is handed in at the top, so that a test can replace a part of it. */
export interface Platform {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly http: Http;
  readonly programs: Programs;
  /** The result of the command. In a workflow, its log as well. */
  readonly stdout: Output;
  /** Progress, notes and errors. */
  readonly stderr: Output;
  /**
   * The log of a workflow, which goes to standard output. Undefined where the host does not read workflow
   * commands, and with `--json`, where standard output has the JSON document.
   */
  readonly workflow?: WorkflowLog | undefined;
  /** Aborted on SIGINT and SIGTERM: everything that waits listens to it. */
  readonly interrupted: AbortSignal;
}

/** A stream to write to; what only a terminal has is undefined for a file or a pipe. */
export type Output = Pick<Writable, 'write'> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Whether it shows colours, by its terminfo and NO_COLOR (tty.WriteStream). */
  hasColors?(): boolean;
  on?(event: 'resize', listener: () => void): unknown;
};

/** A line of a file of the repository; the path starts at the repository's root. */
export interface AnnotatedLine {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Workflow commands of GitHub, Gitea and AtomGit: the lines of the log that their runners interpret. */
export interface WorkflowLog {
  info(line: string): void;
  /** A warning annotation. */
  warning(message: string): void;
  /** An error annotation, on a line of the repository where it is about one. */
  error(message: string, title: string, source?: AnnotatedLine): void;
  /** Starts a folded group; groups do not nest. */
  startGroup(title: string): void;
  endGroup(): void;
  /** The runner replaces this text by `***` in the rest of the log. */
  mask(secret: string): void;
}
