import * as v from 'valibot';
import * as shape from '../../src/archive/shapes.ts';
import { asBase, Mirror, MirrorPool } from '../../src/download/mirrors.ts';
import { RequestError } from '../../src/download/response.ts';
import { ports, StillClock } from './conditions.ts';

const MB = 1_000_000;
const reset = new RequestError('later', 'reset');
const refused = new RequestError('later', 'ECONNREFUSED', { connected: false });
const busy = new RequestError('later', 'status 429', { retryAfter: 120_000 });
let clock: StillClock;
let chance: number;
let notes: string[];

beforeEach(() => {
  clock = new StillClock();
  chance = 1;
  notes = [];
});

function pool(bases = ['https://one.example/tree'], settings = {}): [MirrorPool, Mirror] {
  const made = new MirrorPool(bases, ports({ clock, random: () => chance }), {
    log: (line) => notes.push(line),
    ...settings,
  });
  return [made, made.mirrors[0] as Mirror];
}

describe('a base', () => {
  test('gets its slash, and is named once', () => {
    const [{ mirrors }] = pool(['https://a.example/x', 'https://a.example/x/', 'http://B.example']);
    expect(mirrors.map(({ base }) => base)).toEqual(['https://a.example/x/', 'http://b.example/']);
  });

  test.each(['', 'a.example', 'ftp://a.example/', 'file:///x', 'https://a/?q', 'https://a/#x'])(
    "'%s' is refused",
    (text) => {
      expect(() => asBase(text)).toThrow(expect.objectContaining({ reason: 'usage' }));
    },
  );

  test('with a password is refused, and the password is not repeated', () => {
    const base = () => asBase('https://user:secret@a.example/');
    expect(base).toThrow('cannot have a user');
    expect(base).not.toThrow('secret');
  });

  test('there has to be one', () => {
    expect(() => pool([])).toThrow('There is no mirror');
  });
});

describe('a path', () => {
  const [, mirror] = [0, new MirrorPool(['https://a.example/t'], ports()).mirrors[0] as Mirror];

  test('is taken below the base, escaped where need be', () => {
    expect(mirror.url('a/b+c~1^2.rpm')).toBe('https://a.example/t/a/b%2Bc~1^2.rpm');
    expect(new Mirror('https://a.example/c++').url('x')).toBe('https://a.example/c++/x');
    expect(mirror.url('a b')).toBe('https://a.example/t/a%20b');
  });

  test('and a base get encoded what means something to Markdown, so that a record can hold the URL', () => {
    const odd = new Mirror("https://[::1]:8/a(1)[2]'3'");
    const url = odd.url('b(4)/c*d|e.rpm');
    expect(url).toBe('https://[::1]:8/a%281%29%5B2%5D%273%27/b%284%29/c%2Ad%7Ce.rpm');
    expect(v.is(shape.url, url)).toBe(true);
    expect(new URL(url).pathname).toBe(
      new URL(new Mirror(odd.base).url('b(4)/c*d|e.rpm')).pathname,
    );
  });

  test.each([
    '../x',
    'a/../../x',
    '%2e%2e/x',
    '/x',
    '//b.example/t/x',
    'https://b.example/',
    'a?b',
    'a#b',
  ])('that leads elsewhere is refused: %s', (path) => {
    expect(() => mirror.url(path)).toThrow(expect.objectContaining({ reason: 'bad-repository' }));
  });
});

describe('a mirror that fails', () => {
  test('is not asked for twice as long each time in a row, a minute at most, and then asked again', () => {
    const [mirrors, mirror] = pool();
    const waits = Array.from({ length: 9 }, () => {
      mirrors.failed(mirror, clock.now(), reset);
      const wait = mirrors.availableAt(mirror) - clock.now();
      expect(mirrors.isAvailable(mirror)).toBe(false);
      clock.pass(wait);
      expect(mirrors.isAvailable(mirror)).toBe(true);
      return wait;
    });
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  test('is not asked for half as long, by the random part', () => {
    const [mirrors, mirror] = pool();
    chance = 0;
    mirrors.failed(mirror, clock.now(), reset);
    expect(mirrors.availableAt(mirror) - clock.now()).toBe(250);
  });

  test('with several requests at once has failed once', () => {
    const [mirrors, mirror] = pool();
    const began = clock.now();
    clock.pass(10);
    for (let request = 0; request < 8; request++) mirrors.failed(mirror, began, reset);
    expect(mirror.health).toMatchObject({ failures: 1 });
    expect(notes).toEqual(['https://one.example/tree/: reset; not asked for 0.5 s']);
  });

  test('is healthy again when it serves', () => {
    const [mirrors, mirror] = pool();
    mirrors.failed(mirror, clock.now(), reset);
    mirrors.succeeded(mirror);
    expect(mirror.health).toEqual({ kind: 'healthy' });
  });

  const BOTH = ['https://one.example/', 'https://two.example/'];

  test('because it refuses connections is left out for the run after three times', () => {
    const [mirrors, mirror] = pool(BOTH);
    for (const kind of ['backing-off', 'backing-off', 'unreachable']) {
      mirrors.failed(mirror, clock.now(), refused);
      expect(mirror.health.kind).toBe(kind);
      clock.pass(60_000);
    }
    expect(mirrors.availableAt(mirror)).toBe(Number.POSITIVE_INFINITY);
    expect(notes.at(-1)).toBe('https://one.example/: ECONNREFUSED; not used any more in this run');
  });

  test('because of two lost connections and a reset between is not left out', () => {
    const [mirrors, mirror] = pool(BOTH);
    for (const error of [refused, refused, reset, refused, refused]) {
      mirrors.failed(mirror, clock.now(), error);
      clock.pass(60_000);
    }
    expect(mirror.health.kind).toBe('backing-off');
  });

  test('is not left out when it is the last one, whatever happened to the others', () => {
    const [mirrors, one] = pool(BOTH);
    const [, two] = mirrors.mirrors as readonly [Mirror, Mirror];
    for (let time = 0; time < 4; time += 1) {
      for (const mirror of [one, two]) mirrors.failed(mirror, clock.now(), refused);
      clock.pass(60_000);
    }
    expect([one.health.kind, two.health.kind]).toEqual(['unreachable', 'backing-off']);
  });

  test('is down after eight failures in a row, and up again when it serves', () => {
    const [mirrors, mirror] = pool();
    for (let time = 0; time < 8; time += 1) {
      expect(mirrors.isDown(mirror)).toBe(false);
      mirrors.failed(mirror, clock.now(), reset);
      clock.pass(60_000);
    }
    expect(mirrors.isDown(mirror)).toBe(true);
    mirrors.succeeded(mirror);
    expect(mirrors.isDown(mirror)).toBe(false);
  });

  test('is left alone for as long as it asks, whatever else fails', () => {
    const [mirrors, mirror] = pool();
    const began = clock.now();
    mirrors.failed(mirror, began, busy);
    mirrors.failed(mirror, began, reset);
    clock.pass(119_999);
    expect(mirrors.isAvailable(mirror)).toBe(false);
    clock.pass(1);
    expect(mirrors.isAvailable(mirror)).toBe(true);
  });

  test('that is banned never comes back', () => {
    const [mirrors, mirror] = pool();
    mirrors.ban(mirror, 'wrong bytes');
    mirrors.succeeded(mirror);
    mirrors.failed(mirror, clock.now(), reset);
    expect(mirror.health.kind).toBe('banned');
    expect(mirrors.availableAt(mirror)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the rate of a mirror', () => {
  test('is what one connection brings, smoothed', () => {
    const [mirrors, mirror] = pool();
    expect(mirrors.rate(mirror)).toBeUndefined();
    mirrors.measure(mirror, 2 * MB, 1000);
    expect(mirrors.rate(mirror)).toBe(2 * MB);
    mirrors.measure(mirror, MB, 1000);
    expect(mirrors.rate(mirror)).toBe(1.6 * MB);
  });

  test('is not taken from a few bytes in a moment, but from few in a long time', () => {
    const [mirrors, mirror] = pool();
    mirrors.measure(mirror, 1000, 50);
    expect(mirrors.rate(mirror)).toBeUndefined();
    mirrors.measure(mirror, 1000, 2000);
    expect(mirrors.rate(mirror)).toBe(500);
  });

  test('that brings nothing is next to nothing, but not zero', () => {
    const [mirrors, mirror] = pool();
    mirrors.measure(mirror, 0, 30_000);
    expect(mirrors.rate(mirror)).toBe(1);
  });

  test('is forgotten after a minute, so that it is tried anew', () => {
    const [mirrors, mirror] = pool();
    mirrors.measure(mirror, MB, 1000);
    clock.pass(60_000);
    expect(mirrors.rate(mirror)).toBeUndefined();
  });
});

test('downloads share connections and window, and each has one connection and 4 MiB at least', () => {
  const [mirrors] = pool(undefined, { connections: 4, window: 32 * 1024 * 1024 });
  const shares = Array.from({ length: 16 }, () => {
    mirrors.join();
    return mirrors.share;
  });
  expect(shares.map(({ connections }) => connections).slice(0, 5)).toEqual([4, 2, 2, 1, 1]);
  expect(
    shares
      .map(({ window }) => window / 2 ** 20)
      .slice(0, 4)
      .map(Math.floor),
  ).toEqual([32, 16, 10, 8]);
  expect(shares.at(-1)).toEqual({ connections: 1, window: 4 * 2 ** 20 });
});

test('waiting for a change ends with the change, the time, or the signal', async () => {
  const [mirrors, mirror] = pool();
  const changed = mirrors.change(Number.MAX_SAFE_INTEGER);
  mirrors.connect(mirror)();
  await changed;
  const timed = mirrors.change(clock.now() + 100);
  clock.pass(100);
  await timed;
  const stop = new AbortController();
  const stopped = mirrors.change(clock.now() + 100, stop.signal);
  stop.abort(new Error('stop'));
  await expect(stopped).rejects.toThrow('stop');
});
