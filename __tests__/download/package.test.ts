import { createHash } from 'node:crypto';
import { MirrorPool, type PoolSettings } from '../../src/download/mirrors.ts';
import { type DownloadOptions, download } from '../../src/download/package.ts';
import { type Behaviour, type FaultServer, faultServer, type Misdeed } from './fault-server.ts';
import { bytes, ports } from './world.ts';

const SIZE = 1_000_003;
const file = bytes(SIZE);
const resource = { path: 'kernel.rpm', size: SIZE };
const window = 256 * 1024; // segments of 4 to 32 KiB
const servers: FaultServer[] = [];

async function mirrors(
  behaviours: readonly Partial<Behaviour>[],
  settings: PoolSettings = {},
): Promise<MirrorPool> {
  const made = await Promise.all(
    behaviours.map((one) => faultServer({ files: { '/kernel.rpm': file }, ...one })),
  );
  servers.push(...made);
  const bases = made.map(({ base }) => base);
  return new MirrorPool(bases, ports(), { window, ...settings });
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

async function fetched(pool: MirrorPool, options: DownloadOptions = {}) {
  const one = download(pool, resource, options);
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of one) {
    hash.update(chunk);
    length += chunk.length;
  }
  // Every connection may bring one chunk more than the window has room for.
  expect(one.buffered.most).toBeLessThanOrEqual(window + 8 * 64 * 1024);
  expect(one.buffered.now).toBe(0);
  return { exact: length === SIZE && hash.digest('hex') === sha256(file), history: one.history };
}

const nth = (which: number, misdeed: Misdeed) => (_: unknown, at: number) =>
  at === which ? misdeed : ({ kind: 'none' } as const);

const FAULTS: readonly Misdeed[] = [
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
  { kind: 'elsewhere' },
  { kind: 'other-size' },
  { kind: 'other-etag' },
  { kind: 'other-date' },
  { kind: 'whole' },
  { kind: 'slow', bytesPerSecond: 100_000 },
  { kind: 'redirect', to: '/kernel.rpm' },
  { kind: 'labelled' },
  { kind: 'gzipped' },
];

const titled = FAULTS.map((misdeed) => [JSON.stringify(misdeed), misdeed] as const);

describe('one mirror', () => {
  test('delivers the exact bytes in segments', async () => {
    const pool = await mirrors([{ bytesPerSecond: 1_000_000 }]);
    const { exact, history } = await fetched(pool);
    expect(exact).toBe(true);
    expect(history.bytes).toBe(SIZE);
    expect(servers[0]?.asked.length).toBeGreaterThan(10);
    expect(servers[0]?.mostAtOnce()).toBe(4);
  });

  test.each(titled)('delivers the exact bytes in spite of %s', async (_, misdeed) => {
    const pool = await mirrors([{ misdeed: nth(5, misdeed) }]);
    expect((await fetched(pool)).exact).toBe(true);
  });

  const harmless = titled.filter(([, { kind }]) => !['other-etag', 'other-date'].includes(kind));
  test.each(harmless)('delivers the exact bytes when it begins with %s', async (_, misdeed) => {
    const pool = await mirrors([{ misdeed: nth(0, misdeed) }]);
    expect((await fetched(pool)).exact).toBe(true);
  });

  test.each(['other-etag', 'other-date'] as const)(
    'that changes the file after its first bytes were delivered is a failure by name: %s',
    async (kind) => {
      const pool = await mirrors([{ misdeed: nth(0, { kind }) }]);
      await expect(fetched(pool)).rejects.toMatchObject({
        reason: 'network',
        message: expect.stringContaining('the file changed while it was read'),
      });
    },
  );

  test('without ranges is read in one stream', async () => {
    const pool = await mirrors([{ ranges: false }]);
    expect((await fetched(pool)).exact).toBe(true);
    expect(servers[0]?.asked.filter(({ range }) => range === undefined).length).toBe(1);
  });

  test.each<Misdeed>([
    { kind: 'reset', after: 600_000 },
    { kind: 'stall', after: 600_000 },
    { kind: 'short', by: 1000 },
  ])('without ranges that breaks is read on by skipping: $kind', async (misdeed) => {
    let streams = 0;
    const pool = await mirrors([
      {
        ranges: false,
        misdeed: ({ range }) => {
          streams += range === undefined ? 1 : 0;
          return range === undefined && streams === 1 ? misdeed : { kind: 'none' };
        },
      },
    ]);
    expect((await fetched(pool)).exact).toBe(true);
    expect(streams).toBe(2);
  });
});
