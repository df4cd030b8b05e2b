import { setTimeout as wait } from 'node:timers/promises';
import { undiciHttp } from '../../src/download/http.ts';
import {
  MirrorPool,
  type PoolDependencies,
  type PoolSettings,
} from '../../src/download/mirrors.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { type Behaviour, type FaultServer, faultServer } from './fault-server.ts';

/** A clock that stands still until it is told to go on. */
export class StillClock implements Clock {
  #now = 1000;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  date(): Date {
    return new Date(Date.UTC(2026, 0, 1) + this.#now);
  }

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { until: this.#now + milliseconds, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      });
    });
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const sleeper of this.#sleepers) {
      if (sleeper.until > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

/** A clock that runs so many times as fast as the real one: an idle timeout of 30 s passes in 0.3 s. */
export function fastClock(times: number): Clock {
  const began = performance.now();
  return {
    date: () => new Date(Date.UTC(2026, 0, 1) + (performance.now() - began) * times),
    now: () => (performance.now() - began) * times,
    sleep: (milliseconds, signal) =>
      wait(milliseconds / times, undefined, signal ? { signal } : {}),
  };
}

/**
 * A clock that stands still while anything happens, and jumps to the next sleeper when nothing does: waiting
 * costs no time, and a slow machine is not taken for a slow server. Whatever happens has to be told to it.
 */
export class IdleClock implements Clock {
  #now = 0;
  #quiet = 0;
  #runs = false;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  readonly date = () => new Date(Date.UTC(2026, 0, 1) + this.#now);
  readonly now = () => this.#now;

  /** Something happened. */
  readonly touch = () => {
    this.#quiet = 0;
  };

  readonly sleep = (milliseconds: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const wake = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper = { until: this.#now + milliseconds, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', abort);
      if (!this.#runs) void this.#run();
    });

  async #run(): Promise<void> {
    this.#runs = true;
    while (this.#sleepers.size > 0) {
      await wait(1);
      this.#quiet += 1;
      const next = Math.min(...[...this.#sleepers].map(({ until }) => until));
      // A long jump is a timeout: be sure that nothing is on its way.
      if (this.#quiet < (next - this.#now > 1000 ? 40 : 4)) continue;
      this.#now = next;
      for (const sleeper of this.#sleepers) {
        if (sleeper.until > this.#now) continue;
        this.#sleepers.delete(sleeper);
        sleeper.wake();
      }
      this.touch();
    }
    this.#runs = false;
  }
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

export function ports(changes: Partial<PoolDependencies> = {}): PoolDependencies {
  return { http: undiciHttp({}), clock: systemClock, random: seeded(7), ...changes };
}

/** Servers of the same files and the pool of them, all by one idle clock; `close` ends all that were made. */
export function mirrorField(files: Behaviour['files'], common: PoolSettings = {}) {
  const servers: FaultServer[] = [];
  const clock = new IdleClock();
  return {
    servers,
    clock,
    mirrors: async (
      behaviours: readonly Partial<Behaviour>[],
      settings: PoolSettings = {},
      changes: Partial<PoolDependencies> = {},
    ): Promise<MirrorPool> => {
      const { touch } = clock;
      const made = await Promise.all(
        behaviours.map((one) => faultServer({ files, clock, touch, ...one })),
      );
      servers.push(...made);
      const bases = made.map(({ base }) => base);
      return new MirrorPool(bases, ports({ clock, ...changes }), { ...common, ...settings });
    },
    close: async () => {
      await Promise.all(servers.splice(0).map((server) => server.close()));
    },
  };
}

export async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk)); // its memory is used again
  return Buffer.concat(chunks);
}
