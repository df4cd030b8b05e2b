import { type FileResponse, fetchFile } from '../../src/download/fetch-file.ts';
import { MirrorPool } from '../../src/download/mirrors.ts';
import { Failure } from '../../src/failure.ts';
import { bytes, mirrorField, ports } from './conditions.ts';
import type { Behaviour, Fault } from './fault-server.ts';

const page = bytes(300_000);
const files = { '/a/repomd.xml': page };
const field = mirrorField(files);
const { servers } = field;
const pool = (...behaviours: Partial<Behaviour>[]) => field.mirrors(behaviours);

afterEach(() => field.close());

const asked = (nth: number) => servers[nth]?.asked.length;
const first = (fault: Fault) => (_: unknown, nth: number) =>
  nth === 0 ? fault : ({ kind: 'none' } as const);
const always = (fault: Fault) => () => fault;

async function whole({ status, body }: FileResponse): Promise<{ status: number; bytes: Buffer }> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return { status, bytes: Buffer.concat(chunks) };
}

describe('one mirror', () => {
  test.each<Fault>([
    { kind: 'none' },
    { kind: 'status', status: 503 },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 429, retryAfter: '2' },
    { kind: 'mute' },
    { kind: 'stall', after: 100_000 },
    { kind: 'stall', after: 0 },
    { kind: 'reset', after: 100_000 },
    { kind: 'reset', after: 0 },
    { kind: 'labelled' },
    { kind: 'redirect', to: '/a/repomd.xml' },
  ])('serves the exact bytes after $kind', async (fault) => {
    const mirrors = await pool({ fault: first(fault) });
    const answer = await fetchFile(mirrors, 'a/repomd.xml', {}, whole);
    expect(answer.status).toBe(200);
    expect(answer.bytes.equals(page)).toBe(true);
  });

  test('is not asked again before its Retry-After is over', async () => {
    const busy = { kind: 'status', status: 429, retryAfter: '20' } as const;
    const mirrors = await pool({ fault: first(busy) });
    await fetchFile(mirrors, 'a/repomd.xml', {}, whole);
    const [one, other] = servers[0]?.asked ?? [];
    expect((other?.at ?? 0) - (one?.at ?? 0)).toBeGreaterThanOrEqual(20_000);
  });

  test('that says "not modified" is an answer, with its ETag', async () => {
    const mirrors = await pool({ etag: '"abc"' });
    const options = { etag: '"abc"', lastModified: 'Mon, 01 Jan 2024 00:00:00 GMT' };
    const answer = await fetchFile(mirrors, 'a/repomd.xml', options, async (one) => one);
    expect([answer.status, answer.etag]).toEqual([304, '"abc"']);
    expect(servers[0]?.asked[0]?.headers['if-modified-since']).toBe(options.lastModified);
  });

  test('that has no such file is an answer', async () => {
    const mirrors = await pool({});
    expect((await fetchFile(mirrors, 'b', {}, whole)).status).toBe(404);
    expect(asked(0)).toBe(1);
  });

  test('that is down is a failure with its name, what it did, and advice', async () => {
    const mirrors = await pool({});
    await servers[0]?.close();
    const failure = await fetchFile(mirrors, 'a/repomd.xml', {}, whole).catch((error) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ reason: 'network' });
    expect(failure.message).toContain("'a/repomd.xml'");
    expect(failure.message).toContain(`${servers[0]?.base}: connect ECONNREFUSED`);
    expect(failure.advice).toContain('--mirror');
  });

  test('that always fails is asked a few times and no more', async () => {
    const mirrors = await pool({ fault: always({ kind: 'status', status: 502 }) });
    await expect(fetchFile(mirrors, 'a/repomd.xml', {}, whole)).rejects.toThrow('status 502');
    expect(asked(0)).toBe(4);
  });

  test('that says to come back tomorrow is not waited for', async () => {
    const later = { kind: 'status', status: 503, retryAfter: '86400' } as const;
    const mirrors = await pool({ fault: always(later) });
    await expect(fetchFile(mirrors, 'a/repomd.xml', {}, whole)).rejects.toThrow('in 86400 s');
    expect(asked(0)).toBe(1);
  });
});

describe('several mirrors', () => {
  test('are asked in their order', async () => {
    const mirrors = await pool({}, {});
    await fetchFile(mirrors, 'a/repomd.xml', {}, whole);
    await fetchFile(mirrors, 'a/repomd.xml', {}, whole);
    expect([asked(0), asked(1)]).toEqual([2, 0]);
  });

  test('take over from one that breaks', async () => {
    const mirrors = await pool({ fault: always({ kind: 'reset', after: 5 }) }, {});
    const answer = await fetchFile(mirrors, 'a/repomd.xml', {}, whole);
    expect(answer.bytes.equals(page)).toBe(true);
    expect([asked(0), asked(1)]).toEqual([1, 1]);
  });

  test('take over from one whose content the reader refuses', async () => {
    const mirrors = await pool({ fault: always({ kind: 'corrupt', at: 9 }) }, {});
    const answer = await fetchFile(mirrors, 'a/repomd.xml', {}, async (one) => {
      const read = await whole(one);
      if (!read.bytes.equals(page)) throw new Failure('checksum-mismatch', 'Other bytes.');
      return one.mirror.base;
    });
    expect(answer).toBe(servers[1]?.base);
    expect(asked(0)).toBe(1);
  });

  test('that all have bad content give the failure of the content', async () => {
    const mirrors = await pool({}, {});
    const refuse = async (answer: FileResponse) => {
      await whole(answer);
      throw new Failure('bad-repository', `Nonsense from ${answer.mirror.base}.`);
    };
    await expect(fetchFile(mirrors, 'a/repomd.xml', {}, refuse)).rejects.toThrow('Nonsense');
    expect([asked(0), asked(1)]).toEqual([1, 1]);
  });

  test('count as missing what the first does not have, and go on when another does not', async () => {
    const mirrors = await pool({ files: {} }, {});
    expect((await fetchFile(mirrors, 'a/repomd.xml', {}, whole)).status).toBe(404);
    expect(asked(1)).toBe(0);
    const down = always({ kind: 'status', status: 503 });
    const others = await pool({ fault: down }, { files: {} }, {});
    expect((await fetchFile(others, 'a/repomd.xml', {}, whole)).status).toBe(200);
    const none = await pool({ fault: down }, { files: {} });
    expect((await fetchFile(none, 'a/repomd.xml', {}, whole)).status).toBe(404);
  });
});

describe('a sick first mirror does not hold up what the second has', () => {
  const busy = always({ kind: 'status', status: 503, retryAfter: '300' });
  const SICK: readonly [string, Partial<Behaviour>][] = [
    ['answers nothing', { fault: always({ kind: 'mute' }) }],
    ['stops after its headers', { fault: always({ kind: 'stall', after: 0 }) }],
    ['stops half-way', { fault: always({ kind: 'stall', after: 150_000 }) }],
    ['drips', { fault: always({ kind: 'slow', bytesPerSecond: 20 }) }],
    ['asks for five minutes', { fault: busy }],
    ['resets', { fault: always({ kind: 'reset', after: 0 }) }],
  ];
  const elapsed = async (work: () => Promise<unknown>) => {
    const began = field.clock.now();
    await work();
    return field.clock.now() - began;
  };

  test.each(SICK)('where it %s: 200 and 404 alike', async (_, sick) => {
    const mirrors = await pool(sick, {});
    const fetched: number[] = [];
    const time = await elapsed(async () => {
      for (const path of ['a/repomd.xml', 'a/missing', 'a/repomd.xml', 'a/other']) {
        fetched.push((await fetchFile(mirrors, path, {}, whole)).status);
      }
    });
    expect(fetched).toEqual([200, 404, 200, 404]);
    // One race of two seconds: from then on the healthy one is asked first.
    expect(time).toBeLessThan(25_000); // less than one idle timeout
    expect(asked(0)).toBeLessThanOrEqual(3);
  });

  test('where it refuses connections, and it is not asked any more', async () => {
    const mirrors = await pool({}, {});
    await servers[0]?.close();
    const time = await elapsed(async () => {
      for (let nth = 0; nth < 8; nth += 1) {
        expect((await fetchFile(mirrors, `a/${nth}`, {}, whole)).status).toBe(404);
      }
    });
    expect(time).toBeLessThan(25_000);
  });
});

test('a slow mirror that is the only one is not raced, and its bytes are right', async () => {
  const mirrors = await pool({ fault: always({ kind: 'slow', bytesPerSecond: 20_000 }) });
  const answer = await fetchFile(mirrors, 'a/repomd.xml', {}, whole);
  expect(answer.bytes.equals(page)).toBe(true);
  expect(asked(0)).toBe(1);
});

test('a mirror that drips is given up by name, whatever keeps coming', async () => {
  const mirrors = await pool({ fault: always({ kind: 'slow', bytesPerSecond: 100 }) });
  const fetched = fetchFile(mirrors, 'a/repomd.xml', {}, whole);
  await expect(fetched).rejects.toThrow(/only \d+ bytes in 30 s/);
  expect(asked(0)).toBe(4);
});

test('the content of a racer that is refused leads to the other', async () => {
  const corrupt = { fault: always({ kind: 'corrupt', at: 9 }) };
  const mirrors = await pool({ fault: always({ kind: 'slow', bytesPerSecond: 30_000 }) }, corrupt);
  const answer = await fetchFile(mirrors, 'a/repomd.xml', {}, async (one) => {
    const read = await whole(one);
    if (!read.bytes.equals(page)) throw new Failure('checksum-mismatch', 'Other bytes.');
    return one.mirror.base;
  });
  expect(answer).toBe(servers[0]?.base);
});

describe('a file that every mirror has to lack before it counts as missing', () => {
  test('is asked of all of them', async () => {
    const mirrors = await pool({ files: {} }, { files: {} }, {});
    const options = { notFound: 'all' } as const;
    expect((await fetchFile(mirrors, 'a/repomd.xml', options, whole)).status).toBe(200);
    expect((await fetchFile(mirrors, 'a/missing', options, whole)).status).toBe(404);
    expect([asked(0), asked(1), asked(2)]).toEqual([2, 2, 2]);
  });

  test('is asked again of one that was down for a moment', async () => {
    const down = first({ kind: 'status', status: 503 });
    const mirrors = await pool({ files: {} }, { fault: down });
    const options = { notFound: 'all' } as const;
    expect((await fetchFile(mirrors, 'a/repomd.xml', options, whole)).status).toBe(200);
  });
});

test('the mirror that is preferred is asked first', async () => {
  const mirrors = await pool({}, {});
  const prefer = servers[1]?.base;
  await fetchFile(mirrors, 'a/repomd.xml', { prefer }, whole);
  expect([asked(0), asked(1)]).toEqual([0, 1]);
});

test('a defect of the reader is not blamed on the mirror', async () => {
  const mirrors = await pool({}, {});
  const defect = async () => {
    throw new TypeError('undefined is not a function');
  };
  await expect(fetchFile(mirrors, 'a/repomd.xml', {}, defect)).rejects.toThrow(TypeError);
  expect([asked(0), asked(1)]).toEqual([1, 0]);
});

test('an interruption ends it at once, with its own reason', async () => {
  const mirrors = await pool({ fault: always({ kind: 'mute' }) });
  const stop = new AbortController();
  const fetched = fetchFile(mirrors, 'a/repomd.xml', { signal: stop.signal }, whole);
  stop.abort(new Failure('interrupted', 'Stopped.'));
  await expect(fetched).rejects.toMatchObject({ reason: 'interrupted' });
});

test('a path cannot leave the mirror', async () => {
  const mirrors = await pool({});
  for (const path of ['../up', '//elsewhere/a', 'http://elsewhere/a', '/a', 'a?b', 'a#b']) {
    const base = `${mirrors.mirrors[0]?.base}deep/`;
    const deep = new MirrorPool([base], ports());
    await expect(fetchFile(deep, path, {}, whole)).rejects.toMatchObject({
      reason: 'bad-repository',
    });
  }
  expect(asked(0)).toBe(0);
});
