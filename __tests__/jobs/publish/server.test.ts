import { existsSync, readdirSync } from 'node:fs';
import {
  commit,
  createRepository,
  git,
  head,
  read,
  subjects,
  tree,
} from '../../git/repositories.ts';
import { A, ALIAS_C, archives, B, C, PATH_A, PATH_B, PATH_C } from './archives.ts';
import { openFixture } from './fixture.ts';

const fixture = openFixture();
const { archive, push } = archives(fixture);

describe('the first time', () => {
  test('next is made of master and one commit that lists the kernels and names the run', async () => {
    const { folder, url } = await archive();
    const master = head(folder, 'master');
    const run = await push(url, [A, C], [], { runUrl: 'https://ci.example.org/7' });
    expect(run.document).toMatchObject({ operation: 'pushed', commit: head(folder, 'next') });
    expect(run.status).toBe(0);
    expect(head(folder, 'master')).toBe(master);
    expect(git(folder, ['rev-parse', 'next^'])).toBe(master);
    const message = git(folder, ['log', '-1', '--format=%B', 'next']);
    expect(message).toMatch(/^Add BTF of 2 kernels\n/);
    for (const word of [A, C, 'openEuler/24.03/arm64', 'https://ci.example.org/7']) {
      expect(message).toContain(word);
    }
    const files = tree(folder, 'next');
    expect(Object.keys(files)).toEqual(['README.md', PATH_A, ALIAS_C, PATH_C]);
    expect(files[ALIAS_C]).toBe(files[PATH_C]);
    expect(git(folder, ['fsck', '--strict', '--no-dangling'])).toBe('');
  });

  test('an archive without a commit gets its first one on next, and is told to make master', async () => {
    const folder = createRepository(fixture.root, 'empty.git');
    const server = await fixture.serve();
    const run = await push(server.url('empty.git'), [A]);
    expect(run).toMatchObject({ status: 0, document: { operation: 'pushed' } });
    expect(Object.keys(tree(folder, 'next'))).toEqual([PATH_A]);
    expect(head(folder, 'master')).toBeUndefined();
  });

  test('a repository on this machine is pushed to as well', async () => {
    const { folder } = await archive();
    expect(await push(folder, [A])).toMatchObject({ status: 0 });
    expect(tree(folder, 'next')).toHaveProperty([PATH_A]);
  });
});

describe('after the review', () => {
  const merges: [string, string, (folder: string) => void][] = [
    [
      'a merge',
      'afresh',
      (folder) => {
        const [master, next] = [head(folder, 'master'), head(folder, 'next')] as [string, string];
        const made = git(folder, [
          'commit-tree',
          `${next}^{tree}`,
          '-p',
          master,
          '-p',
          next,
          '-m',
          'Merge',
        ]);
        git(folder, ['update-ref', 'refs/heads/master', made]);
      },
    ],
    [
      'a fast-forward',
      'no',
      (folder) => void git(folder, ['update-ref', 'refs/heads/master', 'next']),
    ],
    [
      'a squash',
      'afresh',
      (folder) => {
        const made = git(folder, ['commit-tree', 'next^{tree}', '-p', 'master', '-m', 'Squashed']);
        git(folder, ['update-ref', 'refs/heads/master', made]);
      },
    ],
    [
      'a rebase',
      'afresh',
      (folder) => {
        let tip = commit(folder, 'master', { 'other.md': 'Meanwhile.' }, 'Meanwhile');
        for (const one of git(folder, ['rev-list', '--reverse', 'next', '^master']).split('\n')) {
          const patch = git(folder, ['diff-tree', '-r', '--no-commit-id', '--root', one]).split(
            '\n',
          );
          const index = { GIT_INDEX_FILE: `${folder}/rebase` };
          void index;
          const lines = patch.map((line) => {
            const [meta = '', path = ''] = line.split('\t');
            const [, mode, , oid] = meta.split(' ');
            return `${mode} blob ${oid}\t${path}`;
          });
          git(folder, ['read-tree', tip]);
          git(
            folder,
            ['update-index', '--index-info'],
            `${lines.map((line) => line.replace(' blob ', ' ')).join('\n')}\n`,
          );
          tip = git(folder, [
            'commit-tree',
            git(folder, ['write-tree']),
            '-p',
            tip,
            '-m',
            'Rebased',
          ]);
        }
        git(folder, ['update-ref', 'refs/heads/master', tip]);
      },
    ],
  ];

  test.each(merges)(
    'by %s (%s), next starts afresh on master, and the catalog knows it',
    async (_, moved, merge) => {
      const { folder, url } = await archive();
      await push(url, [A]);
      await push(url, [C]);
      merge(folder);
      const run = await push(url, [B]);
      expect(run.document).toMatchObject({ moved, operation: 'pushed' });
      expect(git(folder, ['rev-parse', 'next^'])).toBe(head(folder, 'master'));
      expect(subjects(folder, 'next', 'master')).toEqual([`Add BTF of ${B}`]);
      const { kernels } = JSON.parse(read(folder, 'catalog', 'catalog.json'));
      expect(
        Object.fromEntries(
          Object.entries<{ state: string }>(kernels).map(([path, { state }]) => [path, state]),
        ),
      ).toEqual({ [PATH_A]: 'archived', [PATH_B]: 'pending', [PATH_C]: 'archived' });
    },
  );
});

describe('what waits', () => {
  test("stays with a person's commits among it, when master moved on: all of it is rebased", async () => {
    const { folder, url } = await archive();
    await push(url, [A]);
    commit(folder, 'next', { 'README.md': 'Better.\n', LICENSE: 'GPL' }, 'Better words');
    commit(folder, 'master', { 'docs.md': 'More.' }, 'Document');
    const run = await push(url, [B]);
    expect(run.document).toMatchObject({ moved: 'rebased' });
    expect(subjects(folder, 'next', 'master')).toEqual([
      `Add BTF of ${A}`,
      'Better words',
      `Add BTF of ${B}`,
    ]);
    expect(Object.keys(tree(folder, 'next'))).toEqual([
      'LICENSE',
      'README.md',
      'docs.md',
      PATH_A,
      PATH_B,
    ]);
    expect(read(folder, 'next', 'README.md')).toBe('Better.');
    const author = git(folder, ['log', '-1', '--format=%an <%ae> %ad', '--date=raw', 'next^']);
    expect(author).toBe('A Person <person@example.org> 1700000000 +0000');
    expect(git(folder, ['rev-list', '--merges', 'next'])).toBe('');
  });
});

describe('when two runs push at once, or the connection breaks', () => {
  test('the run whose push comes second reads the branch again and adds its commit on top', async () => {
    const { folder, server, url } = await archive();
    let slipped = false;
    server.weather.beforePush = async () => {
      if (slipped) return;
      slipped = true;
      await push(folder, [B]);
    };
    const run = await push(url, [A]);
    expect(run).toMatchObject({ status: 0, document: { operation: 'pushed' } });
    expect(subjects(folder, 'next', 'master')).toEqual([`Add BTF of ${B}`, `Add BTF of ${A}`]);
    const { kernels } = JSON.parse(read(folder, 'catalog', 'catalog.json'));
    expect(Object.keys(kernels)).toEqual([PATH_A, PATH_B]);
  });

  test('two runs at once leave the kernels of both, in one line of commits', async () => {
    const { folder, url } = await archive();
    const runs = await Promise.all([push(url, [A], [C]), push(url, [B])]);
    expect(runs.map(({ status }) => status)).toEqual([0, 0]);
    expect(subjects(folder, 'next', 'master').length).toBe(2);
    expect(Object.keys(tree(folder, 'next'))).toEqual(['README.md', PATH_A, PATH_B]);
    const { kernels } = JSON.parse(read(folder, 'catalog', 'catalog.json'));
    expect(Object.keys(kernels)).toEqual([PATH_A, PATH_B, PATH_C]);
  });

  test('a push that was cut off is tried again', async () => {
    const { folder, server, url } = await archive();
    Object.assign(server.weather, { cutPushes: 1, cutAfter: 100 });
    expect(await push(url, [A, B])).toMatchObject({ status: 0, document: { operation: 'pushed' } });
    expect(subjects(folder, 'next', 'master')).toEqual(['Add BTF of 2 kernels']);
  });

  test('a push whose answer was lost is not made twice', async () => {
    const { folder, server, url } = await archive();
    server.weather.loseAnswers = 1;
    const run = await push(url, [A, B]);
    expect(run.document).toMatchObject({ operation: 'pushed', commit: head(folder, 'next') });
    expect(run.document.added.length).toBe(2);
    expect(subjects(folder, 'next', 'master')).toEqual(['Add BTF of 2 kernels']);
  });

  test("a connection that breaks every time is the failure 'network'", async () => {
    const { server, url } = await archive();
    Object.assign(server.weather, { cutPushes: 99, cutAfter: 100 });
    const run = await push(url, [A, B]);
    expect(run).toMatchObject({ status: 2, document: { error: { reason: 'network' } } });
  });
});

test('a server without partial clone gets the same commit', async () => {
  const { folder, url } = await archive({ filter: false });
  await push(url, [A]);
  commit(folder, 'master', { 'docs.md': 'More.' });
  expect(await push(url, [B])).toMatchObject({ status: 0, document: { moved: 'rebased' } });
  expect(Object.keys(tree(folder, 'next'))).toEqual(['README.md', 'docs.md', PATH_A, PATH_B]);
});

test('a token that may only read is told which right it lacks', async () => {
  const { folder } = await archive();
  const server = await fixture.serve({ users: { reader: 'read' } });
  const name = folder.slice(fixture.root.length + 1);
  const run = await fixture.run(
    { input: await fixture.output([A]), archive: server.url(name), noPullRequest: true },
    { BTFHUB_TOKEN: 'reader' },
  );
  expect(run).toMatchObject({ status: 2, document: { error: { reason: 'bad-archive' } } });
  expect(run.said).toMatch(/needs the right to write/);
});

test('a branch that the host protects is refused with the rule named', async () => {
  const { url } = await archive();
  const run = await push(url, [A], [], { branch: 'master', base: 'main' });
  expect(run.status).toBe(2);
  expect(run.said).toMatch(/rule or a hook of the host/);
});

test('no run leaves anything in the temporary folder', () => {
  expect(existsSync(fixture.scratch)).toBe(true);
  expect(readdirSync(fixture.scratch)).toEqual([]);
});
