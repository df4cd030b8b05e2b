import fc from 'fast-check';
import { coresFor, inLanes } from '../../../src/jobs/build/lanes.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

test('never more at once than lanes, never a lane idle with work left, results in the order of the items', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 6 }),
      async (durations, lanes) => {
        let working = 0;
        let left = durations.length;
        const results = await inLanes(
          durations,
          lanes,
          async (duration, traffic) => {
            working += 1;
            left -= 1;
            expect(traffic().waiting).toBe(left);
            expect(traffic().working).toBeGreaterThanOrEqual(working);
            expect(traffic().working).toBeLessThanOrEqual(lanes);
            for (let index = 0; index < duration; index++) {
              await turn();
              // Whatever ended in the turn before has been replaced by now.
              expect(working === lanes || left === 0).toBe(true);
            }
            working -= 1;
            return duration;
          },
          never,
        );
        expect(results).toEqual(durations);
      },
    ),
  );
});

test('after an abort nothing new is begun, and what was not begun has no result', async () => {
  const stop = new AbortController();
  const begun: number[] = [];
  const results = await inLanes(
    [0, 1, 2, 3, 4],
    2,
    async (item) => {
      begun.push(item);
      if (item === 1) stop.abort();
      return item;
    },
    stop.signal,
  );
  expect(begun).toEqual([0, 1]);
  expect(results).toEqual([0, 1, undefined, undefined, undefined]);
});

test.each([
  ['two at work and more to come', { working: 2, waiting: 3 }, 2, 1],
  ['the last two', { working: 2, waiting: 0 }, 2, 2],
  ['the last one', { working: 1, waiting: 0 }, 2, 2],
  ['fewer lanes than cores', { working: 2, waiting: 9 }, 8, 4],
  ['the last sixteen', { working: 16, waiting: 0 }, 16, 2],
  ['more lanes than cores', { working: 3, waiting: 1 }, 2, 1],
])(
  'pahole gets its share of the cores, and twice that when nobody waits: %s',
  (_, traffic, cores, its) => {
    expect(coresFor(traffic, cores)).toBe(its);
  },
);
