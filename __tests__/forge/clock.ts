import { setTimeout as wait } from 'node:timers/promises';
import { LONGEST_ANSWER } from '../../src/forge/api.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { fastClock } from '../download/conditions.ts';

/**
 * A clock that runs so many times faster, but for the limit on the time of a forge's answer: a slow
 * machine is not taken for a slow forge.
 * @param limit real milliseconds after which an answer is too late
 */
export function forgeClock(times: number, limit = 60_000): Clock {
  const fast = fastClock(times);
  return {
    date: fast.date,
    now: fast.now,
    sleep: (milliseconds, signal) =>
      milliseconds === LONGEST_ANSWER
        ? wait(limit, undefined, signal ? { signal } : {})
        : fast.sleep(milliseconds, signal),
  };
}
