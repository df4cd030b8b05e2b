import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { compareEvr, rpmvercmp } from '../../src/sources/version.ts';
import { shared, testWithShared } from '../shared.ts';

/**
 * librpm's own answers, through the Lua that rpm carries, hundreds of pairs in a call. It takes
 * `version-release` apart at the hyphen and refuses the empty string, as rpm does everywhere.
 */
function rpmSays(pairs: readonly (readonly [string, string])[]): readonly number[] {
  const quote = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
  const calls = pairs.map(([a, b]) => `rpm.vercmp(${quote(a)},${quote(b)})`);
  const out: number[] = [];
  // An argument has at most 128 kB.
  for (let at = 0; at < calls.length; at += 500) {
    const lua = calls.slice(at, at + 500).map((call) => `print(${call}, " ")`);
    const text = execFileSync('rpm', ['--eval', `%{lua:${lua.join(' ')}}`], { encoding: 'utf8' });
    out.push(...text.trim().split(/\s+/).map(Number));
  }
  return out;
}

const expectAsRpm = (pairs: readonly (readonly [string, string])[]) => {
  const expected = rpmSays(pairs);
  expect(expected).toHaveLength(pairs.length);
  const wrong = pairs.filter(([a, b], index) => rpmvercmp(a, b) !== expected[index]);
  expect(wrong).toEqual([]);
};

// The pairs that rpm's own test suite (rpmvercmp.at) is about: separators, zeros, letters, ~ and ^.
const WORDS = [
  ...['1.0', '1.0.1', '2.0.1a', '5.5p1', '5.5p10', '10xyz', 'xyz10', 'xyz.4', '8', 'a', '1', '0'],
  ...[
    '5.5p2',
    '5.6p1',
    '6.0.rc1',
    '6.0',
    '10b2',
    '10a1',
    '1.0aa',
    '1.0a',
    '10.0001',
    '10.1',
    '10.0039',
  ],
  ...[
    '4.999.9',
    '20101121',
    '20101122',
    '2_0',
    '2.0',
    '2+0',
    'a+',
    'a_',
    '+a',
    '_a',
    '++',
    '_',
    '.',
  ],
  ...['1.0~rc1', '1.0~rc2', '1.0~rc1~git123', '1.0~', '1.0^', '1.0^git1', '1.0^git2', '1.0.1^git1'],
  ...[
    '1.0^20160101',
    '1.0^20160102',
    '1.0~rc1^git1',
    '1.0^git1~pre',
    '1.01^git1',
    '~',
    '^',
    '~~',
    '^^',
  ],
  ...['1.0^git1~pre1', '001', '1.', '1..', '.1', '00', '1a', '1.a', '1a1', '1~a', '1^a'],
];

test('orders every two of the awkward versions as rpm does', () => {
  expectAsRpm(WORDS.flatMap((a) => WORDS.map((b) => [a, b] as const)));
});

test('orders random versions as rpm does', () => {
  const piece = fc.constantFrom(
    '0',
    '1',
    '9',
    '10',
    '007',
    'a',
    'b',
    'oe',
    'sp1',
    '.',
    '~',
    '^',
    '_',
    '+',
  );
  const version = fc.array(piece, { minLength: 1, maxLength: 7 }).map((pieces) => pieces.join(''));
  expectAsRpm(fc.sample(fc.tuple(version, version), { numRuns: 1500, seed: 3 }));
});

test('is an order: antisymmetric, and equal to itself', () => {
  const version = fc.stringMatching(/^[0-9a-z.~^]{0,8}$/);
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(rpmvercmp(a, b)).toBe(0 - rpmvercmp(b, a) || 0);
      expect(rpmvercmp(a, a)).toBe(0);
    }),
  );
});

test('the epoch decides first, then the version, then the release', () => {
  const evr = (epoch: number, version: string, release: string) => ({ epoch, version, release });
  expect(compareEvr(evr(1, '1', '1'), evr(0, '9', '9'))).toBeGreaterThan(0);
  expect(compareEvr(evr(0, '1.9', '9'), evr(0, '1.10', '1'))).toBeLessThan(0);
  expect(compareEvr(evr(0, '1', '9'), evr(0, '1', '10'))).toBeLessThan(0);
});

testWithShared('archive-listing.txt')(
  'orders all neighbours of the real archive as rpm does',
  () => {
    const lines = readFileSync(join(shared, 'archive-listing.txt'), 'utf8').trim().split('\n');
    const names = lines.map((line) => line.replace(/^.*\/(.*)\.[^.]+\.btf\.tar\.xz$/, '$1'));
    const neighbours = names.slice(1).map((name, index) => [names[index] ?? '', name] as const);
    const evr = (name: string) => {
      const [version = '', release = ''] = name.split('-');
      return { epoch: 0, version, release };
    };
    const ours = neighbours.map(([a, b]) => Math.sign(compareEvr(evr(a), evr(b))));
    expect(ours).toEqual(rpmSays(neighbours));
  },
);
