import { bytes, seconds } from '../../src/report/units.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [9_994, '9.99 kB'],
  [9_996, '10.0 kB'],
  [882_104, '882 kB'],
  [999_600, '1.00 MB'],
  [509_677_385, '510 MB'],
  [1_790_000_000, '1.79 GB'],
  [4_000_000_000_000_000, '4000 TB'],
])('%i bytes are written %s', (count, text) => {
  expect(bytes(count)).toBe(text);
});

test.each([
  [0.04, '0.0 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.6, '1 min 00 s'],
  [185, '3 min 05 s'],
  [3599, '59 min 59 s'],
  [3600, '1 h 00 min'],
  [7620, '2 h 07 min'],
])('%d seconds are written %s', (count, text) => {
  expect(seconds(count)).toBe(text);
});
