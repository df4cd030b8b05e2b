import { constants, createHash, createPublicKey, createVerify, type KeyObject } from 'node:crypto';
import type { Key, Subkey } from 'openpgp';
import { describe } from '../failure.ts';
import { corrupt } from './corrupt.ts';
import { openpgp } from './openpgp.ts';
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from './tags.ts';

/** One OpenPGP signature over a header. */
export interface HeaderSignature {
  /** Who says to have made it: 16 hexadecimal digits, in upper case. */
  readonly keyId: string;
  readonly hash: DigestAlgorithm;
  readonly created: Date;
  /** Resolves when it is the signature of `key` (which belongs to `primary`) over `bytes`; rejects with why it is not. */
  verify(bytes: Buffer, primary: Key, key: Key | Subkey, now: Date): Promise<void>;
}

const SIGNATURE_TAG = 2;
const BINARY_DOCUMENT = 0;
const RSA = 1;

/**
 * Reads a signature packet: version 3 (RFC 4880, 5.2.2), which build services of 2020 still made, or 4 and 6 (RFC 9580, 5.2.3).
 * Throws `corrupt-package` when it is none.
 */
export async function parseSignature(packet: Uint8Array): Promise<HeaderSignature> {
  const body = bodyOf(Buffer.from(packet));
  return body[0] === 3 ? version3(body) : current(packet);
}

/** The body of the one packet (RFC 9580, 4.2), whose length must be all that there is. */
function bodyOf(packet: Buffer): Buffer {
  const first = packet[0] ?? 0;
  const old = (first & 0xc0) === 0x80;
  const tag = old ? (first >> 2) & 15 : first & 0x3f;
  const [start, length] = old ? oldLength(packet, first & 3) : newLength(packet);
  if (first < 0x80 || tag !== SIGNATURE_TAG || length === 0 || start + length !== packet.length) {
    throw corrupt('The signature of the header is not one OpenPGP signature packet.');
  }
  return packet.subarray(start);
}

function oldLength(packet: Buffer, type: number): [start: number, length: number] {
  const size = [1, 2, 4][type];
  if (size === undefined || packet.length < 1 + size) return [0, 0];
  return [1 + size, packet.readUIntBE(1, size)];
}

function newLength(packet: Buffer): [start: number, length: number] {
  const [, first = 0, second = 0] = packet;
  if (first < 192) return [2, first];
  if (first < 224) return [3, ((first - 192) << 8) + second + 192];
  return first === 255 && packet.length >= 6 ? [6, packet.readUInt32BE(2)] : [0, 0];
}

async function current(packet: Uint8Array): Promise<HeaderSignature> {
  const { config, createMessage, enums, readSignature, SignaturePacket, verify } = await openpgp();
  const signature = await readSignature({ binarySignature: packet }).catch((error) => {
    throw corrupt(`The signature of the header cannot be read: ${describe(error)}`);
  });
  const [only] = signature.packets;
  if (
    !(only instanceof SignaturePacket) ||
    only.signatureType !== BINARY_DOCUMENT ||
    !only.created
  ) {
    throw corrupt('The signature of the header is not one over bytes.');
  }
  return {
    keyId: only.issuerKeyID.toHex().toUpperCase(),
    hash: hashOf(only.hashAlgorithm ?? 0),
    created: only.created,
    verify: async (bytes, primary, _key, now) => {
      const message = await createMessage({ binary: bytes });
      const verificationKeys = [primary];
      // Packages of 2020 to 2023 are signed over SHA-1, which openpgp refuses by default: to forge one, a header with
      // the digest of a signed one would have to be found, which is not possible yet; so it is allowed here, and
      // reported. MD5 never is. A key whose expiry was extended has a self-signature that is newer than what it signed
      // before, hence the second setting; whether the key is good now, the caller checks.
      const result = await verify({
        message,
        signature,
        verificationKeys,
        date: now,
        config: {
          rejectMessageHashAlgorithms: new Set(
            [...config.rejectMessageHashAlgorithms].filter((hash) => hash !== enums.hash.sha1),
          ),
          allowInsecureVerificationWithReformattedKeys: true,
        },
      });
      const [verification] = result.signatures;
      if (verification === undefined) throw new Error('Signature was not checked');
      await verification.verified;
    },
  };
}

function version3(body: Buffer): HeaderSignature {
  if (body.length < 21 || body[1] !== 5 || body[2] !== BINARY_DOCUMENT || body[15] !== RSA) {
    throw corrupt('The signature of the header, of version 3, is not one by RSA over bytes.');
  }
  const bits = body.readUInt16BE(19);
  const number = body.subarray(21);
  if (number.length !== (bits + 7) >> 3)
    throw corrupt('The signature of the header has a number of another length.');
  const hash = hashOf(body[16] ?? 0);
  const created = new Date(body.readUInt32BE(3) * 1000);
  return {
    keyId: body.toString('hex', 7, 15).toUpperCase(),
    hash,
    created,
    verify: async (bytes, _primary, key, now) => {
      if (created < key.getCreationTime()) throw new Error('Key is newer than the signature');
      if (created > now) throw new Error('Signature creation time is in the future');
      const { rsa, size } = rsaKey(key);
      const padded = Buffer.concat([Buffer.alloc(Math.max(0, size - number.length)), number]);
      const made = body.subarray(2, 7);
      const digest = createHash(hash).update(bytes).update(made).digest();
      if (!digest.subarray(0, 2).equals(body.subarray(17, 19))) {
        throw new Error('Signed digest did not match');
      }
      const verifier = createVerify(hash).update(bytes).update(made);
      const good = verifier.verify({ key: rsa, padding: constants.RSA_PKCS1_PADDING }, padded);
      if (!good) throw new Error('Signature verification failed');
    },
  };
}

function rsaKey({ keyPacket }: Key | Subkey): { rsa: KeyObject; size: number } {
  const { n, e } = (keyPacket.publicParams ?? {}) as { n?: Uint8Array; e?: Uint8Array };
  if (!(n && e)) throw new Error('The key is no RSA key');
  const number = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const jwk = { kty: 'RSA', n: number(n), e: number(e) };
  return { rsa: createPublicKey({ key: jwk, format: 'jwk' }), size: n.length };
}

function hashOf(number: number): DigestAlgorithm {
  const hash = DIGEST_ALGORITHMS.get(number);
  if (hash === undefined || hash === 'md5') {
    throw corrupt(
      `The signature of the header is over the hash ${hash ?? number}, which proves nothing.`,
    );
  }
  return hash;
}
