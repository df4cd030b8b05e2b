import { corrupt } from './corrupt.ts';
import { type Header, quoted } from './header.ts';
import { DIGEST_ALGORITHMS, type Digest, SIGNATURE_TAG, TAG } from './tags.ts';

export const COMPRESSORS = ['none', 'gzip', 'bzip2', 'lzma', 'xz', 'zstd'] as const;
export type Compressor = (typeof COMPRESSORS)[number];

/** What the headers say about the payload. */
export interface Payload {
  readonly compressor: Compressor;
  /** The level, e.g. `2`, with what the compressor was told besides. */
  readonly flags: string | undefined;
  /** Where it begins in the package, in bytes. */
  readonly offset: number;
  /** Bytes as compressed, where the package says it. */
  readonly size: number | undefined;
  /** Bytes of the cpio archive, where the package says it: for progress, not for trust. */
  readonly unpackedSize: number | undefined;
  /** Of the compressed bytes; what ties the payload to a signed header. In packages of rpm 4.14 and later. */
  readonly digest: Digest | undefined;
  /** Of the cpio archive. */
  readonly unpackedDigest: Digest | undefined;
}

/** How many of the payload's first bytes `payloadOf` wants. */
export const PAYLOAD_START = 6;

/** Each compressor's magic, in hex; an lzma stream has none to rely on. */
const MAGIC: Readonly<Record<Exclude<Compressor, 'lzma'>, string>> = {
  none: Buffer.from('0707').toString('hex'),
  gzip: '1f8b',
  bzip2: Buffer.from('BZh').toString('hex'),
  xz: 'fd377a585a00',
  zstd: '28b52ffd',
};

/**
 * @param start the payload's first bytes: rpm names no compressor for a plain payload, so that only they tell it from gzip.
 * Throws `corrupt-package` for a format or a compressor that rpm does not have, or one that `start` contradicts.
 */
export function payloadOf(
  header: Header,
  signatures: Header,
  offset: number,
  start: Buffer,
): Payload {
  const format = header.string(TAG.payloadFormat) ?? 'cpio';
  if (format !== 'cpio')
    throw corrupt(`The payload's format is ${quoted(format)}; only cpio holds files.`);
  return {
    compressor: compressorOf(header.string(TAG.payloadCompressor), start.toString('hex')),
    flags: header.string(TAG.payloadFlags),
    offset,
    size: payloadSize(header, signatures),
    unpackedSize:
      header.number(TAG.payloadSizeUnpacked) ??
      signatures.number(SIGNATURE_TAG.longArchiveSize) ??
      signatures.number(SIGNATURE_TAG.archiveSize) ??
      header.number(TAG.archiveSize),
    digest: digestOf(header, TAG.payloadDigest),
    unpackedDigest: digestOf(header, TAG.payloadDigestUnpacked),
  };
}

function compressorOf(stated: string | undefined, start: string): Compressor {
  const named = COMPRESSORS.find((name) => name === (stated ?? 'gzip'));
  if (named === undefined)
    throw corrupt(`The payload's compressor is ${quoted(stated ?? '')}, which rpm does not have.`);
  const compressor = named === 'gzip' && start.startsWith(MAGIC.none) ? 'none' : named;
  if (compressor !== 'lzma' && !start.startsWith(MAGIC[compressor])) {
    throw corrupt(
      `The payload should be ${compressor}, but begins with ${start} instead of ${MAGIC[compressor]}.`,
    );
  }
  return compressor;
}

function payloadSize(header: Header, signatures: Header): number | undefined {
  const own = header.number(TAG.payloadSize);
  if (own !== undefined) return own;
  const both = signatures.number(SIGNATURE_TAG.longSize) ?? signatures.number(SIGNATURE_TAG.size);
  if (both === undefined) return undefined;
  if (both < header.bytes.length) {
    throw corrupt(
      `Header and payload should have ${both} bytes, but the header alone has ${header.bytes.length}.`,
    );
  }
  return both - header.bytes.length;
}

function digestOf(header: Header, tag: number): Digest | undefined {
  const hex = header.strings(tag)[0];
  const algorithm = DIGEST_ALGORITHMS.get(header.number(TAG.payloadDigestAlgorithm) ?? 8);
  return hex && algorithm ? { algorithm, hex: hex.toLowerCase() } : undefined;
}
