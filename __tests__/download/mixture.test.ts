import { download } from '../../src/download/download.ts';
import { Failure } from '../../src/failure.ts';
import { bytes, mirrorField, seeded } from './conditions.ts';
import type { Behaviour, Misdeed } from './fault-server.ts';

const RUNS = 200;
const AT_ONCE = 24;
const FILE = bytes(60_001);
const WINDOW = 64 * 1024;
const CHUNK = 128 * 1024;

type Random = () => number;
const upTo = (random: Random, most: number) => Math.floor(random() * most);

/** Everything that can happen to a request but wrong bytes, which is for a checksum to find. */
const KINDS: readonly ((random: Random) => Misdeed)[] = [
  () => ({ kind: 'status', status: 500 }),
  () => ({ kind: 'status', status: 504 }),
  () => ({ kind: 'status', status: 416 }),
  () => ({ kind: 'status', status: 404 }),
  (random) => ({ kind: 'status', status: 429, retryAfter: `${upTo(random, 5)}` }),
  () => ({ kind: 'mute' }),
  (random) => ({ kind: 'stall', after: upTo(random, 9000) }),
  (random) => ({ kind: 'reset', after: upTo(random, 9000) }),
  (random) => ({ kind: 'short', by: 1 + upTo(random, 3000) }),
  (random) => ({ kind: 'long', by: 1 + upTo(random, 3000) }),
  () => ({ kind: 'elsewhere' }),
  () => ({ kind: 'other-size' }),
  () => ({ kind: 'other-etag' }),
  () => ({ kind: 'other-date' }),
  () => ({ kind: 'whole' }),
  () => ({ kind: 'labelled' }),
  () => ({ kind: 'gzipped' }),
  () => ({ kind: 'redirect', to: '/k' }),
  (random) => ({ kind: 'slow', bytesPerSecond: 20_000 + upTo(random, 200_000) }),
];

/** One mirror with a character of its own: how often it fails, and in which of the ways. */
function character(random: Random): Partial<Behaviour> {
  const often = random() < 0.2 ? 0.9 : random() * 0.4;
  const ways = Array.from({ length: 1 + upTo(random, 4) }, () => KINDS[upTo(random, KINDS.length)]);
  return {
    ranges: random() > 0.1,
    ...(random() < 0.15 ? { diesAfter: upTo(random, 60_000) } : {}),
    ...(random() < 0.2 ? { bytesPerSecond: 100_000 + upTo(random, 2_000_000) } : {}),
    ...(random() < 0.2 ? { etag: null } : {}),
    misdeed: () =>
      (random() < often ? ways[upTo(random, ways.length)]?.(random) : undefined) ?? {
        kind: 'none',
      },
  };
}

interface Result {
  readonly seed: number;
  readonly outcome: 'exact' | 'failed' | string;
}

async function run(seed: number): Promise<Result> {
  const random = seeded(seed);
  const field = mirrorField({ '/k': FILE }, { window: WINDOW });
  const { clock } = field;
  const count = 1 + upTo(random, 3);
  const pool = await field.mirrors(
    Array.from({ length: count }, () => character(random)),
    { connections: 1 + upTo(random, 4), idleTimeout: 5000 },
    { random },
  );
  const one = download(pool, { path: 'k', size: FILE.length });
  const slow = random() < 0.2;
  let at = 0;
  try {
    for await (const chunk of one) {
      if (!FILE.subarray(at, at + chunk.length).equals(chunk)) {
        return { seed, outcome: `other bytes from ${at}` };
      }
      at += chunk.length;
      clock.touch();
      if (slow) await clock.sleep(300);
    }
  } catch (error) {
    const named =
      error instanceof Failure &&
      error.reason === 'network' &&
      pool.mirrors.every(({ base }) => error.message.includes(`${base}: `));
    return { seed, outcome: named ? 'failed' : `threw ${error}` };
  } finally {
    await field.close();
  }
  if (at !== FILE.length) return { seed, outcome: `${at} bytes` };
  const { most, now } = one.buffered;
  const bound = WINDOW + CHUNK * count * 4;
  return { seed, outcome: now === 0 && most <= bound ? 'exact' : `held ${most}, holds ${now}` };
}

test(`${RUNS} mixtures of faults give the exact bytes or a failure by name`, async () => {
  const results: Result[] = [];
  const seeds = Array.from({ length: RUNS }, (_, nth) => nth + 1);
  const worker = async () => {
    for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
      results.push(await run(seed));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const neither = results.filter(({ outcome }) => outcome !== 'exact' && outcome !== 'failed');
  expect(neither).toEqual([]);
  // Nearly all mixtures leave a way to the bytes; a program that gives up early would show here.
  const exact = results.filter(({ outcome }) => outcome === 'exact').length;
  expect(exact).toBeGreaterThan(RUNS * 0.7);
}, 240_000);
