import type { Platform } from '../platform/platform.ts';
import { logProgress, workflowProgress } from './log.ts';
import type { Progress } from './progress.ts';
import { terminalProgress } from './terminal.ts';

/** Progress for the place where btfhub runs: a workflow's log, a terminal, or a pipe. */
export function openProgress({ env, stderr, clock, workflow }: Platform): Progress {
  if (workflow !== undefined) return workflowProgress(workflow, clock);
  const isTerminal = stderr.isTTY === true && env.TERM !== 'dumb' && !env.CI;
  return isTerminal ? terminalProgress(stderr, clock, env) : logProgress(stderr, clock);
}
