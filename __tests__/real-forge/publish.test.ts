import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { encodingsOf, filesWith } from '../git/find-secrets.ts';
import { A, ALIAS_C, B, C, PATH_A, PATH_B, PATH_C } from '../jobs/publish/archives.ts';
import { MINIMUM_TYPES, putKernels } from '../jobs/publish/kernels.ts';
import { openWorkFolder } from './btfhub.ts';
import {
  createRepository,
  createUser,
  forgeUrl,
  type Repository,
  repositoryOf,
  type User,
} from './gitea.ts';

const work = openWorkFolder();
let owner: User;
/** A token of least scope. */
let token: string;
const secrets: string[] = [];

beforeAll(async () => {
  owner = await createUser();
  token = (await newToken()).secret;
});
afterAll(async () => {
  await owner.remove();
  work.remove();
});

async function newToken(scope?: string) {
  const made = await owner.token(scope);
  secrets.push(made.secret);
  return made;
}

let outputs = 0;
/** Publishes these kernels as a build leaves them. */
async function publish(
  repository: Repository,
  built: readonly string[],
  options: Readonly<Record<string, string | true>> = {},
  secret = token,
) {
  outputs += 1;
  const input = await putKernels(join(work.root, `output-${outputs}`), built);
  return work.run(
    'publish',
    {
      input,
      archive: repository.url(),
      forge: 'gitea',
      'minimum-types': `${MINIMUM_TYPES}`,
      ...options,
    },
    { BTFHUB_TOKEN: secret },
  );
}

const openNumbers = async (repository: Repository) =>
  (await repository.open()).map(({ number }) => number);

test('three nights: created, updated, nothing new; always one pull request, master untouched', async () => {
  const archive = await createRepository(owner);
  const master = await archive.head('master');

  const first = await publish(archive, [A]);
  expect(first).toMatchObject({
    status: 0,
    document: { operation: 'pushed', pullRequest: { action: 'created' } },
  });
  const second = await publish(archive, [B, C]);
  expect(second).toMatchObject({
    status: 0,
    document: { pullRequest: { action: 'updated', number: first.document.pullRequest.number } },
  });
  const third = await publish(archive, [A, B, C]);
  expect(third).toMatchObject({
    status: 0,
    document: { operation: 'nothing-new', pullRequest: { action: 'unchanged' } },
  });

  const [pull, ...others] = await archive.open();
  expect(others).toEqual([]);
  expect(pull?.html_url).toBe(first.document.pullRequest.url);
  for (const name of [A, B, C]) expect(pull?.body).toContain(name);
  expect((await archive.files('next')).toSorted()).toEqual(
    ['README.md', PATH_A, PATH_B, PATH_C, ALIAS_C].toSorted(),
  );
  expect(await archive.head('master')).toBe(master);
});

test('a reviewer comments and edits in between: the comment stays, and the same request is updated', async () => {
  const archive = await createRepository(owner);
  const first = await publish(archive, [A]);
  const { number } = first.document.pullRequest;
  await archive.comment(number, 'Is the signature good?');
  await archive.edit(number, { title: 'BTF of November' });
  const second = await publish(archive, [B]);
  expect(second.document.pullRequest).toMatchObject({ action: 'updated', number });
  expect((await archive.comments(number)).map(({ body }) => body)).toEqual([
    'Is the signature good?',
  ]);
  expect(await openNumbers(archive)).toEqual([number]);
});

test.each(['merge', 'squash', 'rebase'] as const)(
  'after a %s the next night opens one new request with only what is new',
  async (way) => {
    const archive = await createRepository(owner);
    const first = await publish(archive, [A]);
    await archive.merge(first.document.pullRequest.number, way);
    expect(await archive.files('master')).toContain(PATH_A);

    const idle = await publish(archive, [A]);
    expect(idle).toMatchObject({
      status: 0,
      document: { operation: 'nothing-new', pullRequest: { action: 'none', why: 'nothing-waits' } },
    });
    const second = await publish(archive, [B]);
    expect(second).toMatchObject({ status: 0, document: { pullRequest: { action: 'created' } } });
    const [pull, ...others] = await archive.open();
    expect(others).toEqual([]);
    expect(pull?.body).toContain(B);
    expect(pull?.title).toContain(B);
    const files = await archive.files('next');
    expect(files).toEqual(expect.arrayContaining([PATH_A, PATH_B]));
  },
);

test('a closed request is not reopened: what still waits gets a new one', async () => {
  const archive = await createRepository(owner);
  const first = await publish(archive, [A]);
  const { number } = first.document.pullRequest;
  await archive.edit(number, { state: 'closed' });
  const second = await publish(archive, [B]);
  expect(second).toMatchObject({ status: 0, document: { pullRequest: { action: 'created' } } });
  const [pull, ...others] = await archive.open();
  expect(others).toEqual([]);
  expect(pull?.number).not.toBe(number);
  for (const name of [A, B]) expect(pull?.body).toContain(name);
});

test('next is deleted: the next night makes it again', async () => {
  const archive = await createRepository(owner);
  await publish(archive, [A]);
  await archive.deleteBranch('next');
  const second = await publish(archive, [A, B]);
  expect(second).toMatchObject({ status: 0, document: { operation: 'pushed' } });
  expect(await archive.files('next')).toEqual(expect.arrayContaining([PATH_A, PATH_B]));
  expect(await archive.open()).toHaveLength(1);
});

test('next is moved by a person: the commit of the person stays', async () => {
  const archive = await createRepository(owner);
  await publish(archive, [A]);
  await archive.write('next', 'NOTES.md', 'By hand.\n');
  const second = await publish(archive, [B]);
  expect(second.status).toBe(0);
  expect(await archive.files('next')).toEqual(expect.arrayContaining([PATH_A, PATH_B, 'NOTES.md']));
  expect(await archive.open()).toHaveLength(1);
});

test('a token without rights is refused with what it needs, and nothing is pushed', async () => {
  const archive = await createRepository(owner);
  const { secret } = await newToken('read:repository');
  const run = await publish(archive, [A], {}, secret);
  expect(run.status).toBe(2);
  expect(run.document.error.advice).toMatch(/right|scope|write/);
  expect(await archive.head('next')).toBeUndefined();
});

test('a token that was revoked is refused, and the message names the way to set it', async () => {
  const archive = await createRepository(owner);
  const { secret, revoke } = await newToken();
  await revoke();
  const run = await publish(archive, [A], {}, secret);
  expect(run.status).toBe(2);
  expect(run.document.error.advice).toMatch(/BTFHUB_TOKEN|--token-file/);
  expect(await archive.head('next')).toBeUndefined();
});

test('a repository that was renamed: pushed to, or refused with what to change', async () => {
  const archive = await createRepository(owner);
  const oldUrl = archive.url();
  await archive.rename(`${archive.name}-moved`);
  const run = await publish(archive, [A], { archive: oldUrl });
  if (run.status === 0) {
    expect(await archive.open()).toHaveLength(1);
  } else {
    expect(run.document.error.advice).toMatch(/--archive/);
  }
  const again = await publish(archive, [A]);
  expect(again.status).toBe(0);
  expect(await archive.open()).toHaveLength(1);
});

test('a repository with LFS attributes gets the bytes themselves, no pointers', async () => {
  const archive = await createRepository(owner);
  await archive.branch('next', 'master');
  await archive.write('next', '.gitattributes', '*.xz filter=lfs diff=lfs merge=lfs -text\n');
  const run = await publish(archive, [A]);
  expect(run.status).toBe(0);
  const response = await fetch(`${archive.raw('next')}/${PATH_A}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(bytes.subarray(0, 6).toString('latin1')).toBe('\xfd7zXZ\0');
});

test('200 kernels at once', async () => {
  const archive = await createRepository(owner);
  const names = Array.from({ length: 200 }, (_, index) => `5.10.0-${index + 1}.oe2203.x86_64`);
  const run = await publish(archive, names);
  expect(run).toMatchObject({ status: 0, document: { pullRequest: { action: 'created' } } });
  expect((await archive.files('next')).filter((path) => path.endsWith('.xz'))).toHaveLength(200);
});

test('two publishers at once end in one request with the kernels of both', async () => {
  const archive = await createRepository(owner);
  const runs = await Promise.all([publish(archive, [A]), publish(archive, [B])]);
  expect(runs.map(({ status }) => status)).toEqual([0, 0]);
  const [pull, ...others] = await archive.open();
  expect(others).toEqual([]);
  for (const name of [A, B]) expect(pull?.body).toContain(name);
});

test('the forge stops between push and request: the push stays, and the next run opens the request', async () => {
  const archive = await createRepository(owner);
  // An API address at which nothing listens any more, as when the forge stops after the push.
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  const cut = await publish(archive, [A], { 'api-url': `http://127.0.0.1:${port}/api/v1` });
  expect(cut.status).toBe(2);
  expect(cut.document.error.message).toMatch(/'next' is pushed/);
  const pushed = await archive.head('next');
  expect(pushed).toBeDefined();

  const again = await publish(archive, [A], { 'api-url': `${forgeUrl()}/api/v1` });
  expect(again).toMatchObject({
    status: 0,
    document: { operation: 'nothing-new', pullRequest: { action: 'created' } },
  });
  expect(await archive.head('next')).toBe(pushed);
});

test("a stranger's request from the next of a fork is not taken for ours", async () => {
  const archive = await createRepository(owner);
  const stranger = await createUser();
  try {
    await stranger.call('POST', `/repos/${owner.name}/${archive.name}/forks`, {});
    const fork = repositoryOf(stranger, archive.name);
    await fork.branch('next', 'master');
    await fork.write('next', PATH_A, 'not BTF');
    await stranger.call('POST', `/repos/${owner.name}/${archive.name}/pulls`, {
      head: `${stranger.name}:next`,
      base: 'master',
      title: 'Add BTF',
    });
    const run = await publish(archive, [B]);
    expect(run).toMatchObject({ status: 0, document: { pullRequest: { action: 'created' } } });
    const pulls = await archive.open();
    const foreign = pulls.find(
      ({ head }) => head.repo?.full_name !== `${owner.name}/${archive.name}`,
    );
    expect(foreign).toMatchObject({ title: 'Add BTF', body: '' });
    expect(pulls).toHaveLength(2);
  } finally {
    await stranger.remove();
  }
});

test('no token is in anything that was printed or left in a file', () => {
  const all = secrets.flatMap(encodingsOf);
  expect(all.length).toBeGreaterThan(3);
  expect(all.filter((secret) => work.printed().includes(secret))).toEqual([]);
  expect(filesWith(work.root, all)).toEqual([]);
});
