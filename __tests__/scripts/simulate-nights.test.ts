import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const script = join(import.meta.dirname, '..', '..', 'scripts', 'simulate-nights.mjs');

function simulate(...args: string[]): number[][] {
  const table = execFileSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => row.split('|').slice(1, -1).map(Number));
}

test('a backfill without failures downloads every package once, however many runners share it', () => {
  const rows = simulate('--kernels', '100', '--failures', '0', '--lost', '0');
  expect(rows.map(([runners, , , , again]) => [runners, again])).toEqual([
    [1, 0],
    [4, 0],
    [20, 0],
  ]);
  const [one, four, twenty] = rows.map(([, , , gigabytes]) => gigabytes);
  expect([four, twenty]).toEqual([one, one]);
});

test('what failed is tried again on later nights until everything is there, and no more than that', () => {
  const [one] = simulate('--kernels', '100', '--failures', '20', '--lost', '0');
  const [, nights, , , again] = one ?? [];
  expect(nights).toBeGreaterThan(1);
  expect(again).toBeGreaterThan(10);
  expect(again).toBeLessThan(50);
});
