import { createHash, generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto';
import mock from '@sigstore/mock';
import { HashAlgorithm, PublicKeyDetails, TrustedRoot } from '@sigstore/protobuf-specs';

/** What the certificate of an attestation says, as GitHub's and Fulcio's do. */
export interface Identity {
  /** `owner/name` of the repository whose workflow ran. */
  readonly repository: string;
  readonly issuer?: string;
}

/** What Rekor answers (rekor's openapi.yaml: LogEntry). */
interface RekorEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly treeSize: number;
      readonly rootHash: string;
      readonly hashes: readonly string[];
      readonly checkpoint: string;
    };
    readonly signedEntryTimestamp: string;
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  Buffer.from(buffer, byteOffset, byteLength);

/**
 * A Sigstore instance of a test's own: a certificate authority, a log of certificates and a transparency log, with keys
 * that nothing else trusts. What it makes, real verification accepts with its trusted root and no other. `private`: as
 * GitHub's instance for private repositories, which has no logs: an authority states the time.
 */
export async function openSigstore(kind: 'public' | 'private' = 'public') {
  const keys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authorityKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const [ctKeys, logKeys] = [keys(), keys()];
  const hasLogs = kind === 'public';
  const ctLog = hasLogs ? await mock.initializeCTLog(ctKeys) : undefined;
  // A whole second, because the mock writes milliseconds that the verifier cannot always read; after the certificates
  // of the authority that states it.
  const time = new Date(Math.floor(Date.now() / 1000 + 60) * 1000);
  const authority = await mock.initializeCA(authorityKeys(), ctLog, hasLogs ? undefined : time);
  const clock = await mock.initializeTSA(authorityKeys(), time);
  const log = await mock.initializeTLog('https://rekor.example', logKeys);

  /** A bundle that attests files with these sums, as `actions/attest` makes it: one line of JSON. */
  async function attest(sums: readonly string[], identity: Identity): Promise<string> {
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: sums.map((sha256, index) => ({ name: `file ${index}`, digest: { sha256 } })),
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {},
    };
    const payload = Buffer.from(JSON.stringify(statement));
    const payloadType = 'application/vnd.in-toto+json';
    const { publicKey, privateKey } = keys();
    const encoded = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `;
    const signature = sign('sha256', Buffer.concat([Buffer.from(encoded), payload]), privateKey);
    const repository = `https://github.com/${identity.repository}`;
    const issued = await authority.issueCertificate({
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      subjectAltName: `${repository}/.github/workflows/update-archive.yml@refs/heads/main`,
      extensions: [
        {
          oid: '1.3.6.1.4.1.57264.1.8',
          value: identity.issuer ?? 'https://token.actions.githubusercontent.com',
        },
        { oid: '1.3.6.1.4.1.57264.1.12', value: repository },
      ],
    });
    const certificate = bytesOf(issued);
    const envelope = {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: signature.toString('base64') }],
    };
    const bundle = {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: {
        certificate: { rawBytes: certificate.toString('base64') },
        ...(hasLogs
          ? { tlogEntries: [await logEntry(payload, signature, certificate)] }
          : { timestampVerificationData: { rfc3161Timestamps: [await timestamp(signature)] } }),
      },
      dsseEnvelope: envelope,
    };
    return JSON.stringify(bundle);
  }

  /** A time by RFC 3161, in the words of a bundle. */
  async function timestamp(signature: Buffer) {
    const signed = await clock.timestamp({
      artifactHash: createHash('sha256').update(signature).digest(),
      hashAlgorithmOID: '2.16.840.1.101.3.4.2.1',
      policyOID: '1.3.6.1.4.1.57264.2',
      nonce: 1,
    });
    return { signedTimestamp: bytesOf(signed).toString('base64') };
  }

  /** An entry of Rekor's kind `dsse` 0.0.1, in the words of a bundle. */
  async function logEntry(payload: Buffer, signature: Buffer, certificate: Buffer) {
    const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
    const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    const entries = await log.log({
      apiVersion: '0.0.1',
      kind: 'dsse',
      spec: {
        envelopeHash: { algorithm: 'sha256', value: hash(payload) },
        payloadHash: { algorithm: 'sha256', value: hash(payload) },
        signatures: [
          {
            signature: signature.toString('base64'),
            verifier: Buffer.from(pem).toString('base64'),
          },
        ],
      },
    });
    const [entry] = Object.values(entries as Readonly<Record<string, RekorEntry>>);
    if (entry === undefined) throw new Error('the log has no entry');
    const { inclusionProof, signedEntryTimestamp } = entry.verification;
    const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
    return {
      logIndex: `${entry.logIndex}`,
      logId: { keyId: base64(entry.logID) },
      kindVersion: { kind: 'dsse', version: '0.0.1' },
      integratedTime: `${entry.integratedTime}`,
      inclusionPromise: { signedEntryTimestamp },
      inclusionProof: {
        logIndex: `${inclusionProof.logIndex}`,
        treeSize: `${inclusionProof.treeSize}`,
        rootHash: base64(inclusionProof.rootHash),
        hashes: inclusionProof.hashes.map(base64),
        checkpoint: { envelope: inclusionProof.checkpoint },
      },
      canonicalizedBody: entry.body,
    };
  }

  const since = { start: new Date(Date.now() - 3_600_000).toISOString() };
  const logOf = ({ publicKey }: KeyPairKeyObjectResult, baseUrl: string) => {
    const rawBytes = publicKey.export({ type: 'spki', format: 'der' });
    return {
      baseUrl,
      hashAlgorithm: HashAlgorithm[HashAlgorithm.SHA2_256],
      publicKey: {
        rawBytes: rawBytes.toString('base64'),
        keyDetails: PublicKeyDetails[PublicKeyDetails.PKIX_ECDSA_P256_SHA_256],
        validFor: since,
      },
      logId: { keyId: createHash('sha256').update(rawBytes).digest('base64') },
    };
  };
  const trustedRoot = TrustedRoot.toJSON(
    TrustedRoot.fromJSON({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: hasLogs ? [logOf(logKeys, 'https://rekor.example')] : [],
      ctlogs: hasLogs ? [logOf(ctKeys, 'https://ctfe.example')] : [],
      certificateAuthorities: [
        {
          subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
          uri: 'https://fulcio.example',
          certChain: {
            certificates: [{ rawBytes: bytesOf(authority.rootCertificate).toString('base64') }],
          },
          validFor: since,
        },
      ],
      timestampAuthorities: hasLogs
        ? []
        : [
            {
              subject: { organization: 'sigstore.mock', commonName: 'tsa' },
              uri: 'https://tsa.example',
              certChain: {
                certificates: [clock.intCertificate, clock.rootCertificate].map((certificate) => ({
                  rawBytes: bytesOf(certificate).toString('base64'),
                })),
              },
              validFor: since,
            },
          ],
    }),
  );
  return { attest, trustedRoot: JSON.stringify(trustedRoot) };
}
