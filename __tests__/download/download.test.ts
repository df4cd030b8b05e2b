import { type DownloadOptions, download } from '../../src/download/download.ts';
import type { MirrorPool } from '../../src/download/mirrors.ts';
import { Failure } from '../../src/failure.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { bytes, mirrorField, readAll } from './conditions.ts';
import type { Fault } from './fault-server.ts';

const FILE = bytes(500_003);
const WINDOW = 256 * 1024; // segments of 4 to 32 KiB
const MiB = 1024 * 1024;
const CHUNK = 128 * 1024; // the largest that a stream hands out at once
const field = mirrorField({ '/kernel.rpm': FILE }, { window: WINDOW, idleTimeout: 5000 });
const resource = { path: 'kernel.rpm', size: FILE.length };

afterEach(() => field.close());

async function fetched(pool: MirrorPool, options: DownloadOptions = {}) {
  const one = download(pool, resource, options);
  const exact = (await readAll(one)).equals(FILE);
  // Every connection may bring one chunk more than the window has room for.
  expect(one.buffered.most).toBeLessThanOrEqual(WINDOW + 8 * CHUNK);
  expect(one.buffered.now).toBe(0);
  return { exact, servedBy: [...one.servedBy] };
}

const nth = (which: number, fault: Fault) => (_: unknown, at: number) =>
  at === which ? fault : ({ kind: 'none' } as const);

const FAULTS: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, retryAfter: '1' },
  { kind: 'status', status: 429, retryAfter: '3' },
  { kind: 'status', status: 416 },
  { kind: 'mute' },
  { kind: 'stall', after: 0 },
  { kind: 'stall', after: 3000 },
  { kind: 'reset', after: 0 },
  { kind: 'reset', after: 3000 },
  { kind: 'short', by: 1000 },
  { kind: 'long', by: 1000 },
  { kind: 'wrong-range' },
  { kind: 'other-size' },
  { kind: 'other-etag' },
  { kind: 'other-date' },
  { kind: 'whole' },
  { kind: 'slow', bytesPerSecond: 100_000 },
  { kind: 'redirect', to: '/kernel.rpm' },
  { kind: 'labelled' },
  { kind: 'gzipped' },
];

const titled = FAULTS.map((fault) => [JSON.stringify(fault), fault] as const);

describe('one mirror', () => {
  test('delivers the exact bytes in segments', async () => {
    const pool = await field.mirrors([{ bytesPerSecond: 1_000_000 }]);
    expect((await fetched(pool)).exact).toBe(true);
    expect(field.servers[0]?.asked.length).toBeGreaterThan(10);
    expect(field.servers[0]?.mostAtOnce()).toBe(4);
  });

  test.each(titled)('delivers the exact bytes in spite of %s', async (_, fault) => {
    const pool = await field.mirrors([{ fault: nth(5, fault) }]);
    expect((await fetched(pool)).exact).toBe(true);
  });

  const harmless = titled.filter(([, { kind }]) => !['other-etag', 'other-date'].includes(kind));
  test.each(harmless)('delivers the exact bytes when it begins with %s', async (_, fault) => {
    const pool = await field.mirrors([{ fault: nth(0, fault) }]);
    expect((await fetched(pool)).exact).toBe(true);
  });

  test.each(['other-etag', 'other-date'] as const)(
    'that changes the file after its first bytes were delivered is a failure by name: %s',
    async (kind) => {
      const pool = await field.mirrors([{ fault: nth(0, { kind }) }]);
      await expect(fetched(pool)).rejects.toMatchObject({
        reason: 'network',
        message: expect.stringContaining('the file changed while it was read'),
      });
    },
  );

  test('without ranges is read in one stream', async () => {
    const pool = await field.mirrors([{ ranges: false }]);
    expect((await fetched(pool)).exact).toBe(true);
    expect(field.servers[0]?.asked.filter(({ range }) => range === undefined).length).toBe(1);
  });

  test.each<Fault>([
    { kind: 'reset', after: 300_000 },
    { kind: 'stall', after: 300_000 },
    { kind: 'short', by: 1000 },
  ])('without ranges that breaks is read on by skipping: $kind', async (fault) => {
    let streams = 0;
    const pool = await field.mirrors([
      {
        ranges: false,
        fault: ({ range }) => {
          streams += range === undefined ? 1 : 0;
          return range === undefined && streams === 1 ? fault : { kind: 'none' };
        },
      },
    ]);
    expect((await fetched(pool)).exact).toBe(true);
    expect(streams).toBe(2);
  });
});

const always = (fault: Fault) => () => fault;

describe('several mirrors', () => {
  test('all serve, and each has no more connections than is polite', async () => {
    const slow = { bytesPerSecond: 300_000 };
    const pool = await field.mirrors([slow, slow, slow], { connections: 2 });
    const { exact, servedBy } = await fetched(pool);
    expect(exact).toBe(true);
    expect(servedBy).toHaveLength(3);
    expect(field.servers.map(({ mostAtOnce }) => mostAtOnce())).toEqual([2, 2, 2]);
  });

  test('share the work by how quick they are', async () => {
    const pool = await field.mirrors([{ bytesPerSecond: 50_000 }, { bytesPerSecond: 2_000_000 }]);
    expect((await fetched(pool)).exact).toBe(true);
    const sent = (nth: number) => field.servers[nth]?.sent() ?? 0;
    expect(sent(1)).toBeGreaterThan(3 * sent(0));
  });

  test('lose nothing when one of them dies half-way', async () => {
    const rate = { bytesPerSecond: 500_000 };
    const pool = await field.mirrors([{ diesAfter: 100_000, ...rate }, rate]);
    const { exact, servedBy } = await fetched(pool);
    expect(exact).toBe(true);
    expect(servedBy).toHaveLength(2);
    expect(pool.mirrors[0]?.health).toMatchObject({ kind: 'backing-off' });
  });

  test('lose nothing when one does not answer, one has no such file and one has another version', async () => {
    const other = { '/kernel.rpm': bytes(500_004) };
    const mute = { fault: always({ kind: 'mute' }) };
    const pool = await field.mirrors([mute, { files: {} }, { files: other }, {}]);
    const { exact, servedBy } = await fetched(pool);
    expect(exact).toBe(true);
    expect(servedBy).toEqual([pool.mirrors[3]]);
  });

  test('prefer those with ranges to one without', async () => {
    const pool = await field.mirrors([{ ranges: false }, {}]);
    const { exact, servedBy } = await fetched(pool);
    expect(exact).toBe(true);
    expect(servedBy).toEqual([pool.mirrors[1]]);
  });

  test('race a connection that crawls and holds up the window', async () => {
    const rate = { bytesPerSecond: 8000 };
    const crawl = nth(3, { kind: 'slow', bytesPerSecond: 200 });
    const pool = await field.mirrors([{ ...rate, fault: crawl }, rate]);
    const began = field.clock.now();
    expect((await fetched(pool)).exact).toBe(true);
    // All connections together need 8 s of the test's clock, and the crawling one alone 40 s.
    expect(field.clock.now() - began).toBeLessThan(25_000);
  });

  test('that were banned or are to be avoided are not asked', async () => {
    const pool = await field.mirrors([{}, {}, {}]);
    const [first, second] = pool.mirrors;
    if (first && second) {
      pool.ban(first, 'wrong bytes');
      const { servedBy } = await fetched(pool, { avoid: new Set([second]) });
      expect(servedBy).toEqual([pool.mirrors[2]]);
    }
    expect(field.servers.map(({ asked }) => asked.length > 0)).toEqual([false, false, true]);
  });

  test('that all fail are each named with what they did', async () => {
    const pool = await field.mirrors([
      { files: {} },
      { fault: always({ kind: 'status', status: 503 }) },
      { fault: always({ kind: 'reset', after: 0 }) },
    ]);
    const failure = await fetched(pool).catch((error) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ reason: 'network' });
    expect(failure.message).toContain(`${field.servers[0]?.base}: status 404`);
    expect(failure.message).toContain(`${field.servers[1]?.base}: status 503`);
    expect(failure.message).toContain(`${field.servers[2]?.base}: other side closed`);
  });
});

test('a consumer that takes its time keeps the window from filling further', async () => {
  const pool = await field.mirrors([{}]);
  const one = download(pool, resource);
  let taken = 0;
  for await (const chunk of one) {
    taken += chunk.length;
    if (taken < 100_000) await systemClock.sleep(5);
    expect(one.buffered.now).toBeLessThanOrEqual(WINDOW);
  }
  expect(taken).toBe(FILE.length);
});

test('a consumer that is slower than the network is served by few large requests', async () => {
  const size = 64 * MiB;
  const files = { '/large.rpm': Buffer.alloc(size) };
  const pool = await field.mirrors([{ files }], { window: 4 * MiB });
  let taken = 0;
  for await (const chunk of download(pool, { path: 'large.rpm', size })) {
    taken += chunk.length;
    await field.clock.sleep(1);
  }
  expect(taken).toBe(size);
  expect(field.servers[0]?.asked.length).toBeLessThan(80);
});

test('one stream without ranges waits for a consumer that takes its time', async () => {
  const pool = await field.mirrors([{ ranges: false }], { window: 64 * 1024 });
  const one = download(pool, resource);
  let taken = 0;
  for await (const chunk of one) {
    taken += chunk.length;
    if (taken < 300_000) await systemClock.sleep(5);
  }
  expect(taken).toBe(FILE.length);
  expect(one.buffered.most).toBeLessThanOrEqual(64 * 1024 + CHUNK);
});

test('no more comes ahead of the consumer than it asks for', async () => {
  const pool = await field.mirrors([{}]);
  const ahead = 32 * 1024;
  const one = download(pool, resource, { ahead });
  let taken = 0;
  for await (const chunk of one) {
    taken += chunk.length;
    if (taken < 100_000) await systemClock.sleep(5);
  }
  expect(taken).toBe(FILE.length);
  expect(one.buffered.most).toBeLessThanOrEqual(ahead);
});

test('a consumer that leaves early closes every connection', async () => {
  const pool = await field.mirrors([{ bytesPerSecond: 300_000 }]);
  for await (const chunk of download(pool, resource)) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  while (pool.mirrors.some(({ busy }) => busy > 0)) await systemClock.sleep(1);
  expect(field.servers[0]?.asked.length).toBeLessThanOrEqual(4);
});

test('an interruption ends it with its own reason', async () => {
  const pool = await field.mirrors([{ fault: always({ kind: 'stall', after: 0 }) }]);
  const stop = new AbortController();
  const read = readAll(download(pool, resource, { signal: stop.signal }));
  stop.abort(new Failure('interrupted', 'Stopped.'));
  await expect(read).rejects.toMatchObject({ reason: 'interrupted' });
  const late = readAll(download(pool, resource, { signal: stop.signal }));
  await expect(late).rejects.toMatchObject({ reason: 'interrupted' });
});

test('several downloads share the connections to a mirror', async () => {
  const pool = await field.mirrors([{ bytesPerSecond: 500_000 }], { connections: 4 });
  const both = await Promise.all([1, 2, 3].map(() => readAll(download(pool, resource))));
  expect(both.every((one) => one.equals(FILE))).toBe(true);
  expect(field.servers[0]?.mostAtOnce()).toBeLessThanOrEqual(4);
});

test('an empty file needs no request', async () => {
  const pool = await field.mirrors([{}]);
  expect(await readAll(download(pool, { path: 'kernel.rpm', size: 0 }))).toHaveLength(0);
  expect(field.servers[0]?.asked).toHaveLength(0);
});

test('a mirror that always asks for five minutes is waited for ten in all', async () => {
  const pool = await field.mirrors([
    { fault: always({ kind: 'status', status: 503, retryAfter: '300' }) },
  ]);
  const began = field.clock.now();
  await expect(fetched(pool)).rejects.toThrow('status 503');
  expect(field.clock.now() - began).toBeLessThan(650_000);
});

test('a mirror of which few requests in a hundred bring anything is given up by name', async () => {
  const crawl = { kind: 'slow', bytesPerSecond: 100 } as const;
  const pool = await field.mirrors([
    { fault: (_, at) => (at % 12 === 0 ? { kind: 'none' } : crawl) },
  ]);
  const began = field.clock.now();
  await expect(fetched(pool)).rejects.toMatchObject({ reason: 'network' });
  expect(field.clock.now() - began).toBeLessThan(120_000);
});

test('a mirror that says when to come back is asked again then', async () => {
  const busy = { kind: 'status', status: 429, retryAfter: '30' } as const;
  const pool = await field.mirrors([{ fault: (_, at) => (at < 4 ? busy : { kind: 'none' }) }]);
  expect((await fetched(pool)).exact).toBe(true);
  const at = field.servers[0]?.asked.map((one) => one.at) ?? [];
  expect((at[4] ?? 0) - (at[3] ?? 0)).toBeGreaterThanOrEqual(30_000);
});
