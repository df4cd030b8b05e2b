import { paholeCores } from '../../../src/jobs/make-btf/pahole-cores.ts';

test.each([
  ['two in work and more to come', { working: 2, waiting: 3 }, 2, 1],
  ['the last two', { working: 2, waiting: 0 }, 2, 2],
  ['the last one', { working: 1, waiting: 0 }, 2, 2],
  ['fewer kernels in work than cores', { working: 2, waiting: 9 }, 8, 4],
  ['the last sixteen', { working: 16, waiting: 0 }, 16, 2],
  ['more kernels in work than cores', { working: 3, waiting: 1 }, 2, 1],
])(
  'pahole gets its share of the cores, and twice that when no kernel waits: %s',
  (_, unfinished, cores, expected) => {
    expect(paholeCores(unfinished, cores)).toBe(expected);
  },
);
