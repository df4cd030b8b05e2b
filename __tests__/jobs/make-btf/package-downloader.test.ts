import { type Mirror, MirrorPool } from '../../../src/download/mirrors.ts';
import { PackageDownloader } from '../../../src/jobs/make-btf/package-downloader.ts';
import type { KernelPackage } from '../../../src/sources/kernels.ts';
import { bytes, mirrorField, ports, readAll } from '../../download/conditions.ts';
import type { Behaviour, Fault } from '../../download/fault-server.ts';

const FILE = bytes(2 * 1024 * 1024 + 77);
const field = mirrorField({ '/k.rpm': FILE }, { window: 512 * 1024 });
afterEach(() => field.close());

const always = (fault: Fault): Partial<Behaviour> => ({ fault: () => fault });
const CORRUPT = always({ kind: 'corrupt', at: 3 });

/** Downloads until the bytes are right or there is no use in going on, as the build does. */
async function bring(pool: MirrorPool) {
  const kernel = { nvra: 'kernel-1', locations: ['k.rpm'], size: FILE.length };
  const downloader = new PackageDownloader(
    pool,
    kernel as unknown as KernelPackage,
    new AbortController().signal,
  );
  const servedBy: string[] = [];
  do {
    const right = (await readAll(downloader.fetch())).equals(FILE);
    servedBy.push(downloader.servedBy);
    if (!right) continue;
    downloader.confirm();
    return { right, servedBy };
  } while (downloader.canTryAgain);
  return { right: false, servedBy };
}

const banned = ({ mirrors }: MirrorPool) =>
  mirrors.filter(({ health }) => health.kind === 'banned');

describe('one mirror that corrupts what it sends', () => {
  test.each([0, 1, 2])('is found among three, and not used again: %d', async (which) => {
    const pool = await field.mirrors([0, 1, 2].map((nth) => (nth === which ? CORRUPT : {})));
    const { right, servedBy } = await bring(pool);
    expect(right).toBe(true);
    expect(servedBy.length).toBeLessThanOrEqual(3);
    expect(banned(pool)).toContain(pool.mirrors[which]);
    // What brought the right bytes is trusted from then on.
    const healthy = pool.mirrors.filter(({ health }) => health.kind === 'healthy');
    expect(healthy.map(({ base }) => base)).toEqual(expect.arrayContaining([servedBy.at(-1)]));
    const before = field.servers[which]?.asked.length;
    expect((await bring(pool)).servedBy).toHaveLength(1);
    expect(field.servers[which]?.asked.length).toBe(before);
  });

  test.each([0, 1])('is named among two: %d', async (which) => {
    const lines: string[] = [];
    const pool = await field.mirrors(
      [0, 1].map((nth) => (nth === which ? CORRUPT : {})),
      { log: (line) => lines.push(line) },
    );
    expect((await bring(pool)).right).toBe(true);
    const base = pool.mirrors[which]?.base;
    expect(lines).toEqual([
      `${base}: served wrong bytes of kernel-1; not used any more in this run`,
    ]);
  });
});

test('wrong bytes that a mirror has right the next time accuse no mirror', async () => {
  let requests = 0;
  const fault = (): Fault => {
    requests += 1;
    return requests === 1 ? { kind: 'corrupt', at: 3 } : { kind: 'none' };
  };
  const pool = await field.mirrors([{ fault }]);
  const { right, servedBy } = await bring(pool);
  expect([right, servedBy.length, banned(pool)]).toEqual([true, 2, []]);
});

test('a package that is wrong everywhere is downloaded three times at most, and no mirror is banned', async () => {
  const pool = await field.mirrors([CORRUPT, CORRUPT, CORRUPT, CORRUPT]);
  const { right, servedBy } = await bring(pool);
  expect([right, servedBy.length, banned(pool)]).toEqual([false, 3, []]);
  expect(new Set(servedBy.slice(1)).size).toBe(2);
});

test('the record names the first mirror, with its + escaped', () => {
  const pool = new MirrorPool(['http://a.example/', 'http://b.example/'], ports());
  const kernel = { locations: ['a/b+c.rpm', 'd'] } as unknown as KernelPackage;
  const downloader = new PackageDownloader(pool, kernel, new AbortController().signal);
  expect(downloader.url).toBe(`${(pool.mirrors[0] as Mirror).base}a/b%2Bc.rpm`);
});
