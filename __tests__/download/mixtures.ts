import { fetchFile } from '../../src/download/fetch-file.ts';
import type { MirrorPool } from '../../src/download/mirrors.ts';
import { Failure } from '../../src/failure.ts';
import { PackageDownloader } from '../../src/jobs/make-btf/package-downloader.ts';
import { readBody } from '../../src/platform/http.ts';
import type { KernelPackage } from '../../src/sources/kernels.ts';
import { bytes, mirrorField, seeded } from './conditions.ts';
import type { Behaviour, Fault } from './fault-server.ts';

/** A package that is downloaded, or a small file that is fetched, from one to three mirrors with faults. */
export type Subject = 'package' | 'small file';

export interface Round {
  readonly subject: Subject;
  readonly seed: number;
  readonly outcome: 'right bytes' | 'named failure' | { readonly wrong: string };
  /** Seconds of this machine, and of the clock that the program and the servers went by. */
  readonly seconds: number;
  readonly waited: number;
}

const FILE = bytes(60_001);
const SMALL = bytes(5001);
const FILES = { '/k': FILE, '/s': SMALL };
const WINDOW = 64 * 1024;
const CHUNK = 128 * 1024;

type Random = () => number;
const upTo = (random: Random, most: number) => Math.floor(random() * most);

/** All that can happen to a request. */
const KINDS: readonly ((random: Random, path: string) => Fault)[] = [
  () => ({ kind: 'status', status: 500 }),
  () => ({ kind: 'status', status: 504 }),
  () => ({ kind: 'status', status: 416 }),
  () => ({ kind: 'status', status: 404 }),
  () => ({ kind: 'status', status: 403 }),
  (random) => ({ kind: 'status', status: 429, retryAfter: `${upTo(random, 5)}` }),
  () => ({ kind: 'status', status: 503, retryAfter: '300' }),
  () => ({ kind: 'mute' }),
  (random) => ({ kind: 'stall', after: upTo(random, 9000) }),
  (random) => ({ kind: 'reset', after: upTo(random, 9000) }),
  (random) => ({ kind: 'short', by: 1 + upTo(random, 3000) }),
  (random) => ({ kind: 'long', by: 1 + upTo(random, 3000) }),
  () => ({ kind: 'wrong-range' }),
  () => ({ kind: 'other-size' }),
  () => ({ kind: 'other-etag' }),
  () => ({ kind: 'other-date' }),
  () => ({ kind: 'whole' }),
  () => ({ kind: 'labelled' }),
  () => ({ kind: 'gzipped' }),
  (random) => ({ kind: 'corrupt', at: upTo(random, 9000) }),
  (random) => ({ kind: 'slow', bytesPerSecond: 20_000 + upTo(random, 200_000) }),
  (random) => ({ kind: 'slow', bytesPerSecond: 10 + upTo(random, 500) }),
  (_, path) => ({ kind: 'redirect', to: path }),
  () => ({ kind: 'redirect', to: 'http://127.0.0.1:1/k' }),
  () => ({ kind: 'redirect', to: 'http://[bad' }),
  () => ({ kind: 'redirect', to: 'ftp://127.0.0.1/k' }),
];

/** One mirror with a character of its own: how often it fails, and in which of the ways. */
function character(random: Random, path: string): Partial<Behaviour> {
  if (random() < 0.1) return { refuses: true };
  const often = random() < 0.2 ? 0.9 : random() * 0.5;
  const ways = Array.from({ length: 1 + upTo(random, 4) }, () => KINDS[upTo(random, KINDS.length)]);
  return {
    ranges: random() > 0.1,
    ...(random() < 0.15 ? { diesAfter: upTo(random, 60_000) } : {}),
    ...(random() < 0.2 ? { bytesPerSecond: 100_000 + upTo(random, 2_000_000) } : {}),
    ...(random() < 0.2 ? { etag: null } : {}),
    fault: () =>
      (random() < often ? ways[upTo(random, ways.length)]?.(random, path) : undefined) ?? {
        kind: 'none',
      },
  };
}

export async function round(subject: Subject, seed: number): Promise<Round> {
  const random = seeded(seed);
  const field = mirrorField(FILES, { window: WINDOW });
  const began = performance.now();
  const path = subject === 'package' ? '/k' : '/s';
  const pool = await field.mirrors(
    Array.from({ length: 1 + upTo(random, 3) }, () => character(random, path)),
    { connections: 1 + upTo(random, 4), idleTimeout: 5000 },
    { random },
  );
  const slow = random() < 0.2;
  const work =
    subject === 'package'
      ? () => bring(pool, slow ? field.clock : undefined)
      : () => fetchSmall(pool);
  let outcome: Round['outcome'];
  try {
    outcome = (await work()) ?? 'right bytes';
  } catch (error) {
    outcome = isNamed(error) ? 'named failure' : { wrong: `threw ${error}` };
  } finally {
    await field.close();
  }
  const seconds = (performance.now() - began) / 1000;
  return { subject, seed, outcome, seconds, waited: field.clock.now() / 1000 };
}

function isNamed(error: unknown): boolean {
  return (
    error instanceof Failure &&
    ['network', 'checksum-mismatch'].includes(error.reason) &&
    error.message.includes('http://127.0.0.1:')
  );
}

type Clock = ReturnType<typeof mirrorField>['clock'];

/** As a build does it: again from one mirror when the bytes are wrong. */
async function bring(
  pool: MirrorPool,
  slow: Clock | undefined,
): Promise<Round['outcome'] | undefined> {
  const kernel = { nvra: 'k', locations: ['k'], size: FILE.length } as unknown as KernelPackage;
  const downloader = new PackageDownloader(pool, kernel, new AbortController().signal);
  do {
    const download = downloader.fetch();
    const chunks: Buffer[] = [];
    for await (const chunk of download) {
      chunks.push(Buffer.from(chunk));
      await slow?.sleep(300);
    }
    const { most, now } = download.buffered;
    const bound = WINDOW + CHUNK * pool.mirrors.length * 4;
    if (now !== 0 || most > bound) return { wrong: `it held ${most} bytes, and holds ${now}` };
    const all = Buffer.concat(chunks);
    if (all.length !== FILE.length) return { wrong: `${all.length} bytes` };
    if (!all.equals(FILE)) continue;
    downloader.confirm();
    return undefined;
  } while (downloader.canTryAgain);
  throw new Failure('checksum-mismatch', `k came wrong from ${downloader.servedBy}.`);
}

/** As metadata is fetched: content that is not right is refused. */
function fetchSmall(pool: MirrorPool): Promise<Round['outcome'] | undefined> {
  return fetchFile(pool, 's', {}, async ({ status, url, body }) => {
    // A mirror that says 404 is believed where no other can answer: that is no wrong byte.
    if (status !== 200) throw new Failure('network', `${url} has no such file.`);
    const exceeded = (why: string) => new Failure('checksum-mismatch', `${url} ${why}.`);
    const read = await readBody(body, { bytes: 2 * SMALL.length, exceeded });
    if (!read.equals(SMALL)) throw new Failure('checksum-mismatch', `${url} has other bytes.`);
    return undefined;
  });
}

/** Many rounds, so many at once; they come back in the order of their seeds. */
export async function rounds(subject: Subject, count: number, atOnce: number): Promise<Round[]> {
  const results: Round[] = [];
  const seeds = Array.from({ length: count }, (_, nth) => nth + 1);
  const worker = async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      results.push(await round(subject, seed));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results.sort((one, other) => one.seed - other.seed);
}

/** What a first mirror may suffer from, while the second is well. */
export const SICKNESSES: readonly (readonly [string, Partial<Behaviour>])[] = [
  ['refuses connections', { refuses: true }],
  ['answers nothing', { fault: () => ({ kind: 'mute' }) }],
  ['stops after its headers', { fault: () => ({ kind: 'stall', after: 0 }) }],
  ['stops half-way', { fault: () => ({ kind: 'stall', after: 50_000 }) }],
  ['drips 20 bytes a second', { fault: () => ({ kind: 'slow', bytesPerSecond: 20 }) }],
  ['drips 1 kB a second', { fault: () => ({ kind: 'slow', bytesPerSecond: 1000 }) }],
  ['resets', { fault: () => ({ kind: 'reset', after: 1000 }) }],
  ['says 500', { fault: () => ({ kind: 'status', status: 500 }) }],
  [
    'says 404',
    {
      fault: ({ path }) =>
        path === '/repomd.xml' ? { kind: 'none' } : { kind: 'status', status: 404 },
    },
  ],
  [
    'says 429 and Retry-After: 300',
    { fault: () => ({ kind: 'status', status: 429, retryAfter: '300' }) },
  ],
  [
    'redirects to a closed port',
    { fault: () => ({ kind: 'redirect', to: 'http://127.0.0.1:1/' }) },
  ],
  [
    'redirects half of the requests to a closed port',
    {
      fault: (_, nth) =>
        nth % 2 === 0 ? { kind: 'redirect', to: 'http://127.0.0.1:1/' } : { kind: 'none' },
    },
  ],
  ['sends wrong bytes', { fault: () => ({ kind: 'corrupt', at: 9 }) }],
];

const PACKAGES = 8;
const PACKAGE = bytes(600_000);

/**
 * Seconds, by the servers' clock, that a run takes: metadata, a key file that is not there, and eight packages,
 * two at a time, from mirrors of 400 kB a second and connection.
 */
export async function run(mirrors: readonly Partial<Behaviour>[]): Promise<number> {
  const names = Array.from({ length: PACKAGES }, (_, nth) => `/k${nth}`);
  const files = Object.fromEntries([
    ['/repomd.xml', SMALL],
    ...names.map((name) => [name, PACKAGE] as const),
  ]);
  const field = mirrorField(files, { window: 256 * 1024 });
  const pool = await field.mirrors(mirrors.map((one) => ({ bytesPerSecond: 400_000, ...one })));
  const { signal } = new AbortController();
  try {
    const whole = async (response: { status: number; body: Parameters<typeof readBody>[0] }) => {
      const exceeded = (why: string) => new Failure('checksum-mismatch', why);
      const read = await readBody(response.body, { bytes: 10_000, exceeded });
      if (response.status === 200 && !read.equals(SMALL)) throw exceeded('other bytes');
      return response.status;
    };
    if ((await fetchFile(pool, 'repomd.xml', {}, whole)) !== 200) throw new Error('no repomd.xml');
    await fetchFile(pool, 'RPM-GPG-KEY', {}, whole);
    const lane = async () => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const kernel = { nvra: name, locations: [name.slice(1)], size: PACKAGE.length };
        const downloader = new PackageDownloader(pool, kernel as unknown as KernelPackage, signal);
        for (let right = false; !right; ) {
          const chunks: Buffer[] = [];
          for await (const chunk of downloader.fetch()) chunks.push(Buffer.from(chunk));
          right = Buffer.concat(chunks).equals(PACKAGE);
          if (right) downloader.confirm();
          else if (!downloader.canTryAgain) throw new Error('wrong bytes');
        }
      }
    };
    await Promise.all([lane(), lane()]);
    return field.clock.now() / 1000;
  } finally {
    await field.close();
  }
}
