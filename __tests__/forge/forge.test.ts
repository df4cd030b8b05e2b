import { setTimeout } from 'node:timers/promises';
import { undiciHttp } from '../../src/download/http.ts';
import { openForge } from '../../src/forge/find.ts';
import { ensurePullRequest, FORGES, type Forge, type ForgeName } from '../../src/forge/forge.ts';
import { asBranch } from '../../src/names.ts';
import { forgeClock } from './clock.ts';
import { type Reply, type StandIn, startForge } from './stand-in.ts';

const TOKEN = 'f0rge-t0ken';
const NEXT = asBranch('next');
const MASTER = asBranch('master');
const TEXT = { title: 'Add BTF of 2 kernels', body: 'A table.\n\n| a |\n|---|\n| b |\n' };

const running: StandIn[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
});

async function start(
  name: ForgeName,
  answerLimit?: number,
): Promise<{ standIn: StandIn; forge: Forge }> {
  const standIn = await startForge(name, TOKEN);
  running.push(standIn);
  const forge = openForge(
    { forge: name, root: standIn.root, owner: 'owner', repository: 'archive' },
    {
      http: undiciHttp({}),
      clock: forgeClock(10_000, answerLimit),
      signal: new AbortController().signal,
      token: TOKEN,
      hide: (text) => text.replaceAll(TOKEN, '***'),
    },
  );
  return { standIn, forge };
}

describe.each(FORGES)('%s', (name) => {
  test('gets one pull request: opened, brought up to date, left alone when it says the same', async () => {
    const { standIn, forge } = await start(name);
    const first = await ensurePullRequest(forge, NEXT, MASTER, TEXT);
    expect(first).toMatchObject({
      action: 'created',
      pullRequest: { number: 1, url: `${standIn.origin}/owner/archive/pulls/1` },
    });
    expect((await ensurePullRequest(forge, NEXT, MASTER, TEXT)).action).toBe('unchanged');
    const other = { ...TEXT, title: 'Add BTF of 3 kernels' };
    expect(await ensurePullRequest(forge, NEXT, MASTER, other)).toMatchObject({
      action: 'updated',
      pullRequest: { number: 1 },
    });
    expect(standIn.pulls).toEqual([
      { number: 1, ...other, head: 'next', base: 'master', open: true },
    ]);
    expect(standIn.violations).toEqual([]);
  });

  test('does not take for ours what is closed, comes from elsewhere, or goes elsewhere', async () => {
    const { standIn, forge } = await start(name);
    const one = { title: 'Other', body: '', open: true };
    standIn.pulls.push(
      ...Array.from({ length: 120 }, (_, at) => ({
        ...one,
        number: at + 1,
        head: `fix-${at}`,
        base: 'master',
      })),
      { ...one, number: 121, head: 'next', base: 'master', open: false },
      { ...one, number: 122, head: 'next', base: 'stable' },
    );
    expect(await ensurePullRequest(forge, NEXT, MASTER, TEXT)).toMatchObject({
      action: 'created',
      pullRequest: { number: 123 },
    });
    expect((await ensurePullRequest(forge, NEXT, MASTER, TEXT)).action).toBe('unchanged');
    expect(standIn.violations).toEqual([]);
  });

  test("does not adopt a pull request of a fork's branch with the same name", async () => {
    const { standIn, forge } = await start(name);
    const one = { title: 'Harmless', body: '', head: 'next', base: 'master', open: true };
    standIn.pulls.push(
      { ...one, number: 1, from: 'stranger/archive' },
      { ...one, number: 2, from: 'owner/fork-of-it' },
      { ...one, number: 3, from: null },
    );
    expect(await ensurePullRequest(forge, NEXT, MASTER, TEXT)).toMatchObject({
      action: 'created',
      pullRequest: { number: 4 },
    });
    expect((await ensurePullRequest(forge, NEXT, MASTER, TEXT)).action).toBe('unchanged');
    expect(standIn.pulls.slice(0, 3).map(({ title }) => title)).toEqual(Array(3).fill('Harmless'));
    expect(standIn.violations).toEqual([]);
  });

  test('finds its own pull request behind more than a page of those of forks', async () => {
    const { standIn, forge } = await start(name);
    const one = { title: 'Other', body: '', head: 'next', base: 'master', open: true };
    standIn.pulls.push(
      ...Array.from({ length: 150 }, (_, at) => ({
        ...one,
        number: at + 1,
        from: `stranger-${at}/archive`,
      })),
      { ...one, number: 151 },
    );
    expect(await ensurePullRequest(forge, NEXT, MASTER, TEXT)).toMatchObject({
      action: 'updated',
      pullRequest: { number: 151 },
    });
    expect(standIn.pulls.filter(({ title }) => title === TEXT.title).length).toBe(1);
  });

  test('refuses a pull request that it cannot place, and says so', async () => {
    const { standIn, forge } = await start(name);
    standIn.pulls.push({
      number: 7,
      title: 'Whose?',
      body: '',
      head: 'next',
      base: 'master',
      open: true,
      unsaid: true,
    });
    await expect(ensurePullRequest(forge, NEXT, MASTER, TEXT)).rejects.toMatchObject({
      reason: 'forge',
      message: expect.stringMatching(/does not say whether pull request 7 comes from/),
    });
    expect(standIn.pulls[0]?.title).toBe('Whose?');
    expect(standIn.pulls.length).toBe(1);
  });

  test('gets one pull request from two runs at once', async () => {
    const { standIn, forge } = await start(name);
    const other = { title: 'Add BTF of 5 kernels', body: 'Others.' };
    const ends = await Promise.all([
      ensurePullRequest(forge, NEXT, MASTER, TEXT),
      ensurePullRequest(forge, NEXT, MASTER, other),
    ]);
    expect(ends.map(({ pullRequest }) => pullRequest.number)).toEqual([1, 1]);
    expect(standIn.pulls.length).toBe(1);
  });

  test('keeps the token in the header, and out of every URL', async () => {
    const { standIn, forge } = await start(name);
    await ensurePullRequest(forge, NEXT, MASTER, TEXT);
    expect(standIn.asked.length).toBeGreaterThan(1);
    expect(standIn.asked.filter(({ url }) => url.includes(TOKEN))).toEqual([]);
  });

  test('has a creation whose answer got lost found, not made twice', async () => {
    const { standIn, forge } = await start(name);
    let lost = false;
    standIn.intercept = ({ method }) => {
      if (method !== 'POST' || lost) return undefined;
      lost = true;
      return 'do-and-drop';
    };
    const end = await ensurePullRequest(forge, NEXT, MASTER, TEXT);
    expect(end.pullRequest.number).toBe(1);
    expect(standIn.pulls.length).toBe(1);
  });

  test('has a creation that never arrived made again', async () => {
    const { standIn, forge } = await start(name);
    let lost = false;
    standIn.intercept = ({ method }) => {
      if (method !== 'POST' || lost) return undefined;
      lost = true;
      return 'drop';
    };
    expect((await ensurePullRequest(forge, NEXT, MASTER, TEXT)).action).toBe('created');
  });

  test.each<[string, Reply, RegExp]>([
    ['a token that is not accepted', { status: 401, body: {} }, /token is not accepted/],
    [
      'a right that is lacking',
      { status: 403, body: { message: 'Forbidden' } },
      /lacks a right: it needs/,
    ],
    ['a repository that is not there', { status: 404, body: {} }, /is not there/],
    ['a request that cannot be', { status: 422, body: {} }, /both branches exist/],
    ['a limit for hours', { status: 429, headers: { 'retry-after': '36000' } }, /try again later/],
    ['a forge that is down', { status: 500 }, /trouble of its own/],
  ])('says what to do about %s', async (_, reply, advice) => {
    const { standIn, forge } = await start(name);
    standIn.intercept = () => ({ ...reply, body: { message: `no: ${TOKEN}` } });
    const failure = await ensurePullRequest(forge, NEXT, MASTER, TEXT).catch((error) => error);
    expect(failure).toMatchObject({ reason: 'forge', advice: expect.stringMatching(advice) });
    expect(failure.message).toContain('no: ***');
    expect(`${failure.message}${failure.stack}${JSON.stringify(failure)}`).not.toContain(TOKEN);
  });

  test.each<[string, Reply]>([
    ['seconds', { status: 429, headers: { 'retry-after': '30' } }],
    ['a secondary limit', { status: 403, headers: { 'retry-after': '60' } }],
    ['a short outage', { status: 503, headers: { 'retry-after': '5' } }],
  ])('is waited for as it asks: %s', async (_, reply) => {
    const { standIn, forge } = await start(name);
    let times = 0;
    standIn.intercept = () => {
      times += 1;
      return times % 2 === 1 ? reply : undefined;
    };
    expect((await ensurePullRequest(forge, NEXT, MASTER, TEXT)).action).toBe('created');
    expect(standIn.pulls.length).toBe(1);
  });

  test('is waited for until its limit is lifted at a moment it names', async () => {
    const { standIn, forge } = await start(name);
    const lifted = Math.round(Date.UTC(2026, 0, 1, 0, 5) / 1000);
    let limited = true;
    standIn.intercept = () => {
      if (!limited) return undefined;
      limited = false;
      const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': `${lifted}` };
      return { status: 403, headers };
    };
    expect((await ensurePullRequest(forge, NEXT, MASTER, TEXT)).action).toBe('created');
  });

  test('does not get the token carried to another host by a redirect', async () => {
    const { standIn, forge } = await start(name);
    const thief = await startForge(name, TOKEN);
    running.push(thief);
    for (const status of [301, 302, 307, 308]) {
      standIn.intercept = ({ url }) => ({ status, headers: { location: `${thief.origin}${url}` } });
      await expect(ensurePullRequest(forge, NEXT, MASTER, TEXT)).rejects.toMatchObject({
        reason: 'forge',
        message: expect.stringContaining(thief.origin),
      });
    }
    expect(thief.asked).toEqual([]);
  });

  test('is followed to where a renamed repository went on the same host', async () => {
    const { standIn, forge } = await start(name);
    let moved = 0;
    standIn.intercept = ({ url }) => {
      moved += 1;
      return moved % 2 === 1 ? { status: 307, headers: { location: url } } : undefined;
    };
    expect((await ensurePullRequest(forge, NEXT, MASTER, TEXT)).action).toBe('created');
  });

  test.each([
    ['without an end', 60_000, 'forge', /has more than 33554432 bytes/],
    ['a byte now and then', 200, 'network', /no whole answer within 120 s/],
  ] as const)('is given up when its answer comes %s', async (how, limit, reason, message) => {
    const { standIn, forge } = await start(name, limit);
    let sent = 0;
    standIn.stream = async function* () {
      const block = how === 'without an end' ? Buffer.alloc(1 << 20, ' ') : Buffer.from(' ');
      for (; ; sent += block.length) {
        if (block.length === 1) await setTimeout(20);
        yield block;
      }
    };
    await expect(ensurePullRequest(forge, NEXT, MASTER, TEXT)).rejects.toMatchObject({
      reason,
      message: expect.stringMatching(message),
    });
    expect(sent).toBeLessThan(256 * 1024 * 1024);
  });

  test('is not taken for a forge when it answers with a page', async () => {
    const { standIn, forge } = await start(name);
    standIn.intercept = () => ({ status: 200, body: { login: 'please' } });
    await expect(ensurePullRequest(forge, NEXT, MASTER, TEXT)).rejects.toMatchObject({
      reason: 'forge',
      advice: expect.stringContaining('--api-url'),
    });
  });
});
