import { nearestKernels } from '../../../src/jobs/fetch/nearest.ts';
import { kernelOf } from '../../archive/archive-files.ts';

const kernels = [
  '5.10.0-60.9.0.40.oe2203.x86_64',
  '5.10.0-60.18.0.50.oe2203.x86_64',
  '5.10.0-136.12.0.86.oe2203sp1.x86_64',
  '5.10.0-153.1.0.79.oe2203sp2.x86_64',
  '5.10.0-60.18.0.50.oe2203.aarch64',
  '6.6.0-28.0.0.34.oe2403.x86_64',
].map(kernelOf);
const near = (uname: string) => nearestKernels(kernels, kernelOf(uname)).map((one) => one.uname);

test('two on either side by rpm’s order, where 9 is before 18', () => {
  expect(near('5.10.0-60.70.0.99.oe2203.x86_64')).toEqual([
    '5.10.0-60.9.0.40.oe2203.x86_64',
    '5.10.0-60.18.0.50.oe2203.x86_64',
    '5.10.0-136.12.0.86.oe2203sp1.x86_64',
    '5.10.0-153.1.0.79.oe2203sp2.x86_64',
  ]);
  expect(near('5.10.0-60.1.oe2203.x86_64')).toEqual([
    '5.10.0-60.9.0.40.oe2203.x86_64',
    '5.10.0-60.18.0.50.oe2203.x86_64',
  ]);
  expect(near('5.10.0-200.1.oe2203sp3.x86_64')).toEqual([
    '5.10.0-136.12.0.86.oe2203sp1.x86_64',
    '5.10.0-153.1.0.79.oe2203sp2.x86_64',
  ]);
});

test('none of another architecture or another version of the kernel', () => {
  expect(near('5.10.0-1.oe2203.aarch64')).toEqual(['5.10.0-60.18.0.50.oe2203.aarch64']);
  expect(near('4.19.90-2112.8.0.0131.oe1.x86_64')).toEqual([]);
});

test('of its own VERSION_ID where there are any', () => {
  const twin = {
    ...kernelOf('5.10.0-61.1.x86_64'),
    versionId: kernelOf('6.6.0-1.x86_64').versionId,
  };
  const wanted = kernelOf('5.10.0-60.99.x86_64');
  expect(nearestKernels([...kernels, twin], wanted)).not.toContain(twin);
  expect(nearestKernels([twin], wanted)).toEqual([twin]);
});
