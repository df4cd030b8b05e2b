import { readFile } from 'node:fs/promises';
import { MOST_BUNDLE_BYTES } from '../attestation/bundle.ts';
import { describe, Failure } from '../failure.ts';
import type { RequiredAttestation } from '../jobs/fetch/fetch.ts';
import { printable } from '../names.ts';
import { text, type Values } from './command.ts';

/** Who must have made a tarball: the options of `fetch`, `install` and `verify`. */
export const attestationOptions = {
  attestation: text(
    '<owner/name>',
    'repository on GitHub whose workflow must have made the tarball, as its attestation proves',
  ),
  attestationBundle: text(
    '<file>',
    "Sigstore bundle with the attestation, as 'gh attestation download' writes it; by default the one that the archive keeps, but 'verify' reads no archive and needs the file",
  ),
  trustedRoot: text(
    '<file>',
    "trusted_root.json of the Sigstore instance that must have signed; by default Sigstore's public one, which btfhub contains",
  ),
} as const;

/** The attestation that the options demand. Throws `usage` for a name that is none, and files that cannot be read. */
export async function requiredAttestation({
  attestation,
  attestationBundle,
  trustedRoot,
}: Values<typeof attestationOptions>): Promise<RequiredAttestation | undefined> {
  if (attestation === undefined) {
    if (attestationBundle === undefined && trustedRoot === undefined) return undefined;
    throw new Failure(
      'usage',
      'An attestation is given, and not who must have made it.',
      'Give --attestation <owner/name> too.',
    );
  }
  // GitHub's names of users and repositories.
  if (!/^[0-9A-Za-z][0-9A-Za-z-]{0,38}\/[0-9A-Za-z._-]{1,100}$/.test(attestation)) {
    throw new Failure(
      'usage',
      `'${printable(attestation)}' is not the name of a repository on GitHub.`,
      'Write it as owner/name: --attestation openeuler/btfhub-action.',
    );
  }
  return {
    repository: attestation,
    bundles: await readText('--attestation-bundle', attestationBundle),
    trustedRoot: await readText('--trusted-root', trustedRoot),
  };
}

async function readText(option: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const bytes = await readNamed(option, path);
  if (bytes.length <= MOST_BUNDLE_BYTES) return bytes.toString('utf8');
  throw new Failure(
    'usage',
    `The file of ${option} is too large: ${bytes.length} bytes, at most ${MOST_BUNDLE_BYTES} are read.`,
    'Check that the option names the right file.',
  );
}

/** The bytes of the file that an option names. Throws `usage` where it cannot be read. */
export async function readNamed(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Failure(
      'usage',
      `The file of ${option} cannot be read: ${describe(error)}.`,
      'Check its path, and that this user may read it.',
    );
  }
}
