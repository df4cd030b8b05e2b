import fc from 'fast-check';
import { Semaphore } from '../../../src/jobs/make-btf/semaphore.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('no more is out at any time than there is, whatever comes, goes and gives up, and all are served', async () => {
  const visitor = fc.record({
    amount: fc.integer({ min: 0, max: 12 }),
    turns: fc.integer({ min: 0, max: 4 }),
    givesUp: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(visitor, { maxLength: 12 }), async (visitors) => {
      const capacity = 10;
      const budget = new Semaphore(capacity);
      let out = 0;
      let served = 0;
      await Promise.all(
        visitors.map(async ({ amount, turns, givesUp }) => {
          const patience = new AbortController();
          const taking = budget.acquire(amount, patience.signal);
          if (givesUp) patience.abort(new Error('gave up'));
          const giveBack = await taking.catch(() => undefined);
          if (!giveBack) return;
          served += 1;
          out += Math.min(amount, capacity);
          expect(out).toBeLessThanOrEqual(capacity);
          for (let index = 0; index < turns; index++) await turn();
          out -= Math.min(amount, capacity);
          giveBack();
          giveBack();
        }),
      );
      expect(served).toBeGreaterThanOrEqual(visitors.filter(({ givesUp }) => !givesUp).length);
      expect(budget.free).toBe(capacity);
    }),
  );
});

test('a request for more than there is gets all of it, alone', async () => {
  const budget = new Semaphore(10);
  const small = await budget.acquire(1);
  let alone = false;
  const large = budget.acquire(1000).then((release) => {
    alone = true;
    return release;
  });
  await turn();
  expect(alone).toBe(false);
  small();
  const release = await large;
  expect(budget.free).toBe(0);
  release();
  expect(budget.free).toBe(10);
});

test('a large wish at the head of the queue is not starved by small ones behind it', async () => {
  const budget = new Semaphore(10);
  const order: string[] = [];
  const first = await budget.acquire(6);
  const large = budget.acquire(8).then((release) => {
    order.push('large');
    release();
  });
  const small = budget.acquire(2).then((release) => {
    order.push('small');
    release();
  });
  await turn();
  expect(order).toEqual([]);
  first();
  await Promise.all([large, small]);
  expect(order).toEqual(['large', 'small']);
});
