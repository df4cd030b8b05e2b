import type { Key, Subkey } from 'openpgp';
import { describe, Failure } from '../failure.ts';
import { printable } from '../names.ts';
import { openpgp } from './openpgp.ts';

declare const checked: unique symbol;

/** The whole fingerprint of an OpenPGP key: 40 hexadecimal digits (64 of a version 6 key), in upper case. */
export type Fingerprint = string & { readonly [checked]: 'fingerprint' };

/** A file of public keys, armored (in one block or several) or binary. */
export interface KeyFile {
  /** Its URL or path, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The user named this file as one whose keys are all trusted; else only pinned ones are. */
  readonly trusted?: boolean;
}

/** What `--trust-key` was given: the fingerprint of a key that some file will have, or a file. */
export type TrustOption = { readonly fingerprint: Fingerprint } | { readonly file: string };

/** Spaces, colons and a leading `0x` are allowed, as programs print them. Throws `usage`. */
export function asFingerprint(text: string): Fingerprint {
  const digits = text.replace(/^0x|[\s:]/gi, '').toUpperCase();
  if (/^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(digits)) return digits as Fingerprint;
  throw new Failure(
    'usage',
    `'${printable(text)}' is not the fingerprint of an OpenPGP key.`,
    'Give all of its 40 hexadecimal digits: a shorter key ID can be forged.',
  );
}

/** Throws `usage` for a key ID, which is too short to trust anything by. */
export function parseTrustOption(text: string): TrustOption {
  const digits = /^(?:0x)?[0-9a-f\s:]{8,}$/i.test(text);
  return digits ? { fingerprint: asFingerprint(text) } : { file: text };
}

export interface FoundKey {
  /** The key with its subkeys and all that is known about it. */
  readonly primary: Key;
  /** The one of them that has the ID: the primary key itself, or a subkey. */
  readonly key: Key | Subkey;
  readonly trusted: boolean;
}

/** The keys at hand, and which of them are trusted: by the fingerprint of the primary key, and nothing else. */
export class Keyring {
  readonly #keys: ReadonlyMap<Fingerprint, Key>;
  readonly #trusted: ReadonlySet<Fingerprint>;

  private constructor(keys: ReadonlyMap<Fingerprint, Key>, trusted: ReadonlySet<Fingerprint>) {
    this.#keys = keys;
    this.#trusted = trusted;
  }

  /**
   * Reads key files. Copies of one key are merged, so that a revocation or a new subkey counts from wherever it comes.
   * Throws `bad-signature` for a file that holds no key.
   */
  static async read(
    files: readonly KeyFile[],
    pinned: readonly Fingerprint[],
    now: Date,
  ): Promise<Keyring> {
    const keys = new Map<Fingerprint, Key>();
    const trusted = new Set(pinned);
    for (const file of files) {
      for (const key of await keysOf(file)) {
        const fingerprint = fingerprintOf(key);
        const known = keys.get(fingerprint);
        keys.set(fingerprint, known === undefined ? key : await known.update(key, now));
        if (file.trusted) trusted.add(fingerprint);
      }
    }
    return new Keyring(keys, trusted);
  }

  /** Fingerprints of the primary keys at hand that are trusted. */
  get trusted(): Fingerprint[] {
    return [...this.#keys.keys()].filter((fingerprint) => this.#trusted.has(fingerprint));
  }

  /** @param keyId 16 hexadecimal digits; a trusted key comes before another that has the same. */
  find(keyId: string): FoundKey | undefined {
    const found = [...this.#keys].flatMap(([fingerprint, primary]) => {
      const key = [primary, ...primary.subkeys].find(
        (each) => keyIdOf(each) === keyId.toUpperCase(),
      );
      return key ? [{ primary, key, trusted: this.#trusted.has(fingerprint) }] : [];
    });
    return found.find((each) => each.trusted) ?? found[0];
  }
}

export function fingerprintOf(key: Key | Subkey): Fingerprint {
  return key.getFingerprint().toUpperCase() as Fingerprint;
}

function keyIdOf(key: Key | Subkey): string {
  return key.getKeyID().toHex().toUpperCase();
}

const ARMOR = /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;

async function keysOf({ name, bytes }: KeyFile): Promise<Key[]> {
  const { readKeys } = await openpgp();
  const blocks = Buffer.from(bytes).toString('latin1').match(ARMOR);
  try {
    if (blocks === null) return await readKeys({ binaryKeys: bytes });
    return (await Promise.all(blocks.map((block) => readKeys({ armoredKeys: block })))).flat();
  } catch (error) {
    throw new Failure(
      'bad-signature',
      `The key file ${printable(name)} cannot be read: ${describe(error)}`,
      'It should hold public OpenPGP keys, as `gpg --export --armor` writes them.',
      error,
    );
  }
}
