import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attestationPath } from '../../src/attestation/bundle.ts';
import { fetch } from '../../src/commands/fetch.ts';
import { install } from '../../src/commands/install.ts';
import { verify } from '../../src/commands/verify.ts';
import { serveFolder } from '../../src/download/static-server.ts';
import { sha256 } from '../../src/sha256.ts';
import { writeFiles } from '../archive/archive-files.ts';
import { hostWith, makeImage, run } from '../commands/hosts.ts';
import { commit, createRepository, git, read, tree } from '../git/repositories.ts';
import { openFixture } from '../jobs/publish/fixture.ts';
import { MINIMUM_TYPES } from '../jobs/publish/kernels.ts';
import { runCommand } from '../schemas.ts';
import { openSigstore } from './sigstore-instance.ts';

/** The way of an attestation: publish keeps it beside the catalog, and fetch, install and verify demand it. */
const A = '5.10.0-1.oe2203.x86_64';
const B = '5.10.0-2.oe2203.x86_64';
const TARBALL = `openEuler/22.03/x86_64/${A}.btf.tar.xz`;
const repository = 'openeuler/btfhub-action';
const fixture = openFixture();
const { root } = fixture;
const sigstore = await openSigstore();
const trustedRoot = join(root, 'trusted_root.json');
writeFileSync(trustedRoot, sigstore.trustedRoot);
const platform = hostWith(A, 'x86_64');
const image = makeImage(join(root, 'image'), '22.03', A);

const input = await fixture.output([A, B]);
const tarball = readFileSync(join(input, TARBALL));
const sum = sha256(tarball);
const sums = readdirSync(join(input, 'records')).map(
  (name) => JSON.parse(readFileSync(join(input, 'records', name), 'utf8')).tarball.sha256,
);
const bundle = join(root, 'attestation.jsonl');
writeFileSync(bundle, `${await sigstore.attest(sums, { repository })}\n`);

const archive = createRepository(root, 'archive.git');
commit(archive, 'master', { 'README.md': 'An archive.\n' }, 'Begin');

const demand = { attestation: repository, trustedRoot, minimumTypes: `${MINIMUM_TYPES}` };
const output = join(root, 'fetched.btf');
const fetchFrom = (from: string, more = {}) =>
  run(platform, fetch, { archive: from, root: image, output, ...demand, ...more });

test('publish keeps the bundle of each tarball on the branch of the catalog', async () => {
  const args = { input, archive, noPullRequest: true as const, attestationBundle: bundle };
  const published = await fixture.run(args);
  expect(published).toMatchObject({ status: 0, document: { operation: 'pushed' } });
  const kept = Object.keys(tree(archive, 'catalog')).filter((path) => path.startsWith('attest'));
  expect(kept.sort()).toEqual(sums.map(attestationPath).sort());
  expect(read(archive, 'catalog', attestationPath(sum)).trim()).toBe(
    readFileSync(bundle, 'utf8').trim(),
  );
  const oids = new Set(kept.map((path) => git(archive, ['rev-parse', `catalog:${path}`])));
  expect(oids.size).toBe(1);
  git(archive, ['update-ref', 'refs/heads/master', 'refs/heads/next']);
});

test('publish refuses tarballs that the bundle says nothing about, and pushes nothing', async () => {
  const other = join(root, 'other.jsonl');
  writeFileSync(other, await sigstore.attest([sum], { repository }));
  const before = git(archive, ['for-each-ref']);
  const args = { input, archive, noPullRequest: true as const, attestationBundle: other };
  expect(await fixture.run(args)).toMatchObject({
    status: 2,
    document: { error: { reason: 'no-attestation' } },
  });
  expect(git(archive, ['for-each-ref'])).toBe(before);
});

test('publish says which option names a bundle that is not there', async () => {
  const args = { input, archive, noPullRequest: true as const, attestationBundle: '/nowhere' };
  expect(await fixture.run(args)).toMatchObject({
    status: 2,
    document: {
      error: { reason: 'usage', message: expect.stringContaining('--attestation-bundle') },
    },
  });
});

const attested = {
  repository,
  signer: `https://github.com/${repository}/.github/workflows/update-archive.yml@refs/heads/main`,
};

test('fetch proves who made a tarball by the bundle of the archive', async () => {
  const { document, text } = await fetchFrom(archive);
  expect(document).toMatchObject({ attested, promised: true });
  expect(text).toContain(`Made by ${repository}`);
});

test('fetch refuses the tarball of another repository, and writes nothing', async () => {
  rmSync(output, { force: true });
  await expect(fetchFrom(archive, { attestation: 'me/fork' })).rejects.toMatchObject({
    reason: 'bad-attestation',
    message: expect.stringContaining('me/fork'),
  });
  expect(existsSync(output)).toBe(false);
});

test('over HTTP the bundle is beside the catalog; without one it is refused', async () => {
  const files = join(root, 'files');
  writeFiles(files, {
    [TARBALL]: tarball,
    'catalog.json': read(archive, 'catalog', 'catalog.json'),
  });
  const server = await serveFolder(files);
  try {
    await expect(fetchFrom(server.url)).rejects.toMatchObject({ reason: 'no-attestation' });
    writeFiles(files, { [attestationPath(sum)]: readFileSync(bundle) });
    expect((await fetchFrom(server.url)).document).toMatchObject({ attested });
  } finally {
    await server.close();
  }
});

test('a bundle in a file is taken instead of that of the archive', async () => {
  const foreign = join(root, 'foreign.jsonl');
  writeFileSync(foreign, await sigstore.attest([sum], { repository: 'me/fork' }));
  await expect(fetchFrom(archive, { attestationBundle: foreign })).rejects.toMatchObject({
    reason: 'bad-attestation',
  });
  const plain = join(root, 'plain');
  writeFiles(plain, { [TARBALL]: tarball });
  expect((await fetchFrom(plain, { attestationBundle: bundle })).document).toMatchObject({
    attested,
  });
});

test('install proves it too, and installs nothing that is refused', async () => {
  const given = { archive, root: image, to: '/kernel.btf', ...demand };
  await expect(run(platform, install, { ...given, attestation: 'me/fork' })).rejects.toMatchObject({
    reason: 'bad-attestation',
  });
  expect(existsSync(join(image, 'kernel.btf'))).toBe(false);
  expect((await run(platform, install, given)).document).toMatchObject({ attested });
  expect(existsSync(join(image, 'kernel.btf'))).toBe(true);
});

test('verify says who made each tarball, and which is not attested', async () => {
  const options = { base: undefined, minimumTypes: MINIMUM_TYPES };
  const files = [join(input, TARBALL), join(input, 'openEuler')];
  const bundles = { attestation: repository, attestationBundle: bundle, trustedRoot };
  const good = await runCommand(verify, platform, { ...options, ...bundles }, files);
  expect(good).toMatchObject({ status: 0, document: { sound: 3, files: [{ attested }, {}, {}] } });
  const foreign = { ...bundles, attestation: 'me/fork' };
  const bad = await runCommand(verify, platform, { ...options, ...foreign }, files);
  expect(bad).toMatchObject({
    status: 1,
    document: { unsound: 3, files: [{ error: { reason: 'bad-attestation' } }, {}, {}] },
  });
  const none = { ...bundles, attestationBundle: undefined };
  expect(
    (await runCommand(verify, platform, { ...options, ...none }, files)).document,
  ).toMatchObject({ files: [{ error: { reason: 'no-attestation' } }, {}, {}] });
});

test.each([
  ['a name that is none', { attestation: 'openeuler' }, 'owner/name'],
  ['a name with more in it', { attestation: 'openeuler/btfhub-action/../x' }, 'owner/name'],
  ['a bundle that is not there', { attestationBundle: '/nowhere' }, '--attestation-bundle'],
  ['a trusted root that is not there', { trustedRoot: '/nowhere' }, '--trusted-root'],
  ['the package of the kernel', { fromKernelPackage: true }, '--from-kernel-package'],
])('%s is usage', async (_, given, words) => {
  const failure = await fetchFrom(archive, given).catch((error) => error);
  expect(failure).toMatchObject({ reason: 'usage' });
  expect(`${failure.message} ${failure.advice}`).toContain(words);
});

test('a bundle without the demand is usage', async () => {
  const given = { archive, root: image, output, attestationBundle: bundle };
  await expect(run(platform, fetch, given)).rejects.toMatchObject({ reason: 'usage' });
});
