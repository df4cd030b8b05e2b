/** Signature packets of every version, several in one package, and what is none. */
import { spawnSync } from 'node:child_process';
import { constants, createHash, createPrivateKey, createSign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createMessage, generateKey, type PrivateKey, sign } from 'openpgp';
import { Failure } from '../../src/failure.ts';
import { asFingerprint, Keyring } from '../../src/rpm/keys.ts';
import { readPackageHead } from '../../src/rpm/package.ts';
import { checkSignature } from '../../src/rpm/signature.ts';
import { parseSignature } from '../../src/rpm/signature-packet.ts';
import { SIGNATURE_TAG } from '../../src/rpm/tags.ts';
import { run } from './programs.ts';
import { stream } from './read.ts';
import {
  fileTags,
  NVRA_TAGS,
  type Tags,
  TRAILER,
  words,
  writeHeader,
  writePackage,
} from './write.ts';

const HEADER = writeHeader([...NVRA_TAGS, ...fileTags([])], 63);
const now = () => new Date(Date.now() + 1000);

async function newKey(name: string): Promise<PrivateKey> {
  const { privateKey } = await generateKey({
    type: 'rsa',
    rsaBits: 2048,
    userIDs: [{ name }],
    format: 'object',
  });
  return privateKey;
}

const signed = async (key: PrivateKey, bytes: Buffer): Promise<Buffer> => {
  const message = await createMessage({ binary: bytes });
  return Buffer.from(await sign({ message, signingKeys: key, detached: true, format: 'binary' }));
};

/** A signature as build services made them before 2022: version 3, which neither gpg nor openpgp makes any more. */
function signedVersion3(
  key: PrivateKey,
  bytes: Buffer,
  hash: 'sha1' | 'sha256',
  secondsAfterKey = 0,
): Buffer {
  const time = key.getCreationTime().getTime() / 1000 + secondsAfterKey;
  const made = Buffer.concat([Buffer.from([0]), words(time)]);
  const signer = createSign(hash).update(bytes).update(made);
  const number = signer.sign({ key: nodeKey(key), padding: constants.RSA_PKCS1_PADDING });
  const start = number.findIndex((byte) => byte !== 0);
  const bits = (number.length - start) * 8 - Math.clz32(number[start] ?? 0) + 24;
  const id = Buffer.from(key.getKeyID().toHex(), 'hex');
  const algorithms = Buffer.from([1, hash === 'sha1' ? 2 : 8]);
  const digest = createHash(hash).update(bytes).update(made).digest().subarray(0, 2);
  const body = Buffer.concat([
    Buffer.from([3, 5]),
    made,
    id,
    algorithms,
    digest,
    Buffer.from([bits >> 8, bits & 255]),
    number.subarray(start),
  ]);
  return Buffer.concat([Buffer.from([0x89, body.length >> 8, body.length & 255]), body]);
}

/** node:crypto's form of an RSA key: with p and q changed places, OpenPGP's u is what it calls qi. */
function nodeKey({ keyPacket }: PrivateKey) {
  const { n, e } = keyPacket.publicParams as { n: Uint8Array; e: Uint8Array };
  const { d, p, q, u } = (keyPacket as unknown as { privateParams: Record<string, Uint8Array> })
    .privateParams;
  const big = (bytes?: Uint8Array) => BigInt(`0x${Buffer.from(bytes ?? []).toString('hex')}`);
  const text = (value: bigint) => {
    const hex = value.toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString(
      'base64url',
    );
  };
  const jwk = {
    kty: 'RSA',
    n: text(big(n)),
    e: text(big(e)),
    d: text(big(d)),
    p: text(big(q)),
    q: text(big(p)),
  };
  const rest = {
    dp: text(big(d) % (big(q) - 1n)),
    dq: text(big(d) % (big(p) - 1n)),
    qi: text(big(u)),
  };
  return createPrivateKey({ key: { ...jwk, ...rest }, format: 'jwk' });
}

const packageWith = (...tags: Tags) =>
  writePackage(
    HEADER,
    TRAILER,
    writeHeader([...tags, [SIGNATURE_TAG.size, { int32: [HEADER.length + TRAILER.length] }]], 62),
  );
const list = (...signatures: Buffer[]): Tags[number] => [
  SIGNATURE_TAG.openpgp,
  { strings: signatures.map((each) => each.toString('base64')) },
];

async function check(bytes: Buffer, trusted: PrivateKey[]) {
  const files = trusted.map((key) => ({ name: 'key', bytes: key.toPublic().write() }));
  const pins = trusted.map((key) => asFingerprint(key.getFingerprint()));
  return checkSignature(
    await readPackageHead(stream(bytes)),
    await Keyring.read(files, pins, now()),
    now(),
  );
}

const keys: PrivateKey[] = [];
beforeAll(async () => {
  for (const name of ['one', 'two']) keys.push(await newKey(name));
});
const key = (index: number): PrivateKey => {
  const found = keys[index];
  if (found === undefined) throw new Error('no key');
  return found;
};

describe.each(['sha1', 'sha256'] as const)('a signature of version 3 over %s', (hash) => {
  test('is good, as rpmkeys says', async () => {
    const bytes = packageWith([
      SIGNATURE_TAG.rsa,
      { binary: signedVersion3(key(0), HEADER, hash) },
    ]);
    expect(await check(bytes, [key(0)])).toMatchObject({ status: 'good', hash });
    const folder = mkdtempSync(join(tmpdir(), 'btfhub-version3-'));
    const path = join(folder, 'package.rpm');
    writeFileSync(path, bytes);
    writeFileSync(join(folder, 'key.asc'), key(0).toPublic().armor());
    run('rpmkeys', ['--dbpath', folder, '--import', join(folder, 'key.asc')]);
    const { stdout } = spawnSync('rpmkeys', ['--dbpath', folder, '-Kv', path], {
      encoding: 'utf8',
    });
    rmSync(folder, { recursive: true });
    expect(stdout).toMatch(new RegExp(`Header V3 RSA/${hash} Signature, key ID \\w+: OK`, 'i'));
  });

  test('over anything else is refused', async () => {
    const refused = async (signature: Buffer, message: string) => {
      const bytes = packageWith([SIGNATURE_TAG.rsa, { binary: signature }]);
      await expect(check(bytes, [key(0)])).rejects.toMatchObject({
        reason: 'bad-signature',
        message: expect.stringContaining(`does not fit the package's header: ${message}`),
      });
    };
    const changed = signedVersion3(key(0), Buffer.concat([HEADER, Buffer.from([0])]), hash);
    await refused(changed, 'Signed digest did not match');
    // The two bytes of the digest that stand in the packet prove nothing: put right, the number is still wrong.
    changed.set(signedVersion3(key(0), HEADER, hash).subarray(20, 22), 20);
    await refused(changed, 'Signature verification failed');
  });
});

test('a signature of version 3 that is older than its key, or from the future, is refused', async () => {
  const refused = async (seconds: number, message: string) => {
    const binary = signedVersion3(key(0), HEADER, 'sha256', seconds);
    const checking = check(packageWith([SIGNATURE_TAG.rsa, { binary }]), [key(0)]);
    await expect(checking).rejects.toThrow(message);
  };
  await refused(-1, 'Key is newer than the signature');
  await refused(3600, 'Signature creation time is in the future');
});

describe('of several signatures', () => {
  test('one by a trusted key is enough', async () => {
    const both = packageWith(list(await signed(key(1), HEADER), await signed(key(0), HEADER)));
    for (const index of [0, 1]) {
      const primary = key(index).getFingerprint().toUpperCase();
      expect(await check(both, [key(index)])).toMatchObject({ status: 'good', primary });
    }
    await expect(check(both, [])).rejects.toThrow('unknown key');
  });

  test('a wrong one by a trusted key spoils the others', async () => {
    const wrong = await signed(key(1), Buffer.from('something else'));
    const both = packageWith(list(await signed(key(0), HEADER), wrong));
    await expect(check(both, [key(0), key(1)])).rejects.toThrow('does not fit');
  });

  test('the list is read where there is one, and the old tags are not', async () => {
    const wrong = await signed(key(0), Buffer.from('something else'));
    const both = packageWith(list(await signed(key(0), HEADER)), [
      SIGNATURE_TAG.rsa,
      { binary: wrong },
    ]);
    expect(await check(both, [key(0)])).toMatchObject({ status: 'good' });
  });

  test('a crowd is refused', async () => {
    const crowd = packageWith(list(...Array<Buffer>(17).fill(await signed(key(0), HEADER))));
    await expect(check(crowd, [key(0)])).rejects.toThrow('The header has 17 signatures');
  });
});

test('a signature over text, and one over MD5, are refused', async () => {
  const good = await signed(key(0), HEADER);
  for (const [at, value] of [
    [4, 1],
    [6, 1],
  ] as const) {
    const changed = Buffer.from(good);
    changed[at] = value;
    await expect(
      check(packageWith([SIGNATURE_TAG.rsa, { binary: changed }]), [key(0)]),
    ).rejects.toMatchObject({ reason: 'corrupt-package' });
  }
});

test('whatever is no signature is refused by name', async () => {
  const packet = await signed(key(0), HEADER);
  const old = signedVersion3(key(0), HEADER, 'sha256');
  const refused = async (bytes: Uint8Array) => {
    try {
      await parseSignature(bytes);
    } catch (error) {
      if (!(error instanceof Failure && error.reason === 'corrupt-package')) throw error;
      return true;
    }
    return false;
  };
  for (const whole of [packet, old]) {
    for (let length = 0; length < whole.length; length++)
      expect(await refused(whole.subarray(0, length))).toBe(true);
    expect(await refused(whole)).toBe(false);
    expect(await refused(Buffer.concat([whole, whole]))).toBe(true);
  }
  const changes = fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(packet, old), changes, async (whole, all) => {
      const changed = Buffer.from(whole);
      for (const [at, value] of all) changed[at] = value;
      await refused(changed);
    }),
    { numRuns: 2000 },
  );
});
