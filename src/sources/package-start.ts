import type { MirrorPool } from '../download/mirrors.ts';
import { get } from '../download/request.ts';
import { describe, Failure } from '../failure.ts';
import { ByteQueue } from '../rpm/bytes.ts';
import { Header, headerSize, SIGNATURE_HEADER } from '../rpm/header.ts';
import { LEAD_SIZE, parseLead } from '../rpm/lead.ts';
import { readPackageHead } from '../rpm/package.ts';
import { SIGNATURE_TAG } from '../rpm/tags.ts';
import type { Checksum } from '../rpmmd/repomd.ts';

/** Enough for the signature header of a package whose files are not signed one by one. */
const USUAL_START = 64 * 1024;
/** Enough for the headers of any kernel package. */
const LARGEST_START = 32 * 1024 * 1024;
const IDLE_TIMEOUT = 20_000;

/** The parts of the name of a package's file. */
export interface RpmFileName {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly arch: string;
}

/** `kernel-debuginfo-5.10.0-60.oe2203.x86_64.rpm` -> its parts; undefined for any other name. */
export function parseRpmFileName(file: string): RpmFileName | undefined {
  if (file.length > 255) return undefined;
  const match = /^([0-9A-Za-z][^/]*)-([^-/]+)-([^-/]+)\.([^-./]+)\.rpm$/.exec(file);
  if (!match) return undefined;
  const [, name = '', version = '', release = '', arch = ''] = match;
  return { name, version, release, arch };
}

/** What the beginning of a package says of it. */
export interface PackageStart {
  /** Of the whole file, bytes. */
  readonly size: number;
  /** Of the header: all that the package itself promises. */
  readonly headerChecksum: Checksum;
  /** When the server got the file, seconds since 1970; 0 where it does not say. */
  readonly changedAt: number;
}

/**
 * Reads the beginning of a package, by a range request, from the first mirror that has it. Rejects with `network`,
 * or with `corrupt-package` for a file that is no RPM or whose header has no digest.
 */
export async function readPackageStart(
  pool: MirrorPool,
  path: string,
  signal: AbortSignal,
): Promise<PackageStart> {
  return fromAnyMirror(pool, path, signal, async (answer) => {
    const signatures = await readSignatureHeader(answer.bytes);
    const headerChecksum = headerChecksumOf(signatures);
    if (!headerChecksum) {
      throw new Failure('corrupt-package', `${answer.url} has no digest of its header.`);
    }
    return { size: answer.size, headerChecksum, changedAt: answer.changedAt };
  });
}

/** The paths of a package's files, from its header, by a range request. Rejects as `readPackageStart` does. */
export async function readPackageFiles(
  pool: MirrorPool,
  path: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return fromAnyMirror(pool, path, signal, async ({ bytes }) => {
    const head = await readPackageHead(bytes);
    await head.body('not-needed')[Symbol.asyncIterator]().return?.();
    return head.files.map((file) => file.path);
  });
}

/** The digest of the header that the signature header promises, the strongest of those that there are. */
export function headerChecksumOf(signatures: Header): Checksum | undefined {
  const sha256 = signatures.string(SIGNATURE_TAG.sha256);
  if (sha256 !== undefined) return { algorithm: 'sha256', value: sha256.toLowerCase() };
  const sha1 = signatures.string(SIGNATURE_TAG.sha1);
  return sha1 === undefined ? undefined : { algorithm: 'sha1', value: sha1.toLowerCase() };
}

async function readSignatureHeader(bytes: AsyncIterable<Uint8Array>): Promise<Header> {
  const queue = new ByteQueue(bytes);
  try {
    parseLead(await queue.take(LEAD_SIZE, 'its lead'));
    const intro = await queue.peek(16, 'the signature header');
    const size = headerSize(intro, SIGNATURE_HEADER);
    return new Header(await queue.take(size, 'the signature header'), SIGNATURE_HEADER);
  } finally {
    await queue.close();
  }
}

interface Answer {
  readonly url: string;
  readonly size: number;
  readonly changedAt: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Asks one mirror after the other; first for the usual length of a beginning, then for a longer one. */
async function fromAnyMirror<Result>(
  pool: MirrorPool,
  path: string,
  signal: AbortSignal,
  read: (answer: Answer) => Promise<Result>,
): Promise<Result> {
  const errors: string[] = [];
  let last: unknown;
  for (const mirror of pool.mirrors) {
    const url = mirror.url(path);
    for (const length of [USUAL_START, LARGEST_START]) {
      try {
        return await readStart(pool, url, length, signal, read);
      } catch (error) {
        signal.throwIfAborted();
        last = error;
        errors.push(`${mirror.base}: ${describe(error)}`);
        if (!(error instanceof Failure) || error.reason !== 'corrupt-package') break;
      }
    }
  }
  if (last instanceof Failure && last.reason === 'corrupt-package') throw last;
  throw new Failure(
    'network',
    `No mirror could deliver the beginning of '${path}' (${errors.join('; ')}).`,
    'Check the network, try again later, or name other mirrors with --mirror.',
    last,
  );
}

async function readStart<Result>(
  pool: MirrorPool,
  url: string,
  length: number,
  signal: AbortSignal,
  read: (answer: Answer) => Promise<Result>,
): Promise<Result> {
  const headers = { range: `bytes=0-${length - 1}` };
  const answer = await get(pool.dependencies, url, { headers, idleTimeout: IDLE_TIMEOUT, signal });
  try {
    const size = sizeOf(answer);
    if (size === undefined) throw new Error(`status ${answer.status}`);
    const changed = Date.parse(answer.headers['last-modified'] ?? '');
    const changedAt = Number.isNaN(changed) ? 0 : Math.floor(changed / 1000);
    return await read({ url, size, changedAt, bytes: atMost(answer.bytes, length) });
  } finally {
    answer.discard();
  }
}

/** A server that ignores ranges sends the whole package. */
async function* atMost(bytes: AsyncIterable<Uint8Array>, length: number) {
  let left = length;
  for await (const chunk of bytes) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

function sizeOf({
  status,
  headers,
}: {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}): number | undefined {
  const text =
    status === 206
      ? /^bytes \d+-\d+\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]
      : status === 200
        ? headers['content-length']
        : undefined;
  const size = Number(text);
  return Number.isSafeInteger(size) && size > 0 ? size : undefined;
}
