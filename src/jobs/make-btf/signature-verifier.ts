import { readFile } from 'node:fs/promises';
import type { Verification } from '../../archive/record.ts';
import { fetchFile } from '../../download/fetch-file.ts';
import type { MirrorPool } from '../../download/mirrors.ts';
import { describe, Failure } from '../../failure.ts';
import { readBody } from '../../platform/http.ts';
import type { Platform } from '../../platform/platform.ts';
import {
  asFingerprint,
  type Fingerprint,
  type KeyFile,
  Keyring,
  type TrustOption,
} from '../../rpm/keys.ts';
import type { PackageHead } from '../../rpm/package.ts';
import { checkSignature } from '../../rpm/signature.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import { OPENEULER_KEYS } from '../../sources/openeuler-keys.ts';

/**
 * `require`: a package must have a good signature. `prefer`: the same where the source pins keys or the repository
 * publishes some; elsewhere unsigned packages are accepted, and a signature that is there must be good. `off`: not checked.
 */
export const SIGNATURE_POLICIES = ['require', 'prefer', 'off'] as const;
export type SignaturePolicy = (typeof SIGNATURE_POLICIES)[number];

/** Trusted only where a source or the user pins their fingerprints. */
const CARRIED: readonly KeyFile[] = OPENEULER_KEYS.map(({ name, armored }) => ({
  name,
  bytes: Buffer.from(armored),
}));

/** openEuler's key file has less than 10 kB. */
const MOST_KEY_BYTES = 1024 * 1024;

/** Checks the signatures of packages with the keys of their repositories and those that the user trusts. */
export class SignatureVerifier {
  readonly #platform: Platform;
  readonly #pool: MirrorPool;
  readonly #policy: SignaturePolicy;
  readonly #given: readonly KeyFile[];
  readonly #fingerprints: readonly Fingerprint[];
  readonly #published = new Map<string, Promise<KeyFile | undefined>>();

  private constructor(
    platform: Platform,
    pool: MirrorPool,
    policy: SignaturePolicy,
    fingerprints: readonly Fingerprint[],
    given: readonly KeyFile[],
  ) {
    this.#platform = platform;
    this.#pool = pool;
    this.#policy = policy;
    this.#fingerprints = fingerprints;
    this.#given = given;
  }

  /** Reads the key files that the user named; `usage` for one that cannot be read. */
  static async open(
    platform: Platform,
    pool: MirrorPool,
    policy: SignaturePolicy,
    trust: readonly TrustOption[],
  ): Promise<SignatureVerifier> {
    const fingerprints = trust.flatMap((one) => ('fingerprint' in one ? one.fingerprint : []));
    const paths = trust.flatMap((one) => ('file' in one ? one.file : []));
    return new SignatureVerifier(
      platform,
      pool,
      policy,
      fingerprints,
      await Promise.all(paths.map(readKeys)),
    );
  }

  /**
   * Throws `unsigned` and `bad-signature` as the policy demands, `bad-repository` when a pinned key is at hand neither
   * here nor at any mirror, and what keeps keys from being read.
   */
  async verify(head: PackageHead, kernel: KernelPackage): Promise<Verification['signature']> {
    if (this.#policy === 'off') return { status: 'off' };
    const published = await Promise.all(kernel.keyPaths.map((path) => this.#keysAt(path)));
    const files = [...published, ...this.#given].filter((file) => file !== undefined);
    const pinned = kernel.trustedKeys.map(asFingerprint);
    const now = this.#platform.clock.date();
    const keyring = await Keyring.read(
      [...CARRIED, ...files],
      [...pinned, ...this.#fingerprints],
      now,
    );
    if (pinned.length > 0 && keyring.trusted.length === 0) throw noKeys(kernel);
    const verdict = await checkSignature(head, keyring, now);
    if (verdict.status === 'good') return { status: 'good', key: verdict.key, hash: verdict.hash };
    const isExpected = pinned.length > 0 || files.length > 0;
    if (this.#policy === 'prefer' && !isExpected) return { status: 'unsigned' };
    throw new Failure(
      'unsigned',
      `${kernel.nvra}: ${verdict.message}`,
      isExpected
        ? 'Packages of its repository are signed. If you trust this one all the same, use --signature off.'
        : 'Its repository publishes no key. If you trust it all the same, use --signature prefer or off.',
    );
  }

  #keysAt(path: string): Promise<KeyFile | undefined> {
    const known = this.#published.get(path) ?? this.#fetch(path);
    this.#published.set(path, known);
    return known;
  }

  #fetch(path: string): Promise<KeyFile | undefined> {
    const { interrupted: signal } = this.#platform;
    return fetchFile(
      this.#pool,
      path,
      { signal, notFound: 'all' },
      async ({ status, url, body }) => {
        if (status !== 200) return undefined;
        const exceeded = (why: string) =>
          new Failure('bad-repository', `The key file ${url} ${why}.`);
        return { name: url, bytes: await readBody(body, { bytes: MOST_KEY_BYTES, exceeded }) };
      },
    );
  }
}

function noKeys(kernel: KernelPackage): Failure {
  return new Failure(
    'bad-repository',
    `${kernel.nvra} must be signed by ${kernel.trustedKeys.join(' or ')}, but no mirror has such a key at ${kernel.keyPaths.join(' or ')}.`,
    'Give the key with --trust-key <file>, or try another mirror.',
  );
}

async function readKeys(path: string): Promise<KeyFile> {
  try {
    return { name: path, bytes: await readFile(path), trusted: true };
  } catch (error) {
    throw new Failure('usage', `--trust-key: ${path} cannot be read: ${describe(error)}.`);
  }
}
