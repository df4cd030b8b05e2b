import type { Kernel } from '../../src/pages/answers.ts';
import { linesOf, rangesOf } from '../../src/pages/parts/lines.ts';

const kernel = (uname: string, position?: number, series?: number) =>
  ({ uname, position, series, arch: 'x86_64', releases: ['22.03-LTS'] }) as unknown as Kernel;

test('a kernel without BTF stands between its neighbours, whatever the series before are', () => {
  const kernels = [
    kernel('5.10.0-60.1.oe2203.x86_64', 7, 3),
    kernel('5.10.0-60.10.oe2203.x86_64', 8, 3),
    kernel('5.10.0-60.9.oe2203.x86_64'),
  ];
  expect(linesOf(kernels).map(({ kernels: own }) => own.map(({ uname }) => uname))).toEqual([
    ['5.10.0-60.10.oe2203.x86_64', '5.10.0-60.9.oe2203.x86_64', '5.10.0-60.1.oe2203.x86_64'],
  ]);
});

test('a range goes over kernels without BTF, and ends where the flavour does', () => {
  const kernels = [
    kernel('6.1.0-1-amd64', 0, 0),
    kernel('6.1.0-2-amd64'),
    kernel('6.1.0-3-amd64', 1, 0),
    kernel('6.1.0-1-cloud-amd64', 2, 1),
    kernel('6.1.0-2-cloud-amd64', 3, 1),
  ];
  const [line] = rangesOf(linesOf(kernels), () => true);
  expect(line?.ranges.map((range) => range.map(({ uname }) => uname))).toEqual([
    ['6.1.0-1-amd64', '6.1.0-3-amd64'],
    ['6.1.0-1-cloud-amd64', '6.1.0-2-cloud-amd64'],
  ]);
});
