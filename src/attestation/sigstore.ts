import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import seeds from '@sigstore/tuf/seeds.json' with { type: 'json' };
import {
  type ObjectIdentifierValuePair,
  toSignedEntity,
  toTrustMaterial,
  Verifier,
} from '@sigstore/verify';
import * as v from 'valibot';
import { describe, Failure } from '../failure.ts';
import { printable } from '../names.ts';
import type { AttestationDemand, Attested } from './verify.ts';

/** Where Sigstore's public trusted root comes from; the library contains a copy of it. */
const PUBLIC_ROOT = 'https://tuf-repo-cdn.sigstore.dev';

/** Who vouches for the identity of a workflow on GitHub. */
const ISSUER = 'https://token.actions.githubusercontent.com';

/** Extension of Fulcio's certificates: Source Repository URI (fulcio/docs/oid-info.md). */
const SOURCE_REPOSITORY = '1.3.6.1.4.1.57264.1.12';

/**
 * Verifies a bundle and that its certificate is that of a workflow of the demanded repository.
 *
 * @throws Failure `usage` for a trusted root that is none, and the library's error for what does not verify
 */
export function proveSigner(bundleJson: unknown, demand: AttestationDemand): Attested {
  const trustedRoot = readTrustedRoot(demand.trustedRoot);
  // GitHub's own instance, for private repositories, has no transparency log: its times come from an authority.
  const verifier = new Verifier(toTrustMaterial(trustedRoot), {
    tlogThreshold: trustedRoot.tlogs.length > 0 ? 1 : 0,
    ctlogThreshold: trustedRoot.ctlogs.length > 0 ? 1 : 0,
  });
  const bundle = bundleFromJSON(bundleJson);
  const { identity } = verifier.verify(toSignedEntity(bundle), { extensions: { issuer: ISSUER } });
  const repository = textOf(identity?.oids, SOURCE_REPOSITORY);
  const wanted = `https://github.com/${demand.repository}`;
  // GitHub does not distinguish the case of names.
  if (repository?.toLowerCase() !== wanted.toLowerCase()) {
    throw new Error(`it was made by ${printable(repository ?? 'nothing named')}, not ${wanted}`);
  }
  return { repository: demand.repository, signer: identity?.subjectAlternativeName ?? '' };
}

/** The text of an extension: a UTF8String of less than 128 bytes (X.690, 8.23), as the names of GitHub are. */
function textOf(
  extensions: readonly ObjectIdentifierValuePair[] = [],
  wanted: string,
): string | undefined {
  const found = extensions.find(({ oid }) => oid?.id.join('.') === wanted);
  if (found === undefined) return undefined;
  const value = Buffer.from(found.value);
  const [tag, length] = value;
  if (tag !== 0x0c || length === undefined || length > 127 || value.length !== length + 2) {
    throw new Error(`its certificate has an extension ${wanted} that is no short text`);
  }
  return value.toString('utf8', 2);
}

/** What is looked at by its kind; the library reads the rest. */
const trustedRootShape = v.looseObject({
  mediaType: v.pipe(v.string(), v.startsWith('application/vnd.dev.sigstore.trustedroot')),
  tlogs: v.optional(v.array(v.unknown())),
  ctlogs: v.optional(v.array(v.unknown())),
  certificateAuthorities: v.pipe(v.array(v.unknown()), v.minLength(1)),
});

function readTrustedRoot(text: string | undefined): TrustedRoot {
  try {
    const encoded = seeds[PUBLIC_ROOT].targets['trusted_root.json'];
    const json = JSON.parse(text ?? Buffer.from(encoded, 'base64').toString('utf8'));
    return TrustedRoot.fromJSON(v.parse(trustedRootShape, json));
  } catch (error) {
    throw new Failure(
      'usage',
      `The file of --trusted-root is no trusted root of Sigstore: ${printable(describe(error))}.`,
      "Give a trusted_root.json, or one line of what 'gh attestation trusted-root' prints.",
      error,
    );
  }
}
