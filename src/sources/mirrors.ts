import type { Mirror } from '../download/mirror.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../world/clock.ts';

/** Every mirror is asked at most so often: what broke off, or was being updated, is often whole a moment later. */
const ROUNDS = 2;
const PAUSE_MS = 2000;

/**
 * What the first mirror that has it says; undefined when a mirror said it has no such thing and none
 * had it. Rejects when no mirror could answer: with its failure where there is one mirror, else with
 * one that tells all.
 */
export async function onAnyMirror<Result>(
  mirrors: readonly Mirror[],
  clock: Clock,
  signal: AbortSignal,
  ask: (mirror: Mirror) => Promise<Result | undefined>,
): Promise<Result | undefined> {
  const failures: Failure[] = [];
  let absent = false;
  for (let round = 1; round <= ROUNDS && !absent; round += 1) {
    if (round > 1) await clock.sleep(PAUSE_MS, signal);
    failures.length = 0;
    for (const mirror of mirrors) {
      try {
        const result = await ask(mirror);
        if (result !== undefined) return result;
        absent = true;
      } catch (error) {
        if (signal.aborted || !(error instanceof Failure) || !isOfTheMirror(error)) throw error;
        failures.push(error);
      }
    }
  }
  const [first, ...others] = failures;
  if (absent || first === undefined) return undefined;
  if (others.length === 0) throw first;
  const messages = failures.map(({ message }, index) => `(${index + 1}) ${message}`);
  throw new Failure(first.reason, `No mirror could help. ${messages.join(' ')}`, first.advice);
}

/** Whether another mirror, or the same one later, may do better. */
function isOfTheMirror({ reason }: Failure): boolean {
  return ['network', 'bad-repository', 'checksum-mismatch'].includes(reason);
}
