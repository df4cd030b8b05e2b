import type { Key, Subkey } from 'openpgp';
import { describe, Failure } from '../failure.ts';
import { corrupt } from './corrupt.ts';
import { type Fingerprint, type FoundKey, fingerprintOf, type Keyring } from './keys.ts';
import type { PackageHead } from './package.ts';
import { type HeaderSignature, parseSignature } from './signature-packet.ts';
import { type DigestAlgorithm, SIGNATURE_TAG } from './tags.ts';

/** What a package's signature is worth; a wrong one is a Failure instead. */
export type SignatureVerdict =
  | {
      readonly status: 'good';
      /** Of the key that made it, which may be a subkey. */
      readonly key: Fingerprint;
      /** Of its primary key, which is what is trusted. */
      readonly primary: Fingerprint;
      readonly hash: DigestAlgorithm;
      readonly created: Date;
    }
  | {
      readonly status: 'unsigned';
      /** A whole sentence on what is missing. */
      readonly message: string;
    };

/** Far more than any packager makes; each one costs time. */
const MAX_SIGNATURES = 16;

type Signed = Pick<PackageHead, 'header' | 'signatures'>;

/**
 * Checks the OpenPGP signatures over a package's header; the header in turn has the digests of files and payload.
 * One good signature by a trusted key makes it good; a wrong one by a trusted key is a failure whatever else there is.
 * A key must be valid now, and when it signed.
 * Throws `bad-signature` for a wrong signature, an unknown, untrusted, expired, revoked or unfit key;
 * `corrupt-package` for what is no signature at all.
 */
export async function checkSignature(
  { header, signatures }: Signed,
  keyring: Keyring,
  now: Date,
): Promise<SignatureVerdict> {
  const packets = signaturePackets(signatures);
  if (packets.length === 0) return { status: 'unsigned', message: whyUnsigned(signatures) };
  if (packets.length > MAX_SIGNATURES)
    throw corrupt(`The header has ${packets.length} signatures.`);
  const verdicts: SignatureVerdict[] = [];
  const strangers: Failure[] = [];
  for (const signature of await Promise.all(packets.map(parseSignature))) {
    const found = keyring.find(signature.keyId);
    if (found?.trusted) verdicts.push(await verdictOf(signature, found, header.bytes, now));
    else strangers.push(stranger(signature, found));
  }
  const [best] = verdicts;
  if (best === undefined) throw strangers[0];
  return best;
}

/** rpm 6 reads the list of new signatures where there is one, and the old tags only where there is none. */
function signaturePackets(signatures: Signed['signatures']): Uint8Array[] {
  const list = signatures.strings(SIGNATURE_TAG.openpgp);
  if (list.length > 0) return list.map((text) => Buffer.from(text, 'base64'));
  const old = [signatures.binary(SIGNATURE_TAG.rsa), signatures.binary(SIGNATURE_TAG.dsa)];
  return old.filter((packet) => packet !== undefined);
}

function whyUnsigned(signatures: Signed['signatures']): string {
  const legacy = signatures.has(SIGNATURE_TAG.pgp) || signatures.has(SIGNATURE_TAG.gpg);
  return legacy
    ? 'The package has only a signature over header and payload together, as before rpm 4; its header is not signed.'
    : 'The package is not signed.';
}

async function verdictOf(
  signature: HeaderSignature,
  { primary, key }: FoundKey,
  bytes: Buffer,
  now: Date,
): Promise<SignatureVerdict> {
  await checkKey(primary, key, now);
  try {
    await signature.verify(bytes, primary, key, now);
  } catch (error) {
    throw bad(
      `The signature by the key ${nameOf(primary, key)} does not fit the package's header: ${describe(error)}.`,
      'The package was changed after it was signed, or its signature was. Do not use it; try another mirror.',
    );
  }
  const { hash, created } = signature;
  return {
    status: 'good',
    key: fingerprintOf(key),
    primary: fingerprintOf(primary),
    hash,
    created,
  };
}

/** Whether a trusted key may sign: not revoked, not expired, made for signing, and a subkey bound to its primary key both ways. */
async function checkKey(primary: Key, key: Key | Subkey, now: Date): Promise<void> {
  const unfit = (error: unknown) => {
    throw bad(
      `The package is signed by the key ${nameOf(primary, key)}, which is not valid: ${describe(error)}.`,
      'If its owner has made it valid again, give a new copy of it with --trust-key <file>.',
    );
  };
  // getSigningKey says it all of a primary key, but of a subkey only that it found none.
  if ('mainKey' in key) await key.verify(now).catch(unfit);
  await primary.getSigningKey(key.getKeyID(), now).catch(unfit);
}

function stranger({ keyId }: HeaderSignature, found: FoundKey | undefined): Failure {
  if (found === undefined) {
    return bad(
      `The package is signed by an unknown key: of the one with the ID ${keyId} no public key is at hand.`,
      'If you have it and trust it, give it with --trust-key <file>.',
    );
  }
  return bad(
    `The package is signed by the key ${nameOf(found.primary, found.key)}, which is not trusted.`,
    `If you trust it, give --trust-key ${fingerprintOf(found.primary)}.`,
  );
}

function nameOf(primary: Key, key: Key | Subkey): string {
  const name = fingerprintOf(primary);
  return key === primary ? name : `${fingerprintOf(key)}, a subkey of ${name}`;
}

function bad(message: string, advice: string): Failure {
  return new Failure('bad-signature', message, advice);
}
