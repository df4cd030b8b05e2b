import { setTimeout as wait } from 'node:timers/promises';
import { undiciHttp } from '../../src/download/http.ts';
import type { Ports } from '../../src/download/mirrors.ts';
import type { Clock } from '../../src/world/clock.ts';

/** A clock that runs so many times as fast as the real one: a deadline of 30 s passes in 0.3 s. */
export function fastClock(times: number): Clock {
  const began = performance.now();
  return {
    date: () => new Date(Date.UTC(2026, 0, 1) + (performance.now() - began) * times),
    now: () => (performance.now() - began) * times,
    sleep: (milliseconds, signal) =>
      wait(milliseconds / times, undefined, signal ? { signal } : {}),
  };
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes that look random, the same ones for the same seed. */
export function bytes(length: number, seed = 1): Buffer {
  const random = seeded(seed);
  const made = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) made.writeUInt32LE((random() * 2 ** 32) >>> 0, at);
  return made;
}

export function ports(changes: Partial<Ports> = {}): Ports {
  return { http: undiciHttp({}), clock: fastClock(100), random: seeded(7), ...changes };
}
