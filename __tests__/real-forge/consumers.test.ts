import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileBpf } from '../btf/made.ts';
import { makeImage } from '../commands/hosts.ts';
import { A, B, PATH_A } from '../jobs/publish/archives.ts';
import { MINIMUM_TYPES, putKernels, smallBtf } from '../jobs/publish/kernels.ts';
import { openWorkFolder } from './btfhub.ts';
import { createRepository, createUser, type Repository, type User } from './gitea.ts';

const work = openWorkFolder();
let owner: User;
/** The archive that anyone may read, and one that needs a token. */
let open: Repository;
let closed: Repository;
/** A token that reads and does no more. */
let reader: string;

beforeAll(async () => {
  owner = await createUser();
  const { secret } = await owner.token();
  reader = (await owner.token('read:repository')).secret;
  const input = await putKernels(join(work.root, 'built'), [A, B]);
  const publish = async (archive: Repository) => {
    const options = {
      input,
      archive: archive.url(),
      forge: 'gitea',
      'minimum-types': `${MINIMUM_TYPES}`,
    };
    const run = await work.run('publish', options, { BTFHUB_TOKEN: secret });
    await archive.merge(run.document.pullRequest.number, 'merge');
    return archive;
  };
  open = await publish(await createRepository(owner));
  closed = await publish(await createRepository(owner, { private: true }));
});
afterAll(async () => {
  await owner.remove();
  work.remove();
});

/** The git URL with the token in it, as a person gives it for an archive that is not public. */
function privateUrl(): string {
  const url = new URL(closed.url());
  url.username = owner.name;
  url.password = reader;
  return url.href;
}

const BY_GIT: readonly (readonly [string, () => string])[] = [
  ['by git, anonymous', () => open.url()],
  ['by git, private', privateUrl],
];
const WAYS = [...BY_GIT, ['by raw HTTP', () => open.raw('master')]] as const;

const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const few = { 'minimum-types': `${MINIMUM_TYPES}` };
const object = compileBpf(
  work.root,
  `struct shape { int sides; } __attribute__((preserve_access_index));
   char LICENSE[] __attribute__((section("license"))) = "GPL";
   __attribute__((section("kprobe/x"))) int probe(struct shape *s) { return s->sides; }`,
  'bpf',
);

describe.each(WAYS)('%s', (way, archive) => {
  test('fetch writes the BTF of a kernel', async () => {
    const output = join(work.root, `${way}.btf`);
    const options = { uname: A, distribution: 'openEuler', 'version-id': '22.03' };
    const run = await work.run('fetch', { ...options, ...few, output, archive: archive() });
    expect(run.status).toBe(0);
    expect(sum(readFileSync(output))).toBe(sum(smallBtf()));
  });

  test('install puts it where loaders look', async () => {
    const root = makeImage(join(work.root, `image ${way}`), '22.03', B);
    const run = await work.run('install', { uname: B, root, ...few, archive: archive() });
    expect(run.status).toBe(0);
    const placed = readFileSync(join(root, 'lib/modules', B, `vmlinux-${B}`));
    expect(placed.includes(smallBtf())).toBe(true);
  });
});

describe.each(BY_GIT)('%s', (way, archive) => {
  test('tailor and check look at every kernel', async () => {
    const output = join(work.root, `${way}.tar.gz`);
    const tailored = await work.run('tailor', {
      object,
      output,
      cache: join(work.root, `cache ${way}`),
      archive: archive(),
    });
    const checked = await work.run('check', { object, archive: archive() });
    // The small kernels have no `struct shape`: both name it for each of the two.
    expect(JSON.stringify(checked.document)).toContain('shape');
    expect([0, 1]).toContain(tailored.status);
    expect(checked.status).toBe(1);
    expect(JSON.stringify(tailored.document)).toContain(A);
  });
});

test('raw HTTP has no list of kernels: check says to give the git URL', async () => {
  const run = await work.run('check', { object, archive: open.raw('master') });
  expect(run).toMatchObject({ status: 2, document: { error: { reason: 'not-found' } } });
  expect(run.document.error.advice).toContain('git URL');
});

test('raw HTTP serves the very bytes that were published', async () => {
  const response = await fetch(`${open.raw('master')}/${PATH_A}`);
  const built = readFileSync(join(work.root, 'built', PATH_A));
  expect(sum(Buffer.from(await response.arrayBuffer()))).toBe(sum(built));
});

test('a private archive without a token is refused with what to do, and not asked for at a terminal', async () => {
  const options = { uname: A, distribution: 'openEuler', 'version-id': '22.03' };
  const run = await work.run('fetch', { ...options, ...few, archive: closed.url() });
  expect(run.status).toBe(2);
  expect(run.document.error.advice).toBeTruthy();
});

test('the reading token is in nothing that was printed', () => {
  expect(work.printed()).not.toContain(reader);
});
