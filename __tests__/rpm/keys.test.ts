import { generateKey, readKey, revokeKey } from 'openpgp';
import { asFingerprint, Keyring, parseTrustOption } from '../../src/rpm/keys.ts';

const FINGERPRINT = '12EA74AC9DF48D46C69CA0BED557065EB25E7F66';

test.each([
  FINGERPRINT,
  FINGERPRINT.toLowerCase(),
  `0x${FINGERPRINT}`,
  '12EA 74AC 9DF4 8D46 C69C  A0BE D557 065E B25E 7F66',
])('%s is a fingerprint', (text) => {
  expect(asFingerprint(text)).toBe(FINGERPRINT);
  expect(parseTrustOption(text)).toEqual({ fingerprint: FINGERPRINT });
});

test.each(['D557065EB25E7F66', '0xB25E7F66', 'B25E7F66'])(
  'the key ID %s is not enough to trust',
  (text) => {
    expect(() => parseTrustOption(text)).toThrow(
      expect.objectContaining({
        reason: 'usage',
        advice: expect.stringContaining('can be forged'),
      }),
    );
  },
);

test.each(['RPM-GPG-KEY-openEuler', './deadbeef', '/etc/pki/rpm-gpg/key.asc'])(
  '%s is a file',
  (text) => {
    expect(parseTrustOption(text)).toEqual({ file: text });
  },
);

describe('a keyring', () => {
  const make = async (name: string) => {
    const { publicKey, privateKey } = await generateKey({
      type: 'curve25519',
      userIDs: [{ name }],
      format: 'armored',
    });
    const key = await readKey({ armoredKey: publicKey });
    return { key, privateKey, file: { name, bytes: Buffer.from(publicKey) } };
  };
  const now = () => new Date(Date.now() + 1000);

  test('trusts what is pinned by its primary fingerprint, and what a trusted file holds', async () => {
    const [first, second, third] = await Promise.all([
      make('first'),
      make('second'),
      make('third'),
    ]);
    const pins = [asFingerprint(first.key.getFingerprint()), asFingerprint(FINGERPRINT)];
    const files = [first.file, { ...second.file, trusted: true }, third.file];
    const keyring = await Keyring.read(files, pins, now());
    const found = [first, second, third].map(({ key }) => keyring.find(key.getKeyID().toHex()));
    expect(found.map((each) => each?.trusted)).toEqual([true, true, false]);
    expect(keyring.trusted).toEqual(
      [first, second].map(({ key }) => key.getFingerprint().toUpperCase()),
    );
    expect(keyring.find('0000000000000000')).toBeUndefined();
  });

  test('finds a subkey by its own ID, with its primary key', async () => {
    const { key, file } = await make('with a subkey');
    const [subkey] = key.getSubkeys();
    const keyring = await Keyring.read([file], [], now());
    const found = keyring.find(subkey?.getKeyID().toHex() ?? '');
    expect(found?.key.getFingerprint()).toBe(subkey?.getFingerprint());
    expect(found?.primary.getFingerprint()).toBe(key.getFingerprint());
  });

  test('merges copies of a key, so that a revocation counts from wherever it comes', async () => {
    const { key, privateKey, file } = await make('revoked');
    const secret = await readKey({ armoredKey: privateKey });
    if (!secret.isPrivate()) throw new Error('no private key');
    const { publicKey } = await revokeKey({ key: secret, format: 'armored' });
    const revoked = { name: 'revoked', bytes: Buffer.from(publicKey) };
    for (const files of [
      [file, revoked],
      [revoked, file],
    ]) {
      const found = (await Keyring.read(files, [], now())).find(key.getKeyID().toHex());
      expect(await found?.primary.isRevoked(undefined, undefined, now())).toBe(true);
    }
  });

  test.each([
    ['nothing', ''],
    ['a web page', '<html>'],
    [
      'a broken block',
      '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxyz\n-----END PGP PUBLIC KEY BLOCK-----\n',
    ],
  ])('refuses a file of %s by its name', async (_, text) => {
    const reading = Keyring.read([{ name: 'the-file', bytes: Buffer.from(text) }], [], now());
    await expect(reading).rejects.toMatchObject({
      reason: 'bad-signature',
      message: expect.stringContaining('The key file the-file cannot be read'),
    });
  });
});
