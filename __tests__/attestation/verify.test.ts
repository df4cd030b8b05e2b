import { parseBundles } from '../../src/attestation/bundle.ts';
import { bundlesFor, verifyAttestation } from '../../src/attestation/verify.ts';
import { openSigstore } from './sigstore-instance.ts';

const SUM = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);
const repository = 'openeuler/btfhub-action';
const sigstore = await openSigstore();
const { trustedRoot } = sigstore;
const good = await sigstore.attest([OTHER, SUM], { repository });

const verify = (text: string | undefined, demand = { repository, trustedRoot }) =>
  verifyAttestation('x.btf.tar.xz', SUM, text, demand);

/** The bundle with one of its parts replaced. */
// biome-ignore lint/suspicious/noExplicitAny: a test reaches into JSON
function changed(change: (bundle: any) => void): string {
  const bundle = JSON.parse(good);
  change(bundle);
  return JSON.stringify(bundle);
}

const withOtherPayload = changed((bundle) => {
  const { payload } = bundle.dsseEnvelope;
  const text = Buffer.from(payload, 'base64').toString().replace(OTHER, 'c'.repeat(64));
  bundle.dsseEnvelope.payload = Buffer.from(text).toString('base64');
});

test('a bundle of the repository proves who made the tarball', async () => {
  expect(await verify(good)).toEqual({
    repository,
    signer: `https://github.com/${repository}/.github/workflows/update-archive.yml@refs/heads/main`,
  });
});

test('the name of the repository is compared as GitHub does, without case', async () => {
  const demand = { repository: 'openEuler/BTFHub-Action', trustedRoot };
  expect((await verify(good, demand)).repository).toBe('openEuler/BTFHub-Action');
});

test('of several bundles, a good one is enough', async () => {
  const foreign = await sigstore.attest([SUM], { repository: 'somewhere/else' });
  expect(await verify(`${foreign}\n${good}\n`)).toMatchObject({ repository });
});

test("a bundle of GitHub's instance for private repositories needs no log, but the time of its authority", async () => {
  const own = await openSigstore('private');
  const text = await own.attest([SUM], { repository });
  expect(await verify(text, { repository, trustedRoot: own.trustedRoot })).toMatchObject({
    repository,
  });
  const { verificationMaterial, ...rest } = JSON.parse(text);
  const { timestampVerificationData: _, ...material } = verificationMaterial;
  const timeless = JSON.stringify({ ...rest, verificationMaterial: material });
  for (const [bundle, root] of [
    [timeless, own.trustedRoot],
    [text, trustedRoot],
  ] as const) {
    await expect(verify(bundle, { repository, trustedRoot: root })).rejects.toMatchObject({
      reason: 'bad-attestation',
    });
  }
});

test('no bundle is the reason no-attestation', async () => {
  await expect(verify(undefined)).rejects.toMatchObject({ reason: 'no-attestation' });
});

const other = await openSigstore();
test.each([
  ['of another repository', await sigstore.attest([SUM], { repository: 'me/fork' }), 'me/fork'],
  [
    'of a repository whose name begins the same',
    await sigstore.attest([SUM], { repository: `${repository}-2` }),
    'made by',
  ],
  [
    'of another issuer',
    await sigstore.attest([SUM], { repository, issuer: 'https://accounts.example.org' }),
    'issuer',
  ],
  ['of another tarball', await sigstore.attest([OTHER], { repository }), 'other files'],
  ['of another Sigstore instance', await other.attest([SUM], { repository }), 'prove'],
  ['with another statement than was signed', withOtherPayload, 'prove'],
  [
    'with another signature',
    changed((bundle) => {
      const [signature] = bundle.dsseEnvelope.signatures;
      signature.sig = Buffer.from(signature.sig, 'base64').reverse().toString('base64');
    }),
    'prove',
  ],
  [
    'without its entry in the log',
    changed((bundle) => {
      bundle.verificationMaterial.tlogEntries = [];
    }),
    'prove',
  ],
  [
    'with the time of its log entry changed',
    changed((bundle) => {
      bundle.verificationMaterial.tlogEntries[0].integratedTime = '1600000000';
    }),
    'prove',
  ],
  ['that is no JSON', 'attested!', 'no Sigstore bundle'],
  ['that is empty', '', 'no Sigstore bundle'],
  ['with a signature of a file instead of a statement', '{"messageSignature":{}}', 'no Sigstore'],
])('a bundle %s is the reason bad-attestation', async (_, text, words) => {
  await expect(verify(text)).rejects.toMatchObject({
    reason: 'bad-attestation',
    message: expect.stringContaining(words),
  });
});

test("a bundle of a test's own instance is refused by Sigstore's public root", async () => {
  await expect(verify(good, { repository, trustedRoot: undefined as never })).rejects.toMatchObject(
    {
      reason: 'bad-attestation',
    },
  );
});

test.each(['{', '{"tlogs":5}', ''])('the trusted root %p is usage', async (text) => {
  await expect(verify(good, { repository, trustedRoot: text })).rejects.toMatchObject({
    reason: 'usage',
  });
});

test('publish gets the bundles of each tarball, and refuses one without', () => {
  const bundles = parseBundles(`${good}\n`, 'a test');
  const files = bundlesFor(bundles, [{ name: 'x', sha256: SUM }]);
  expect([...files.keys()]).toEqual([SUM]);
  expect(parseBundles(files.get(SUM) ?? '', 'a test')[0]?.subjects).toEqual(new Set([OTHER, SUM]));
  expect(() => bundlesFor(bundles, [{ name: 'y', sha256: 'd'.repeat(64) }])).toThrow(
    expect.objectContaining({ reason: 'no-attestation' }),
  );
  expect(bundlesFor(undefined, [{ name: 'y', sha256: OTHER }]).size).toBe(0);
});
