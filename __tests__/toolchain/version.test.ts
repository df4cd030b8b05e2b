import { atLeast, compareVersions, versionIn } from '../../src/toolchain/version.ts';

test.each([
  ['v1.24\n', '1.24'],
  ['1.31', '1.31'],
  ['v1.30-12-gabcdef', '1.30'],
  ['xz (XZ Utils) 5.8.3\nliblzma 5.4.1\n', '5.8.3'],
  ['no version here 7', undefined],
  ['', undefined],
])('the version in %j is %j', (text, version) => {
  expect(versionIn(text)).toBe(version);
});

test('versions are compared by number, and a missing part counts as 0', () => {
  expect(compareVersions('1.9', '1.31')).toBeLessThan(0);
  expect(compareVersions('5.8', '5.8.0')).toBe(0);
  expect(compareVersions('2.0', '1.31')).toBeGreaterThan(0);
  expect(atLeast('1.31', '1.31')).toBe(true);
  expect(atLeast('5.4.1', '5.8')).toBe(false);
});
