import { FORGES, type ForgeName } from '../../../src/forge/forge.ts';
import { type StandIn, startForge } from '../../forge/stand-in.ts';
import { encodingsOf, filesWith, gitCommandLines } from '../../git/find-secrets.ts';
import { commit, createRepository, head, read, subjects } from '../../git/repositories.ts';
import { openFixture } from './fixture.ts';

const A = '5.10.0-1.oe2203.x86_64';
const B = '5.10.0-2.oe2203.x86_64';
const C = '6.6.0-3.oe2403.aarch64';
const TOKEN = 's3cret/t0ken+of=the-archive';

const fixture = openFixture();
const forges: StandIn[] = [];
afterAll(() => Promise.all(forges.map((one) => one.close())));

/** An archive on a git host that wants a password, beside a forge. */
async function host(forge: ForgeName) {
  const name = `${forge}-${forges.length}/owner/archive.git`;
  const folder = createRepository(fixture.root, name);
  commit(folder, 'master', { 'README.md': 'An archive.\n' }, 'Begin');
  const server = await fixture.serve({ users: { [TOKEN]: 'write' }, closed: true });
  const standIn = await startForge(forge, TOKEN);
  forges.push(standIn);
  const said: string[] = [];
  const publish = async (built: string[], env: Record<string, string> = {}, more = {}) => {
    const run = await fixture.run(
      {
        input: await fixture.output(built),
        archive: `${server.origin}/owner/archive.git`,
        forge,
        apiUrl: standIn.root,
        runUrl: 'https://ci.example.org/7',
        ...more,
      },
      { BTFHUB_TOKEN: TOKEN, ...env },
    );
    said.push(run.said);
    return run;
  };
  // The host has the repository at its root, as its owner and name alone say.
  const { root } = fixture;
  server.weather.rewrite = (url) => url.replace('/owner/', `/${name.split('/')[0]}/owner/`);
  return { folder, server, standIn, publish, said, root };
}

test.each(FORGES)(
  '%s: pushed with a password, reviewed by one pull request, the token nowhere',
  async (forge) => {
    const { folder, server, standIn, publish, said, root } = await host(forge);
    const lines: string[] = [];
    server.weather.onRequest = () => lines.push(...gitCommandLines());

    const first = await publish([A]);
    expect(first).toMatchObject({
      status: 0,
      document: { operation: 'pushed', pullRequest: { action: 'created', number: 1, forge } },
    });
    const second = await publish([B, C]);
    expect(second.document.pullRequest).toMatchObject({ action: 'updated', number: 1 });
    expect(standIn.pulls.length).toBe(1);
    const [pull] = standIn.pulls;
    expect(pull).toMatchObject({
      head: 'next',
      base: 'master',
      title: 'Add BTF of 3 kernels (openEuler 22.03, 24.03)',
    });
    for (const word of [
      '22.03-LTS-SP1',
      '24.03-LTS',
      'aarch64',
      A,
      B,
      C,
      '1.31',
      'signed by',
      'https://ci.example.org/7',
    ]) {
      expect(pull?.body).toContain(word);
    }

    const asked = standIn.asked.length;
    const third = await publish([A, B, C]);
    expect(third.document).toMatchObject({
      operation: 'nothing-new',
      pullRequest: { action: 'unchanged' },
    });
    expect(standIn.asked.slice(asked).every(({ method }) => method === 'GET')).toBe(true);
    expect(subjects(folder, 'next', 'master')).toEqual([`Add BTF of ${A}`, 'Add BTF of 2 kernels']);

    expect(standIn.violations).toEqual([]);
    const secrets = encodingsOf(TOKEN);
    const leaks = (text: string) => secrets.filter((secret) => text.includes(secret));
    expect(lines.some((line) => line.includes('push'))).toBe(true);
    expect(lines.flatMap(leaks)).toEqual([]);
    expect(said.flatMap(leaks)).toEqual([]);
    expect(standIn.asked.flatMap(({ url }) => leaks(url))).toEqual([]);
    expect(leaks(`${pull?.title}${pull?.body}`)).toEqual([]);
    expect(server.wire.requests.flatMap(leaks)).toEqual([]);
    expect(filesWith(root, secrets)).toEqual([]);
  },
);

test('two runs at once end in one pull request for both', async () => {
  const { folder, standIn, publish } = await host('github');
  const runs = await Promise.all([publish([A]), publish([B])]);
  expect(runs.map(({ status }) => status)).toEqual([0, 0]);
  expect(standIn.pulls.length).toBe(1);
  expect(subjects(folder, 'next', 'master').length).toBe(2);
});

test('what was pushed and has no pull request gets one when it is run again', async () => {
  const { folder, standIn, publish } = await host('gitea');
  standIn.intercept = () => ({ status: 403, body: { message: 'token does not have scope' } });
  const refused = await publish([A]);
  expect(refused).toMatchObject({ status: 2, document: { error: { reason: 'forge' } } });
  expect(refused.said).toMatch(/'next' is pushed, but .*write:repository/s);
  const next = head(folder, 'next');
  delete standIn.intercept;
  expect((await publish([A])).document).toMatchObject({
    operation: 'nothing-new',
    pullRequest: { action: 'created' },
  });
  expect(head(folder, 'next')).toBe(next);
  expect(read(folder, 'catalog', 'catalog.json')).toContain(A);
});

test('after the review there is nothing to open', async () => {
  const { standIn, publish, folder } = await host('gitee');
  await publish([A]);
  commit(folder, 'master', {}, 'Merged', head(folder, 'next'));
  (standIn.pulls[0] as { open: boolean }).open = false;
  const run = await publish([A]);
  expect(run).toMatchObject({
    status: 0,
    document: { pullRequest: { action: 'none', why: 'nothing-waits' } },
  });
  expect(standIn.pulls.length).toBe(1);
});

test('an archive without the base branch is pushed, and the report says that it cannot be reviewed yet', async () => {
  const { folder, publish, standIn } = await host('github');
  const run = await publish([A], {}, { base: 'main' });
  expect(run).toMatchObject({
    status: 1,
    document: { pullRequest: { action: 'none', why: 'no-base' } },
  });
  expect(head(folder, 'next')).toBeDefined();
  expect(standIn.asked).toEqual([]);
});

test('in a workflow the token is masked before anything else is written', async () => {
  const { publish } = await host('github');
  const run = await publish([A], { GITHUB_ACTIONS: 'true' });
  const mask = `mask ${TOKEN}\n`;
  expect(run.said.startsWith(mask)).toBe(true);
  expect(run.said.slice(mask.length)).not.toContain(TOKEN);
});

test('the token may stand in a file, or with the URL; without one, it is asked for', async () => {
  const { publish, server, root } = await host('github');
  const { writeFileSync, rmSync } = await import('node:fs');
  writeFileSync(`${root}/token`, `${TOKEN}\n`);
  const file = await publish([A], { BTFHUB_TOKEN: '' }, { tokenFile: `${root}/token` });
  rmSync(`${root}/token`);
  expect(file.status).toBe(0);
  const inUrl = `${server.origin.replace('://', `://me:${encodeURIComponent(TOKEN)}@`)}/owner/archive.git`;
  const url = await publish([A], { BTFHUB_TOKEN: '' }, { archive: inUrl });
  expect(url).toMatchObject({ status: 0, document: { operation: 'nothing-new' } });
  expect(url.document.archive).not.toContain('me:');
  const none = await publish([A], { BTFHUB_TOKEN: '' });
  expect(none).toMatchObject({ status: 2, document: { error: { reason: 'usage' } } });
  expect(none.said).toContain('needs a token');
});
