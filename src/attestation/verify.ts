import { describe, Failure } from '../failure.ts';
import { printable } from '../names.ts';
import { type AttestationBundle, parseBundles } from './bundle.ts';

/** Who is demanded to have made a tarball, and by which keys this is proved. */
export interface AttestationDemand {
  /** `owner/name` on GitHub: the repository whose workflow ran. */
  readonly repository: string;
  /** The text of a trusted root (Sigstore's trusted_root.json); undefined for Sigstore's public one. */
  readonly trustedRoot: string | undefined;
}

/** Who made a tarball, as its certificate says. */
export interface Attested {
  readonly repository: string;
  /** URL of the workflow that signed, with its ref. */
  readonly signer: string;
}

/**
 * Proves by a Sigstore bundle that a workflow of a repository made these bytes: the signature, the certificate by the
 * trusted root, its transparency log entries and times, the repository in the certificate, and the SHA-256 in the
 * signed statement.
 *
 * @param what the tarball, for messages
 * @param text the bundles of the tarball; undefined where none was found
 * @throws Failure `no-attestation` where there is none, `bad-attestation` where none of them proves it
 */
export async function verifyAttestation(
  what: string,
  sum: string,
  text: string | undefined,
  demand: AttestationDemand,
): Promise<Attested> {
  if (text === undefined) {
    throw new Failure(
      'no-attestation',
      `There is no attestation of ${what} (SHA-256 ${sum}).`,
      "Ask for one where it was published, or give a file with --attestation-bundle, as 'gh attestation download' writes it.",
    );
  }
  const bundles = parseBundles(text, `The attestation of ${what}`).filter(({ subjects }) =>
    subjects.has(sum),
  );
  if (bundles.length === 0) {
    throw refused(what, `it is about other files, and none has the SHA-256 ${sum}`);
  }
  // Loaded here, because the libraries take time that no other command needs.
  const { proveSigner } = await import('./sigstore.ts');
  const problems: unknown[] = [];
  for (const bundle of bundles) {
    try {
      return proveSigner(bundle.json, demand);
    } catch (error) {
      if (error instanceof Failure) throw error;
      problems.push(error);
    }
  }
  throw refused(what, describe(problems[0]), problems[0]);
}

function refused(what: string, why: string, cause?: unknown): Failure {
  return new Failure(
    'bad-attestation',
    `The attestation of ${what} does not prove who made it: ${printable(why)}.`,
    'Do not use the file. Check the repository after --attestation; if it is right, tell those who keep the archive.',
    cause,
  );
}

/**
 * The bundles that attest each of these tarballs, as the lines of a file, by the SHA-256; empty without bundles.
 * Throws `no-attestation` for a tarball that none of them attests.
 */
export function bundlesFor(
  bundles: readonly AttestationBundle[] | undefined,
  tarballs: readonly { readonly name: string; readonly sha256: string }[],
): ReadonlyMap<string, string> {
  if (bundles === undefined) return new Map();
  return new Map(
    tarballs.map(({ name, sha256 }) => {
      const own = bundles.filter(({ subjects }) => subjects.has(sha256));
      if (own.length > 0) return [sha256, `${own.map(({ line }) => line).join('\n')}\n`];
      throw new Failure(
        'no-attestation',
        `The bundles of --attestation-bundle say nothing about the tarball of ${name}.`,
        'Attest every tarball that is to be published, or leave out --attestation-bundle.',
      );
    }),
  );
}
