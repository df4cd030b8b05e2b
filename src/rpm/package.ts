import { createHash } from 'node:crypto';
import { ByteQueue } from './bytes.ts';
import { corrupt } from './corrupt.ts';
import { type PackageFile, packageFiles } from './files.ts';
import { HEADER, Header, type HeaderKind, headerSize, SIGNATURE_HEADER } from './header.ts';
import { LEAD_SIZE, parseLead } from './lead.ts';
import { PAYLOAD_START, type Payload, payloadOf } from './payload.ts';
import { type Digest, type DigestAlgorithm, SIGNATURE_TAG, TAG } from './tags.ts';

/** Name, version, release and architecture, as the header states them: not checked for use in paths. */
export interface Nvra {
  readonly name: string;
  readonly epoch: number | undefined;
  readonly version: string;
  readonly release: string;
  /** `src` for source packages. */
  readonly arch: string;
}

/** Everything in front of a package's payload, and the payload itself, still to be read. */
export interface PackageHead {
  /** Of the package format: 3, 4 or 6. */
  readonly format: 3 | 4 | 6;
  readonly nvra: Nvra;
  readonly signatures: Header;
  readonly header: Header;
  /** The digests of the header that the package states, all of which were right. */
  readonly headerDigests: readonly DigestAlgorithm[];
  readonly files: readonly PackageFile[];
  readonly payload: Payload;
  /**
   * The payload as compressed, once. It ends in `corrupt-package` when it has another size or, unless that is
   * `not-needed`, another digest than the package says. Returning the iterator early ends
   * the source too.
   */
  body(digest?: 'checked' | 'not-needed'): AsyncIterable<Uint8Array>;
}

/** `name-version-release.arch`, as a package's file is named. */
export function nvraText({ name, version, release, arch }: Nvra): string {
  return `${name}-${version}-${release}.${arch}`;
}

/**
 * Reads a package up to its payload: lead, signature header, header (format 3, 4 and 6; rpm's `docs/manual/format_v*.md`).
 * Throws `corrupt-package` when anything in it is out of bounds or contradicts a digest; errors of the source pass.
 * When it throws, the source is ended.
 */
export async function readPackageHead(source: AsyncIterable<Uint8Array>): Promise<PackageHead> {
  const queue = new ByteQueue(source);
  try {
    return await readHead(queue);
  } catch (error) {
    await queue.close();
    throw error;
  }
}

async function readHead(queue: ByteQueue): Promise<PackageHead> {
  const lead = parseLead(await queue.take(LEAD_SIZE, 'its lead'));
  const signatures = await readHeader(queue, SIGNATURE_HEADER);
  await queue.take(-signatures.bytes.length & 7, 'the padding of the signature header');
  const header = await readHeader(queue, HEADER);
  const headerDigests = checkDigests(header, signatures);
  const offset = queue.taken;
  const start = await queue.peek(PAYLOAD_START, 'its payload');
  const payload = payloadOf(header, signatures, offset, start);
  return {
    format: header.number(TAG.rpmFormat) === 6 ? 6 : header.hasRegion ? 4 : 3,
    nvra: nvraOf(header, lead.source),
    signatures,
    header,
    headerDigests,
    files: packageFiles(header, lead.source),
    payload,
    body: (digest = 'checked') =>
      checkedBody(queue, payload.size, digest === 'checked' ? payload.digest : undefined),
  };
}

async function readHeader(queue: ByteQueue, kind: HeaderKind): Promise<Header> {
  const size = headerSize(await queue.peek(16, `the ${kind.title}`), kind);
  return new Header(await queue.take(size, `the ${kind.title}`), kind);
}

function checkDigests(header: Header, signatures: Header): DigestAlgorithm[] {
  const stated = [
    ['sha1', signatures.string(SIGNATURE_TAG.sha1)],
    ['sha256', signatures.string(SIGNATURE_TAG.sha256)],
    ['sha3-256', signatures.string(SIGNATURE_TAG.sha3)],
  ] as const;
  return stated.flatMap(([algorithm, expected]) => {
    if (expected === undefined) return [];
    const actual = createHash(algorithm).update(header.bytes).digest('hex');
    if (actual !== expected.toLowerCase()) {
      throw corrupt(
        `The header's ${algorithm} is ${actual}, but the package says ${expected.slice(0, 64)}.`,
      );
    }
    return [algorithm];
  });
}

function nvraOf(header: Header, source: boolean): Nvra {
  const required = (tag: number, what: string): string => {
    const value = header.string(tag);
    if (!value) throw corrupt(`The header has no ${what}.`);
    return value;
  };
  return {
    name: required(TAG.name, 'name'),
    epoch: header.number(TAG.epoch),
    version: required(TAG.version, 'version'),
    release: required(TAG.release, 'release'),
    arch: source ? 'src' : required(TAG.arch, 'architecture'),
  };
}

async function* checkedBody(
  queue: ByteQueue,
  expected: number | undefined,
  digest: Digest | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = digest && createHash(digest.algorithm);
  let size = 0;
  for await (const chunk of queue.rest()) {
    size += chunk.length;
    if (expected !== undefined && size > expected) {
      throw corrupt(`The payload goes on after the ${expected} bytes that the package says.`);
    }
    hash?.update(chunk);
    yield chunk;
  }
  if (expected !== undefined && size !== expected) {
    throw corrupt(`The payload ends after ${size} of ${expected} bytes.`);
  }
  const actual = hash?.digest('hex');
  if (digest && actual !== digest.hex) {
    throw corrupt(
      `The payload's ${digest.algorithm} is ${actual}, but the header says ${digest.hex}.`,
    );
  }
}
