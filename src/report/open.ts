import type { Platform } from '../platform/platform.ts';
import { actionsProgress, logProgress } from './log.ts';
import type { Progress } from './progress.ts';
import { terminalProgress } from './terminal.ts';

/** The way of showing progress that suits where we run: a terminal, a workflow's log, or a pipe. */
export function openProgress({ env, stderr, clock }: Platform): Progress {
  if (env.GITHUB_ACTIONS === 'true') return actionsProgress(stderr, clock);
  const terminal = stderr.isTTY === true && env.TERM !== 'dumb' && env.CI === undefined;
  return terminal ? terminalProgress(stderr, clock) : logProgress(stderr, clock);
}
