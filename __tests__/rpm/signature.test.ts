/** Packages signed by the real rpmsign with keys of the real gpg, and what rpmkeys says about them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asFingerprint, type KeyFile, Keyring } from '../../src/rpm/keys.ts';
import { type PackageHead, readPackageHead } from '../../src/rpm/package.ts';
import { checkSignature } from '../../src/rpm/signature.ts';
import { SIGNATURE_TAG } from '../../src/rpm/tags.ts';
import { shared, testWithShared } from '../shared.ts';
import { Gnupg, packets } from './gnupg.ts';
import { run } from './programs.ts';
import { collect, stream } from './read.ts';
import { rpmbuild } from './rpmbuild.ts';
import { writeHeader, writePackage } from './write.ts';

const folder = mkdtempSync(join(tmpdir(), 'btfhub-signature-'));
const gnupg = new Gnupg(join(folder, 'gnupg'));
/** After the keys that are made here. */
const now = () => new Date(Date.now() + 1000);
const past = '20200101T000000';
const one = join(folder, 'one.rpm');
const other = join(folder, 'other.rpm');

const main = { fingerprint: '' };
const withSubkey = { fingerprint: '', subkey: '' };

beforeAll(() => {
  for (const name of ['one', 'other']) {
    const tree = join(folder, `${name}-tree`);
    mkdirSync(tree);
    writeFileSync(join(tree, 'file'), `what is packaged in ${name}`);
    rpmbuild(folder, name, tree, 'w2.xzdio', ['/file']);
  }
  main.fingerprint = gnupg.generate('main', 'rsa2048', 'sign,cert');
  withSubkey.fingerprint = gnupg.generate('with-subkey', 'rsa2048', 'cert');
  withSubkey.subkey = gnupg.addSubkey(withSubkey.fingerprint);
}, 120_000);
afterAll(() => {
  gnupg.close();
  rmSync(folder, { recursive: true });
});

const signed = (key: string, options = {}, source = one) =>
  gnupg.sign(source, join(folder, `signed-${Math.random()}.rpm`), key, options);
const headOf = (bytes: Uint8Array) => readPackageHead(stream(bytes));
const file = (bytes: Uint8Array, name = 'RPM-GPG-KEY'): KeyFile => ({ name, bytes });

/** Checks a package with keys, of which those with the fingerprints are trusted. */
async function check(path: string, keys: KeyFile[], trusted: string[]) {
  const keyring = await Keyring.read(keys, trusted.map(asFingerprint), now());
  return checkSignature(await headOf(readFileSync(path)), keyring, now());
}

/** What `rpmkeys --checksig` says of the header's signature, with a database that has just this key. */
function rpmkeys(path: string, key: Uint8Array): { good: boolean; said: string } {
  const database = mkdtempSync(join(folder, 'rpmdb-'));
  const armored = join(database, 'key.asc');
  writeFileSync(armored, key);
  run('rpmkeys', ['--dbpath', database, '--import', armored]);
  const { stdout } = spawnSync('rpmkeys', ['--dbpath', database, '-Kv', path], {
    encoding: 'utf8',
  });
  const said = /Header (.*Signature.*)/.exec(stdout)?.[1] ?? stdout;
  return { good: said.endsWith(': OK'), said };
}

describe('a package signed by rpmsign', () => {
  test.each(['sha1', 'sha256', 'sha512'] as const)(
    'over %s is good, as rpmkeys says',
    async (digest) => {
      const path = signed(main.fingerprint, { digest });
      const key = gnupg.exportArmored(main.fingerprint);
      expect(rpmkeys(path, key).said).toMatch(new RegExp(`RSA/${digest}.*: OK$`, 'i'));
      expect(await check(path, [file(key)], [main.fingerprint])).toMatchObject({
        status: 'good',
        key: main.fingerprint,
        primary: main.fingerprint,
        hash: digest,
      });
    },
  );

  test('with a subkey is good when its primary key is trusted', async () => {
    const path = signed(`${withSubkey.subkey}!`);
    const key = gnupg.exportArmored(withSubkey.fingerprint);
    expect(rpmkeys(path, key).good).toBe(true);
    expect(await check(path, [file(key)], [withSubkey.fingerprint])).toMatchObject({
      status: 'good',
      key: withSubkey.subkey,
      primary: withSubkey.fingerprint,
    });
  });

  test('with Ed25519 is good, as rpmkeys says', async () => {
    const fingerprint = gnupg.generate('edwards', 'ed25519', 'sign,cert');
    const path = signed(fingerprint);
    const key = gnupg.exportArmored(fingerprint);
    expect(rpmkeys(path, key).good).toBe(true);
    expect(await check(path, [file(key)], [fingerprint])).toMatchObject({ status: 'good' });
  });

  test('is good with binary keys, and with several armored blocks in one file', async () => {
    const path = signed(main.fingerprint);
    const blocks = [
      gnupg.exportArmored(withSubkey.fingerprint),
      gnupg.exportArmored(main.fingerprint),
    ];
    for (const bytes of [gnupg.export(main.fingerprint), Buffer.concat(blocks)]) {
      expect(await check(path, [file(bytes)], [main.fingerprint])).toMatchObject({
        status: 'good',
      });
    }
  });

  test('is good by a key of a file that is trusted as a whole', async () => {
    const keys = { ...file(gnupg.exportArmored(main.fingerprint)), trusted: true };
    expect(await check(signed(main.fingerprint), [keys], [])).toMatchObject({ status: 'good' });
  });
});

test('a package that is not signed is told so', async () => {
  const verdict = await check(one, [file(gnupg.export(main.fingerprint))], [main.fingerprint]);
  expect(verdict).toEqual({ status: 'unsigned', message: 'The package is not signed.' });
});

test('a signature over header and payload together is not one over the header', async () => {
  const path = signed(main.fingerprint);
  const { header, signatures, body } = await headOf(readFileSync(path));
  const legacy = writeHeader(
    [[SIGNATURE_TAG.pgp, { binary: signatures.binary(SIGNATURE_TAG.rsa) ?? Buffer.alloc(0) }]],
    62,
  );
  const head = await headOf(writePackage(header.bytes, await collect(body()), legacy));
  const keyring = await Keyring.read([], [], now());
  expect(await checkSignature(head, keyring, now())).toMatchObject({
    status: 'unsigned',
    message: expect.stringContaining('only a signature over header and payload together'),
  });
});

describe('refused with the reason', () => {
  const refused = async (path: string, keys: Buffer[], trusted: string[], message: RegExp) => {
    const checking = check(
      path,
      keys.map((bytes) => file(bytes)),
      trusted,
    );
    await expect(checking).rejects.toThrow(message);
    await expect(checking).rejects.toMatchObject({ reason: 'bad-signature' });
  };

  test('an unknown key', async () => {
    const path = signed(main.fingerprint);
    const keys = [gnupg.export(withSubkey.fingerprint)];
    const id = main.fingerprint.slice(-16);
    await refused(
      path,
      keys,
      [main.fingerprint],
      new RegExp(`unknown key: of the one with the ID ${id}`),
    );
    await refused(path, [], [main.fingerprint], /unknown key/);
  });

  test('a key that is at hand but not trusted, and how to trust it', async () => {
    const path = signed(`${withSubkey.subkey}!`);
    const keys = [gnupg.export(withSubkey.fingerprint)];
    await refused(path, keys, [main.fingerprint], /a subkey of [0-9A-F]{40}, which is not trusted/);
    const checking = check(
      path,
      keys.map((bytes) => file(bytes)),
      [],
    );
    await expect(checking).rejects.toMatchObject({
      advice: `If you trust it, give --trust-key ${withSubkey.fingerprint}.`,
    });
    // Trust is in the primary key alone: the owner of the primary key adds its subkeys.
    await refused(path, keys, [withSubkey.subkey], /not trusted/);
  });

  test('a key that has expired, even if it had not when it signed', async () => {
    const fingerprint = gnupg.generate('expired', 'rsa2048', 'sign,cert', '2d', past);
    const path = signed(fingerprint, { time: past });
    await refused(
      path,
      [gnupg.export(fingerprint)],
      [fingerprint],
      /is not valid: Primary key is expired/,
    );
  });

  test('a subkey that has expired', async () => {
    const fingerprint = gnupg.generate('expired-sub', 'rsa2048', 'cert', 'never', past);
    const subkey = gnupg.addSubkey(fingerprint, '2d', past);
    const path = signed(`${subkey}!`, { time: past });
    await refused(
      path,
      [gnupg.export(fingerprint)],
      [fingerprint],
      /is not valid: Subkey is expired/,
    );
  });

  test('a key that was revoked, in whichever file the revocation stands', async () => {
    const fingerprint = gnupg.generate('revoked', 'rsa2048', 'sign,cert');
    const path = signed(fingerprint);
    const before = gnupg.export(fingerprint);
    expect(await check(path, [file(before)], [fingerprint])).toMatchObject({ status: 'good' });
    gnupg.revoke(fingerprint);
    const after = gnupg.export(fingerprint);
    for (const keys of [[after], [before, after], [after, before]]) {
      await refused(path, keys, [fingerprint], /is not valid: Primary key is revoked/);
    }
  });

  test('a subkey that was revoked', async () => {
    const fingerprint = gnupg.generate('revoked-sub', 'rsa2048', 'cert');
    const subkey = gnupg.addSubkey(fingerprint);
    const path = signed(`${subkey}!`);
    gnupg.revokeSubkey(fingerprint);
    await refused(
      path,
      [gnupg.export(fingerprint)],
      [fingerprint],
      /is not valid: Subkey is revoked/,
    );
  });

  test('a subkey that its primary key has not signed', async () => {
    const path = signed(`${withSubkey.subkey}!`);
    const all = packets(gnupg.export(withSubkey.fingerprint));
    const unbound = Buffer.concat(all.slice(0, -1).map(({ bytes }) => bytes));
    expect(all.map(({ tag }) => tag)).toEqual([6, 13, 2, 14, 2]);
    await refused(path, [unbound], [withSubkey.fingerprint], /not valid: .*subkey binding/);
  });

  test('a subkey of another key, put under a trusted key', async () => {
    const path = signed(`${withSubkey.subkey}!`);
    const trusted = packets(gnupg.export(main.fingerprint));
    const theirs = packets(gnupg.export(withSubkey.fingerprint)).slice(-2);
    const forged = Buffer.concat([...trusted, ...theirs].map(({ bytes }) => bytes));
    await refused(path, [forged], [main.fingerprint], /not valid: .*subkey binding/);
  });

  test('a DSA key, which is too weak', async () => {
    const fingerprint = gnupg.generate('dsa', 'dsa2048', 'sign,cert');
    await refused(
      signed(fingerprint),
      [gnupg.export(fingerprint)],
      [fingerprint],
      /dsa keys are considered too weak/,
    );
  });

  test('a key file that is none', async () => {
    await refused(
      signed(main.fingerprint),
      [Buffer.from('<html>404</html>')],
      [],
      /key file RPM-GPG-KEY cannot be read/,
    );
  });
});

describe('a package that was changed after it was signed', () => {
  /** The package with another header, whose digests are corrected as an attacker would do. */
  const withHeader = async (head: PackageHead, header: Buffer) => {
    const sha256 = createHash('sha256').update(header).digest('hex');
    const sha1 = createHash('sha1').update(header).digest('hex');
    const rsa = head.signatures.binary(SIGNATURE_TAG.rsa) ?? Buffer.alloc(0);
    const signatures = writeHeader(
      [
        [SIGNATURE_TAG.rsa, { binary: rsa }],
        [SIGNATURE_TAG.sha1, { string: sha1 }],
        [SIGNATURE_TAG.sha256, { string: sha256 }],
      ],
      62,
    );
    return writePackage(header, await collect(head.body()), signatures);
  };

  const refused = async (bytes: Buffer) => {
    const path = join(folder, 'changed.rpm');
    writeFileSync(path, bytes);
    const key = gnupg.exportArmored(main.fingerprint);
    expect(rpmkeys(path, key).good).toBe(false);
    await expect(check(path, [file(key)], [main.fingerprint])).rejects.toMatchObject({
      reason: 'bad-signature',
      message: expect.stringContaining("does not fit the package's header: Sign"),
    });
  };

  test('in its header is refused', async () => {
    const head = await headOf(readFileSync(signed(main.fingerprint)));
    const header = Buffer.from(head.header.bytes);
    header.write('B', header.indexOf('A package for tests.'));
    await refused(await withHeader(head, header));
  });

  test('to the header of another package is refused', async () => {
    const head = await headOf(readFileSync(signed(main.fingerprint)));
    await refused(await withHeader(head, (await headOf(readFileSync(other))).header.bytes));
  });

  test('in its signature is refused, whichever signed byte it is', async () => {
    const head = await headOf(readFileSync(signed(main.fingerprint)));
    const keyring = await Keyring.read(
      [file(gnupg.export(main.fingerprint))],
      [asFingerprint(main.fingerprint)],
      now(),
    );
    const good = head.signatures.binary(SIGNATURE_TAG.rsa) ?? Buffer.alloc(0);
    const signatureOf = (rsa: Buffer) =>
      ({
        header: head.header,
        signatures: {
          ...head.signatures,
          strings: () => [],
          has: () => false,
          binary: (tag: number) => (tag === SIGNATURE_TAG.rsa ? rsa : undefined),
        },
      }) as unknown as PackageHead;
    expect(await checkSignature(signatureOf(good), keyring, now())).toMatchObject({
      status: 'good',
    });
    // The second area of subpackets is not signed: it may say what it wants, as long as the key is found.
    const unsigned = 9 + good.readUInt16BE(7);
    const end = unsigned + 2 + good.readUInt16BE(unsigned);
    for (let at = 0; at < good.length; at++) {
      const changed = Buffer.from(good);
      changed.writeUInt8((good[at] ?? 0) ^ 0x5a, at);
      const verdict = await checkSignature(signatureOf(changed), keyring, now()).then(
        ({ status }) => status,
        ({ reason }) => reason,
      );
      const allowed = [
        'bad-signature',
        'corrupt-package',
        ...(at >= unsigned && at < end ? ['good'] : []),
      ];
      expect(allowed).toContain(verdict);
    }
  });

  test('in its payload has a good signature, and a payload that is refused by the digest in the signed header', async () => {
    const path = signed(main.fingerprint);
    const { header, signatures } = await headOf(readFileSync(path));
    const payload = await collect((await headOf(readFileSync(other))).body());
    const head = await headOf(writePackage(header.bytes, payload, signatures.bytes));
    const keyring = await Keyring.read(
      [file(gnupg.export(main.fingerprint))],
      [asFingerprint(main.fingerprint)],
      now(),
    );
    expect(await checkSignature(head, keyring, now())).toMatchObject({ status: 'good' });
    await expect(collect(head.body())).rejects.toMatchObject({ reason: 'corrupt-package' });
  });
});

const each = testWithShared('rpms').each;
each(['hello-2.0-1.x86_64-signed.rpm', 'hello-2.0-1.x86_64-v3-signed.rpm'])(
  '%s, signed by another key, is good, as rpmkeys says',
  async (name) => {
    const path = join(shared, 'rpms', name);
    const key = readFileSync(join(shared, 'rpms/rpm.org-rsa-2048-test.pub'));
    const fingerprint = '771B18D3D7BAA28734333C424344591E1964C5FC';
    expect(rpmkeys(path, key).good).toBe(true);
    expect(await check(path, [file(key)], [fingerprint])).toMatchObject({
      status: 'good',
      key: fingerprint,
      hash: 'sha256',
    });
  },
);

each([
  ['hello-2.0-1.x86_64-signed-with-subkey.rpm', '1F71177215217EE0'],
  ['empty-signed-rsa-0-0.x86_64.rpm', '183F6899719CE7A5'],
  ['empty-signed-eddsa-0-0.x86_64.rpm', '9B34BEBB1F1D8F8A'],
  ['empty-signed-v6-multiple-0-0.x86_64.rpm', '183F6899719CE7A5'],
])('%s, whose key is missing, is refused, as by rpmkeys', async (name, id) => {
  const path = join(shared, 'rpms', name);
  const key = readFileSync(join(shared, 'rpms/rpm.org-rsa-2048-test.pub'));
  expect(rpmkeys(path, key).said).toContain('NOKEY');
  await expect(check(path, [file(key)], [main.fingerprint])).rejects.toThrow(
    `unknown key: of the one with the ID ${id}`,
  );
});
