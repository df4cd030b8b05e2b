import fc from 'fast-check';
import { makeMatrix } from '../../../src/jobs/plan/matrix.ts';
import { asArch } from '../../../src/names.ts';
import { kernelOf } from './kernel.ts';

const kernels = fc
  .uniqueArray(
    fc.record({
      number: fc.integer({ min: 1, max: 9999 }),
      size: fc.integer({ min: 1e6, max: 6e8 }),
      release: fc.constantFrom('22.03-LTS', '22.03-LTS-SP1', '24.03-LTS'),
      arch: fc.constantFrom('x86_64', 'aarch64').map(asArch),
    }),
    { selector: ({ number }) => number, maxLength: 80 },
  )
  .map((list) => list.map(({ number, ...changes }) => kernelOf(number, changes)));
const jobs = fc.integer({ min: 1, max: 256 });

test('every kernel is in one job, and no job is empty or one too many', () => {
  fc.assert(
    fc.property(kernels, jobs, (all, most) => {
      const { include, count } = makeMatrix(all, most);
      expect(count).toBe(all.length);
      expect(include.length).toBeLessThanOrEqual(most);
      expect(include.map(({ shard }) => shard)).toEqual(include.map((_, index) => index + 1));
      const named = include.flatMap((job) => job.kernels.split(' '));
      expect(named.filter(Boolean).sort()).toEqual(all.map(({ uname }) => uname).sort());
      for (const job of include) expect(job.bytes).toBeGreaterThan(0);
    }),
  );
});

test('no job has more than twice its share and the largest kernel', () => {
  fc.assert(
    fc.property(kernels, jobs, (all, most) => {
      const { include } = makeMatrix(all, most);
      const total = all.reduce((sum, { size }) => sum + size, 0);
      const largest = Math.max(0, ...all.map(({ size }) => size));
      const share = total / Math.max(1, Math.min(most, all.length));
      for (const { bytes } of include) expect(bytes).toBeLessThanOrEqual(2 * share + largest);
    }),
  );
});

test('a job names the releases and architectures of its kernels, and those alone', () => {
  fc.assert(
    fc.property(kernels, jobs, (all, most) => {
      for (const job of makeMatrix(all, most).include) {
        const own = all.filter(({ uname }) => job.kernels.split(' ').includes(uname));
        expect(new Set(job.release.split(' '))).toEqual(new Set(own.map((k) => k.releases[0])));
        expect(new Set(job.arch.split(' '))).toEqual(new Set(own.map(({ arch }) => arch)));
      }
    }),
  );
});

test('hundreds of kernels of one size on 20 jobs differ by one kernel a job at the most', () => {
  const all = Array.from({ length: 690 }, (_, index) => kernelOf(index + 1));
  const sizes = makeMatrix(all, 20).include.map(({ kernels: words }) => words.split(' ').length);
  expect(sizes).toHaveLength(20);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
});

test('with jobs to spare, each has kernels of one release and architecture', () => {
  const all = ['22.03-LTS', '24.03-LTS'].flatMap((release, group) =>
    [1, 2, 3].map((number) => kernelOf(group * 10 + number, { release })),
  );
  const { include } = makeMatrix(all, 6);
  expect(include.map(({ release }) => release)).toEqual([
    ...['22.03-LTS', '22.03-LTS', '22.03-LTS', '24.03-LTS', '24.03-LTS', '24.03-LTS'],
  ]);
});

test('without kernels there is no job, and the count says so', () => {
  expect(makeMatrix([], 20)).toEqual({ include: [], count: 0 });
});

test('more than a workflow can pass on is refused, with what to do', () => {
  const all = Array.from({ length: 40_000 }, (_, index) => kernelOf(index + 1));
  expect(() => makeMatrix(all, 2)).toThrow('larger than a workflow can pass');
});
