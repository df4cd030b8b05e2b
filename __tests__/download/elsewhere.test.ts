import { download } from '../../src/download/download.ts';
import { describeDisagreement, nextToAvoid } from '../../src/download/elsewhere.ts';
import { guilty, History } from '../../src/download/history.ts';
import { type Mirror, MirrorPool } from '../../src/download/mirrors.ts';
import { bytes, mirrorField, ports, readAll } from './conditions.ts';
import type { Misdeed } from './fault-server.ts';

const MiB = 1024 * 1024;
const names = ['http://a.example/', 'http://b.example/', 'http://c.example/'];
const examples = new MirrorPool(names, ports());
const [a, b, c] = examples.mirrors as [Mirror, Mirror, Mirror];

/** A history of pieces: who served how much of what. */
function history(pieces: readonly [Mirror, Buffer][], earlier: readonly History[] = []): History {
  const made = new History(earlier);
  for (const [mirror, part] of pieces) made.add(mirror, part);
  made.end();
  return made;
}

const file = bytes(3 * MiB + 1000);
function wrongAt(...places: number[]): Buffer {
  const copy = Buffer.from(file);
  for (const at of places) copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('a history', () => {
  test('says who served which bytes, in blocks of a MiB at most', () => {
    const one = history([
      [a, file.subarray(0, 10)],
      [a, file.subarray(10, 30)],
      [b, file.subarray(30, 2 * MiB)],
      [a, file.subarray(2 * MiB)],
    ]);
    expect(one.blocks.map(({ mirror, start, end }) => [mirror, start, end])).toEqual([
      [a, 0, 30],
      [b, 30, MiB + 30],
      [b, MiB + 30, 2 * MiB],
      [a, 2 * MiB, 3 * MiB],
      [a, 3 * MiB, file.length],
    ]);
    expect(one.bytes).toBe(file.length);
    expect([...one.mirrors]).toEqual([a, b]);
  });

  test('finds no difference where there is none, however the bytes came', () => {
    const one = history([[a, file]]);
    const pieces = Array.from({ length: 50 }, (_, nth): [Mirror, Buffer] => [
      nth % 3 === 0 ? b : c,
      file.subarray(nth * 70_001, (nth + 1) * 70_001),
    ]);
    expect(history(pieces, [one]).differences(one)).toEqual([]);
  });

  test('finds every block that differs', () => {
    const one = history([[a, wrongAt(0, MiB, 3 * MiB + 999)]]);
    const differences = history([[b, file]], [one]).differences(one);
    expect(differences.map(({ block }) => block.start)).toEqual([0, MiB, 3 * MiB]);
  });

  test('that ended early is compared to its last byte', () => {
    const early = history([[a, wrongAt(MiB + 5000).subarray(0, MiB + 9000)]]);
    const later = history([[b, file]], [early]);
    expect(later.differences(early)).toMatchObject([{ block: { start: MiB, end: MiB + 9000 } }]);
    expect([...guilty(early, later)]).toEqual([a]);
  });
});

test('the history of the only mirror knows how much it served, and hashes nothing', () => {
  const one = new History([], { only: true });
  for (const part of [file.subarray(0, MiB), file.subarray(MiB)]) one.add(a, part);
  one.end();
  expect([one.bytes, [...one.mirrors], one.blocks]).toEqual([file.length, [a], []]);
});

describe('wrong bytes', () => {
  test('are those of the mirror that served them then', () => {
    const wrong = wrongAt(7);
    const first = history([
      [a, wrong.subarray(0, 5)],
      [b, wrong.subarray(5, 10)],
      [c, wrong.subarray(10)],
    ]);
    expect([...guilty(first, history([[a, file]], [first]))]).toEqual([b]);
  });

  test('that the same mirror has right the next time accuse nobody', () => {
    const first = history([[a, wrongAt(7)]]);
    expect([...guilty(first, history([[a, file]], [first]))]).toEqual([]);
  });

  test('are described with who disagrees', () => {
    const first = history([[a, wrongAt(7)]]);
    const other = history([[b, file]], [first]);
    const same = history([[b, wrongAt(7)]], [first]);
    expect(describeDisagreement([first, other])).toBe(
      `http://a.example/ and http://b.example/ have different bytes from 0 to ${MiB - 1}`,
    );
    expect(describeDisagreement([first])).toBeUndefined();
    expect(describeDisagreement([first, same])).toBeUndefined();
  });
});

describe('after wrong bytes', () => {
  const bases = (avoid: ReadonlySet<Mirror> | undefined) =>
    avoid && [...avoid].map(({ base }) => base);
  const served = (...by: Mirror[]) =>
    history(by.map((mirror, nth) => [mirror, file.subarray(nth * 10, nth * 10 + 10)]));

  test('the mirrors that did not serve are next', () => {
    expect(bases(nextToAvoid(examples, []))).toEqual([]);
    expect(bases(nextToAvoid(examples, [served(a, c)]))).toEqual([names[0], names[2]]);
  });

  test('of all, the quickest is next, alone, and then another, alone', () => {
    examples.measure(b, 5 * MiB, 1000);
    const all = served(a, b, c);
    expect(bases(nextToAvoid(examples, [all]))).toEqual([names[0], names[2]]);
    expect(bases(nextToAvoid(examples, [all, served(b)]))).toEqual([names[1], names[2]]);
    expect(nextToAvoid(examples, [all, served(b), served(a)])).toBeUndefined();
  });

  test('the only mirror has one more chance', () => {
    const one = new MirrorPool(['http://a.example/'], ports());
    const from = history([[one.mirrors[0] as Mirror, file]]);
    expect(bases(nextToAvoid(one, [from]))).toEqual([]);
    expect(nextToAvoid(one, [from, from])).toBeUndefined();
  });
});

describe('one mirror that corrupts', () => {
  const whole = bytes(2 * MiB + 77);
  const field = mirrorField({ '/k': whole }, { window: 512 * 1024 });
  afterEach(() => field.close());

  test.each([0, 1, 2])('is found and avoided, whichever it is: %d', async (which) => {
    const corrupt = { misdeed: (): Misdeed => ({ kind: 'corrupt', at: 3 }) };
    const pool = await field.mirrors([0, 1, 2].map((nth) => (nth === which ? corrupt : {})));
    const histories: History[] = [];
    let right: History | undefined;
    while (right === undefined) {
      const avoid = nextToAvoid(pool, histories);
      if (avoid === undefined) throw new Error('gave up');
      const one = download(pool, { path: 'k', size: whole.length }, { avoid, after: histories });
      if ((await readAll(one)).equals(whole)) right = one.history;
      else histories.push(one.history);
    }
    const accused = new Set(histories.flatMap((wrong) => [...guilty(wrong, right)]));
    expect([...accused]).toEqual([pool.mirrors[which]]);
  });
});
