import fc from 'fast-check';
import { type Mirror, MirrorPool } from '../../src/download/mirrors.ts';
import type { Segment } from '../../src/download/segment.ts';
import { BlockPool, Window } from '../../src/download/window.ts';
import { bytes, ports } from './conditions.ts';

const MiB = 1024 * 1024;

function cut(window: Window, share: number | undefined, running: number): Segment {
  const segment = window.cut(share, running);
  if (segment === undefined) throw new Error('there is no room');
  return segment;
}

test('segments are larger for quicker connections, within bounds', () => {
  const window = new Window(1000 * MiB, () => 32 * MiB, new BlockPool());
  const lengths = [undefined, 0, 0.01, 0.1, 0.125, 0.75].map((share) => {
    const segment = cut(window, share, 1);
    return (segment.end - segment.received) / MiB;
  });
  expect(lengths.map((one) => Math.round(one * 10) / 10)).toEqual([1, 0.5, 0.5, 2.6, 3.2, 19.2]);
});

test('the narrowest window has a segment of unknown pace be large enough to measure the pace by', () => {
  const pool = new MirrorPool(['http://a.example/'], ports());
  for (let downloads = 0; downloads < 16; downloads++) pool.join();
  const segment = cut(new Window(1000 * MiB, () => pool.share.window, pool.blocks), undefined, 0);
  const [mirror] = pool.mirrors as readonly [Mirror];
  pool.measure(mirror, segment.end, 1);
  expect(pool.rate(mirror)).toBeDefined();
});

test('segments follow each other without gaps, fill the window and no more, and end with the file', () => {
  const shares = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined });
  const sizes = fc.integer({ min: 1, max: 20_000 });
  const plans = fc.array(fc.record({ share: shares, running: fc.nat(20) }), {
    minLength: 300,
    maxLength: 300,
  });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 64, max: 9000 }), plans, (size, width, plan) => {
      const file = bytes(size);
      const window = new Window(size, () => width, new BlockPool(61));
      const taken: Uint8Array[] = [];
      let planned = 0;
      for (const { share, running } of plan) {
        const segment = window.hasRoom ? window.cut(share, running) : undefined;
        if (segment === undefined) {
          for (const segment of window.segments) {
            const part = file.subarray(segment.received, segment.end);
            window.keep(segment.accept(segment.received, part));
          }
          for (let piece = window.take(); piece; piece = window.take()) {
            taken.push(Buffer.from(piece));
          }
          continue;
        }
        const { received, end } = segment;
        expect(received).toBe(planned);
        expect(end).toBeGreaterThan(received);
        expect(end).toBeLessThanOrEqual(Math.min(size, window.end));
        planned = end;
      }
      expect(file.subarray(0, Buffer.concat(taken).length).equals(Buffer.concat(taken))).toBe(true);
      expect(window.held.most).toBeLessThanOrEqual(width);
    }),
    { numRuns: 30 },
  );
});

test('behind a slow consumer segments do not get smaller: a small room waits for the next one', () => {
  const window = new Window(1000 * MiB, () => 10 * MiB, new BlockPool());
  const lengths: number[] = [];
  const piece = Buffer.alloc(256 * 1024);
  for (let turn = 0; turn < 400; turn++) {
    for (let next = window.cut(0.25, 3); next; next = window.cut(0.25, 3)) {
      lengths.push((next.end - next.received) / MiB);
    }
    const coming = window.segments.find((one) => !one.complete);
    if (coming) window.keep(coming.accept(coming.received, piece));
    window.take();
  }
  expect(lengths.length).toBeGreaterThan(50);
  expect(new Set(lengths)).toEqual(new Set([2]));
});

test('bytes that come twice count once', () => {
  const window = new Window(100, () => 6400, new BlockPool(64));
  const segment = cut(window, 1, 0);
  const file = bytes(100);
  expect(segment.accept(0, file.subarray(0, 60))).toBe(60);
  expect(segment.accept(0, file.subarray(0, 40))).toBe(0);
  expect(segment.accept(40, file.subarray(40))).toBe(40);
  const pieces: Buffer[] = [];
  for (let piece = window.take(); piece; piece = window.take()) {
    pieces.push(Buffer.from(piece));
  }
  expect(Buffer.concat(pieces).equals(file)).toBe(true);
});

test('the rest is one segment from the first gap, and shrinks to what came when its stream breaks', () => {
  const window = new Window(1000, () => 400, new BlockPool(64));
  const file = bytes(1000);
  const quarter = () => cut(window, 0.25, 0);
  const [first, second, third] = [quarter(), quarter(), quarter()];
  for (const one of [first, third]) {
    window.keep(one.accept(one.received, file.subarray(one.received, one.end)));
  }
  const rest = window.remainder();
  expect(rest).toBe(second);
  expect([rest?.received, rest?.end]).toEqual([80, 1000]);
  expect(window.held.now).toBe(80);
  second.accept(80, file.subarray(80, 90));
  window.shorten(second);
  expect(second.complete).toBe(true);
  expect(window.cut(0.25, 0)?.received).toBe(90);
});
