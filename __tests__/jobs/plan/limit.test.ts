import fc from 'fast-check';
import {
  estimatedSeconds,
  type Limits,
  parseLimit,
  tightest,
  withinLimits,
} from '../../../src/jobs/plan/limit.ts';
import { kernelOf } from './kernel.ts';

test.each<[string, Limits]>([
  ['20', { kernels: 20 }],
  ['500MB', { bytes: 500e6 }],
  ['1.5TB', { bytes: 1.5e12 }],
  ['90min', { minutes: 90 }],
  ['6h', { minutes: 360 }],
])('%s is understood', (word, limits) => {
  expect(parseLimit(word)).toEqual(limits);
});

test.each(['', '0', '1.5', '-3', '20gb', '20 GB', 'GB', '1e3', '5s'])("'%s' is refused", (word) => {
  expect(() => parseLimit(word)).toThrow('is no limit');
});

test('of several limits the tightest of each kind counts', () => {
  expect(tightest(['20', '10', '5GB', '1h', '30min'].map(parseLimit))).toEqual({
    kernels: 10,
    bytes: 5e9,
    minutes: 30,
  });
});

const kernels = fc
  .uniqueArray(fc.record({ number: fc.integer({ min: 1, max: 9999 }), size: fc.nat(2e9) }), {
    selector: ({ number }) => number,
    minLength: 1,
    maxLength: 40,
  })
  .map((list) => list.map(({ number, size }) => kernelOf(number, { size: size + 1 })));
const limits = fc.record(
  {
    kernels: fc.integer({ min: 1, max: 50 }),
    bytes: fc.integer({ min: 1, max: 2e10 }),
    minutes: fc.integer({ min: 1, max: 99 }),
  },
  { requiredKeys: [] },
);

test('what fits is the newest of them, within every limit, and never nothing', () => {
  fc.assert(
    fc.property(kernels, limits, (all, limit) => {
      const taken = withinLimits(all, limit);
      expect(taken.length).toBeGreaterThan(0);
      const left = all.filter((kernel) => !taken.includes(kernel));
      const oldestTaken = Math.min(...taken.map(({ builtAt }) => builtAt));
      for (const { builtAt } of left) expect(builtAt).toBeLessThan(oldestTaken);
      if (taken.length === 1) return;
      const size = taken.reduce((sum, kernel) => sum + kernel.size, 0);
      const seconds = taken.reduce((sum, kernel) => sum + estimatedSeconds(kernel), 0);
      expect(taken.length).toBeLessThanOrEqual(limit.kernels ?? Infinity);
      expect(size).toBeLessThanOrEqual(limit.bytes ?? Infinity);
      expect(seconds / 60).toBeLessThanOrEqual(limit.minutes ?? Infinity);
    }),
  );
});

test('nights with a limit come to an end, with every kernel built once', () => {
  fc.assert(
    fc.property(kernels, limits, (all, limit) => {
      let left: typeof all = [...all];
      for (let night = 0; left.length > 0; night += 1) {
        expect(night).toBeLessThan(all.length);
        const tonight = new Set(withinLimits(left, limit));
        left = left.filter((kernel) => !tonight.has(kernel));
      }
    }),
  );
});
