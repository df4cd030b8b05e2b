import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { serveFolder } from '../../../src/download/static-server.ts';
import type { SignaturePolicy } from '../../../src/jobs/make-btf/signature-verifier.ts';
import { asFingerprint, type TrustOption } from '../../../src/rpm/keys.ts';
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

async function outcome(root: string, signature: SignaturePolicy, trust: TrustOption[]) {
  const server = await serveFolder(root);
  try {
    const places = { output: setting.fresh('o'), temp: setting.fresh('t'), mirrors: [server.url] };
    const kernels = await kernelsOn(platform, server.url);
    const [result] = await build(platform, kernels, places, { signature, trust });
    if (result?.state === 'built') return result.record.verified.signature;
    return result?.state === 'failed' ? result.record.reason : 'not built';
  } finally {
    await server.close();
  }
}

const trusted = [{ fingerprint: asFingerprint(key) }];
const good = { status: 'good', key, hash: 'sha256' };

test.each([
  ['unsigned, in a repository without keys, required', plain, 'require', trusted, 'unsigned'],
  [
    'unsigned, in a repository without keys, preferred',
    plain,
    'prefer',
    [],
    { status: 'unsigned' },
  ],
  ['unsigned, in a repository with keys, preferred', stripped, 'prefer', trusted, 'unsigned'],
  ['unsigned, in a repository with keys, off', stripped, 'off', trusted, { status: 'off' }],
  ['signed by a trusted key, required', signed, 'require', trusted, good],
  ['signed by a trusted key, preferred', signed, 'prefer', trusted, good],
  ['signed by a key that only the mirror vouches for', signed, 'prefer', [], 'bad-signature'],
  ['signed by a key that nobody vouches for, off', signed, 'off', [], { status: 'off' }],
] as const)('a package that is %s', async (_, root, policy, trust, expected) => {
  expect(await outcome(root, policy, [...trust])).toEqual(expected);
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
