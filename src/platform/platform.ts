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
  /** Answers: what the command was asked for, and nothing else. */
  readonly stdout: Output;
  /** Everything a person reads while it works. */
  readonly stderr: Output;
  /** Aborted on SIGINT and SIGTERM: everything that waits listens to it. */
  readonly interrupted: AbortSignal;
}

export type Output = Pick<Writable, 'write'> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};
