import * as v from 'valibot';
import { describe, Failure } from '../failure.ts';
import { printable } from '../names.ts';

/** Bytes: twenty times the attestation of a thousand tarballs. */
export const MOST_BUNDLE_BYTES = 16 * 1024 * 1024;

/** Below the root of the archive's branch `catalog`, and of an archive that is served as files. */
export function attestationPath(tarballSha256: string): string {
  return `attestations/${tarballSha256}.jsonl`;
}

/** One Sigstore bundle (bundle v0.1 to v0.3) with an in-toto statement in a DSSE envelope. Nothing of it is verified. */
export interface AttestationBundle {
  /** One line of JSON. */
  readonly line: string;
  readonly json: unknown;
  /** SHA-256 of what it attests, lower-case hex. */
  readonly subjects: ReadonlySet<string>;
}

const bundleShape = v.object({
  mediaType: v.string(),
  dsseEnvelope: v.object({
    payloadType: v.literal('application/vnd.in-toto+json'),
    payload: v.pipe(v.string(), v.base64()),
  }),
});

/** in-toto attestation framework, spec v1 and v0.1: statement.md. */
const statementShape = v.object({
  _type: v.picklist(['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1']),
  subject: v.array(v.object({ digest: v.record(v.string(), v.string()) })),
});

/**
 * Reads bundles as `actions/attest` and `gh attestation download` write them: one JSON document, or one a line.
 *
 * @param origin what to call it in messages
 * @throws Failure `bad-attestation` that says what is wrong
 */
export function parseBundles(text: string, origin: string): readonly AttestationBundle[] {
  const whole = parseJson(text);
  const lines =
    whole === undefined ? text.split('\n').filter((line) => line.trim() !== '') : [text];
  if (lines.length === 0) throw noBundle(origin, 'it is empty');
  return lines.map((line) => parseBundle(line, origin));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseBundle(text: string, origin: string): AttestationBundle {
  try {
    const json: unknown = JSON.parse(text);
    const { dsseEnvelope } = v.parse(bundleShape, json);
    const payload = Buffer.from(dsseEnvelope.payload, 'base64').toString('utf8');
    const { subject } = v.parse(statementShape, JSON.parse(payload));
    const sums = subject.flatMap(({ digest }) => digest.sha256 ?? []);
    return { line: JSON.stringify(json), json, subjects: new Set(sums) };
  } catch (error) {
    throw noBundle(origin, describe(error), error);
  }
}

function noBundle(origin: string, why: string, cause?: unknown): Failure {
  return new Failure(
    'bad-attestation',
    `${printable(origin)} is no Sigstore bundle of an attestation: ${printable(why)}.`,
    "Give the file that the attest job of the workflow made, or that 'gh attestation download' wrote.",
    cause,
  );
}
