import { readFile } from 'node:fs/promises';
import type { Verification } from '../../archive/record.ts';
import type { MirrorPool } from '../../download/mirrors.ts';
import { fetchSmall } from '../../download/small.ts';
import { describe, Failure } from '../../failure.ts';
import { asFingerprint, type KeyFile, Keyring, type TrustOption } from '../../rpm/keys.ts';
import type { PackageHead } from '../../rpm/package.ts';
import { checkSignature } from '../../rpm/signature.ts';
import type { KernelPackage } from '../../sources/kernels.ts';
import type { World } from '../../world/world.ts';

/**
 * `require`: a good signature or nothing. `prefer`: the same where the repository publishes keys,
 * and unsigned packages where it does not; a signature that is there must be good. `off`: not looked at.
 */
export const SIGNATURE_POLICIES = ['require', 'prefer', 'off'] as const;
export type SignaturePolicy = (typeof SIGNATURE_POLICIES)[number];

/** openEuler's key file has less than 10 kB. */
const MOST_KEY_BYTES = 1024 * 1024;

/** Judges the signatures of packages by the keys of their repositories and those that the user trusts. */
export class Notary {
  readonly #world: World;
  readonly #pool: MirrorPool;
  readonly #policy: SignaturePolicy;
  readonly #trust: readonly TrustOption[];
  readonly #files = new Map<string, Promise<KeyFile | undefined>>();

  constructor(
    world: World,
    pool: MirrorPool,
    policy: SignaturePolicy,
    trust: readonly TrustOption[],
  ) {
    this.#world = world;
    this.#pool = pool;
    this.#policy = policy;
    this.#trust = trust;
  }

  /** Throws `unsigned` and `bad-signature` as the policy has it, and what keeps keys from being read. */
  async vouch(head: PackageHead, kernel: KernelPackage): Promise<Verification['signature']> {
    if (this.#policy === 'off') return { status: 'off' };
    const published = await Promise.all(kernel.keyPaths.map((path) => this.#published(path)));
    const files = [...published, ...(await this.#given())].filter((file) => file !== undefined);
    const fingerprints = this.#trust.flatMap((one) =>
      'fingerprint' in one ? one.fingerprint : [],
    );
    const pinned = [...kernel.trustedKeys.map(asFingerprint), ...fingerprints];
    const now = this.#world.clock.date();
    const keyring = await Keyring.read(files, pinned, now);
    const verdict = await checkSignature(head, keyring, now);
    if (verdict.status === 'good') return { status: 'good', key: verdict.key, hash: verdict.hash };
    if (this.#policy === 'prefer' && files.length === 0) return { status: 'unsigned' };
    throw new Failure(
      'unsigned',
      `${kernel.nvra}: ${verdict.message}`,
      'Its repository signs packages. If you trust this one all the same, use --signature off.',
    );
  }

  #published(path: string): Promise<KeyFile | undefined> {
    const known = this.#files.get(path) ?? this.#fetch(path);
    this.#files.set(path, known);
    return known;
  }

  #fetch(path: string): Promise<KeyFile | undefined> {
    const { interrupted: signal } = this.#world;
    return fetchSmall(this.#pool, path, { signal }, async ({ status, url, body }) => {
      if (status !== 200) return undefined;
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body) {
        chunks.push(chunk as Buffer);
        size += (chunk as Buffer).length;
        if (size > MOST_KEY_BYTES) {
          throw new Failure('bad-repository', `The key file ${url} is too large to be one.`);
        }
      }
      return { name: url, bytes: Buffer.concat(chunks) };
    });
  }

  #given(): Promise<readonly KeyFile[]> {
    const paths = this.#trust.flatMap((one) => ('file' in one ? one.file : []));
    return Promise.all(
      paths.map(async (path) => {
        const bytes = await readFile(path).catch((error: unknown) => {
          throw new Failure('usage', `--trust-key: cannot read ${path}: ${describe(error)}.`);
        });
        return { name: path, bytes, trusted: true };
      }),
    );
  }
}
