import { writeSection } from '../hostile/faults-page.ts';
import { type Round, rounds, run, SICKNESSES, type Subject } from './mixtures.ts';

/** `npm run test:faults` runs many, and writes docs/faults.md; every test run does a few. */
const ROUNDS = Number(process.env.BTFHUB_FAULT_ROUNDS ?? 40);
const RECORD = process.env.BTFHUB_FAULT_ROUNDS !== undefined;
const AT_ONCE = 8;
const LONGEST = 120;

const mixtures: Round[] = [];
const runs: (readonly [title: string, seconds: number])[] = [];

describe.each<Subject>(['package', 'small file'])('a %s by mixtures of faults', (subject) => {
  let results: readonly Round[];
  beforeAll(async () => {
    results = await rounds(subject, ROUNDS, AT_ONCE);
    mixtures.push(...results);
  }, 3_600_000);

  test('comes with the right bytes, or fails by name', () => {
    const others = results.filter(({ outcome }) => typeof outcome !== 'string');
    expect(others).toEqual([]);
  });

  test('comes in nearly all of them, because nearly all leave a way to the bytes', () => {
    const right = results.filter(({ outcome }) => outcome === 'right bytes').length;
    expect(right).toBeGreaterThan(ROUNDS * 0.6);
  });

  test(`is decided within ${LONGEST} seconds in each of them`, () => {
    expect(Math.max(...results.map(({ seconds }) => seconds))).toBeLessThan(LONGEST);
  });
});

describe('a run with a healthy mirror', () => {
  let alone: number;
  beforeAll(async () => {
    alone = await run([{}]);
    runs.push(['is not there', alone]);
  });

  test.each(SICKNESSES)(
    'takes no more than three times as long where the first mirror %s',
    async (title, sick) => {
      const seconds = await run([sick, {}]);
      runs.push([title, seconds]);
      expect(seconds).toBeLessThan(3 * alone);
    },
  );
});

afterAll(() => {
  if (!RECORD) return;
  const [alone] = runs;
  writeSection('Network', [
    'Servers on loopback misbehave by seed, in mixtures of 26 kinds: statuses,',
    'silence, resets, wrong lengths and ranges, other versions, wrong bytes, dripping, redirects to nowhere, refused',
    'connections. Every round has to end with the right bytes or a reason by name.',
    '',
    '| Subject | Rounds | Right bytes | Named failure | Anything else | Longest, s |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...(['package', 'small file'] as const).map((subject) => {
      const all = mixtures.filter((one) => one.subject === subject);
      const count = (outcome: string) => all.filter((one) => one.outcome === outcome).length;
      const [right, named] = [count('right bytes'), count('named failure')];
      const longest = Math.max(...all.map(({ seconds }) => seconds)).toFixed(1);
      return `| ${subject} | ${all.length} | ${right} | ${named} | ${all.length - right - named} | ${longest} |`;
    }),
    '',
    'A run of metadata and eight small packages from two mirrors, of which the second is healthy. Seconds are those of',
    'the servers’ clock. Without the sick mirror it takes as long as the first row says.',
    '',
    '| The first mirror | Seconds | Times as long |',
    '| --- | ---: | ---: |',
    ...runs.map(
      ([title, seconds]) =>
        `| ${title} | ${seconds.toFixed(1)} | ${(seconds / (alone?.[1] ?? 1)).toFixed(2)} |`,
    ),
  ]);
});
