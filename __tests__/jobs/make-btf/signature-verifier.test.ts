import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { serveFolder } from '../../../src/download/static-server.ts';
import type { SignaturePolicy } from '../../../src/jobs/make-btf/signature-verifier.ts';
import { asFingerprint, Keyring, type TrustOption } from '../../../src/rpm/keys.ts';
import { OPENEULER } from '../../../src/sources/openeuler.ts';
import { OPENEULER_KEYS } from '../../../src/sources/openeuler-keys.ts';
import { Gnupg } from '../../rpm/gnupg.ts';
import {
  build,
  DEMO,
  kernelsOn,
  makeMirror,
  makeSetting,
  realPlatform,
  vmlinuxOf,
} from './setting.ts';

/** Three mirrors of one kernel: nothing signed; signed, with its key published; unsigned, but with a key. */
const setting = makeSetting();
const uname = '5.10.0-136.1.0.0.oe2203sp1.x86_64';
const reference = 'openEuler-22.03-LTS-SP1/debuginfo/x86_64';
const packagesOf = (root: string) => join(root, reference, 'Packages');
const demo = join(packagesOf(DEMO), readdirSync(packagesOf(DEMO))[0] ?? '');
const content = { uname, vmlinux: vmlinuxOf(demo) };
const gnupg = new Gnupg(join(setting.fresh('gnupg'), 'home'));
const key = gnupg.generate('signer', 'rsa2048', 'sign');
const armored = gnupg.exportArmored(key);
const publish = (root: string) =>
  writeFileSync(join(root, reference, 'RPM-GPG-KEY-openEuler'), armored);

const plain = makeMirror(setting.fresh('plain'), [content]);
const signed = makeMirror(setting.fresh('signed'), [content], (packages) => {
  const rpm = join(packages, readdirSync(packages)[0] ?? '');
  renameSync(gnupg.sign(rpm, `${rpm}.signed`, key), rpm);
});
publish(signed);
const stripped = makeMirror(setting.fresh('stripped'), [content]);
publish(stripped);

const platform = realPlatform();

/** @param pinned the fingerprints that the source pins; openEuler's where undefined */
async function outcome(
  roots: string | readonly string[],
  signature: SignaturePolicy,
  trust: TrustOption[],
  pinned?: readonly string[],
) {
  const servers = await Promise.all([roots].flat().map((root) => serveFolder(root)));
  try {
    const mirrors = servers.map(({ url }) => url);
    const places = { output: setting.fresh('o'), temp: setting.fresh('t'), mirrors };
    const found = await kernelsOn(platform, mirrors[0] ?? '');
    const kernels = found.map((one) => (pinned ? { ...one, trustedKeys: pinned } : one));
    const [result] = await build(platform, kernels, places, { signature, trust });
    if (result?.state === 'built') return result.record.verified.signature;
    return result?.state === 'failed' ? result.record.reason : 'not built';
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

const trusted = [{ fingerprint: asFingerprint(key) }];
const good = { status: 'good', key, hash: 'sha256' };

test.each([
  ['unsigned, in a repository without keys, required', plain, 'require', trusted, 'unsigned'],
  ['unsigned, of a source with pinned keys that no mirror has', plain, 'prefer', [], 'unsigned'],
  ['unsigned, in a repository with keys, preferred', stripped, 'prefer', trusted, 'unsigned'],
  ['unsigned, in a repository with keys, off', stripped, 'off', trusted, { status: 'off' }],
  ['signed by a trusted key, required', signed, 'require', trusted, good],
  ['signed by a trusted key, preferred', signed, 'prefer', trusted, good],
  ['signed by a key that is only on the mirror', signed, 'prefer', [], 'bad-signature'],
  ['signed by an unknown key, off', signed, 'off', [], { status: 'off' }],
] as const)('a package that is %s', async (_, root, policy, trust, expected) => {
  expect(await outcome(root, policy, [...trust])).toEqual(expected);
});

test('a repository without keys, of a source without pinned ones, may have unsigned packages', async () => {
  expect(await outcome(plain, 'prefer', [], [])).toEqual({ status: 'unsigned' });
  expect(await outcome(plain, 'require', [], [])).toBe('unsigned');
  expect(await outcome(stripped, 'prefer', [], [])).toBe('unsigned');
});

test('a key file that one mirror lacks comes from another, and is an error when all lack it', async () => {
  const without = setting.fresh('without');
  cpSync(signed, without, { recursive: true });
  rmSync(join(without, reference, 'RPM-GPG-KEY-openEuler'));
  expect(await outcome([without, signed], 'prefer', [], [key])).toEqual(good);
  expect(await outcome(without, 'prefer', [], [key])).toBe('bad-repository');
});

test('the keys that the program carries are those that openEuler’s source pins', async () => {
  const files = OPENEULER_KEYS.map(({ name, armored: text }) => ({
    name,
    bytes: Buffer.from(text),
  }));
  const pinned = (OPENEULER.keys?.fingerprints ?? []).map(asFingerprint);
  const keyring = await Keyring.read(files, pinned, new Date());
  expect(keyring.trusted.sort()).toEqual([...pinned].sort());
});

test('a key from a file that the user names is trusted', async () => {
  const file = join(dirname(packagesOf(signed)), 'RPM-GPG-KEY-openEuler');
  expect(await outcome(signed, 'require', [{ file }])).toEqual(good);
});

test('a key file that is not there is said by name, before anything is fetched', async () => {
  const said = outcome(signed, 'require', [{ file: '/no/such/key' }]);
  await expect(said).rejects.toThrow('/no/such/key');
});

test('the verdict is that of rpmkeys', () => {
  const dbpath = setting.fresh('rpmdb');
  execFileSync('rpmkeys', [
    '--dbpath',
    dbpath,
    '--import',
    join(signed, reference, 'RPM-GPG-KEY-openEuler'),
  ]);
  const rpm = join(packagesOf(signed), readdirSync(packagesOf(signed))[0] ?? '');
  const said = execFileSync('rpmkeys', ['--dbpath', dbpath, '--checksig', '-v', rpm]).toString();
  expect(said).toMatch(/RSA\/SHA256 Signature.*: OK/);
});
