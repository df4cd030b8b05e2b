import { BLOCK, type GetRange, type RandomAccess, RangedFile, WholeFile } from './ranged-file.ts';
import { SiteError } from './site-error.ts';

/** The first request: the schema and the list of kernels are there. */
const START = 16 * BLOCK;

/**
 * Opens a file of this site, only in a worker: reads wait for the host. Where the host has no
 * ranges, the whole file is loaded. Throws SiteError.
 *
 * @param expected bytes that the file has
 * @param progress called with the bytes of a whole file that have arrived
 */
export async function openHttpFile(
  url: string,
  expected: number,
  progress: (bytes: number) => void = () => {},
): Promise<RandomAccess> {
  const response = await ask(url, { range: `bytes=0-${Math.min(START, expected) - 1}` });
  if (response.status === 206) {
    const start = await bodyOf(response, url);
    const [, total] =
      /^bytes 0-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? [];
    if (Number(total) === expected && isDatabase(start)) {
      return new RangedFile(expected, rangeGetter(url), start);
    }
    // Some hosts compress, and take ranges of the compressed bytes. From those the whole file is right.
    const whole = await bodyOf(await ask(url, {}), url, progress);
    return new WholeFile(sound(whole, expected, url));
  }
  const whole = await bodyOf(response, url, progress);
  return new WholeFile(sound(whole, expected, url));
}

/** A whole file of this site. Throws SiteError. */
export async function loadBytes(url: string): Promise<Uint8Array<ArrayBuffer>> {
  return bodyOf(await ask(url, {}), url);
}

async function ask(url: string, headers: Record<string, string>): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { headers });
  } catch (thrown) {
    throw new SiteError('offline', `${url}: ${String(thrown)}`);
  }
  if (!response.ok) throw statusError(url, response.status);
  return response;
}

function statusError(url: string, status: number): SiteError {
  return new SiteError(status === 404 ? 'missing' : 'refused', `${url}: HTTP ${status}`);
}

async function bodyOf(
  response: Response,
  url: string,
  progress: (bytes: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const reader = response.body?.getReader();
    for (let read = await reader?.read(); read?.value; read = await reader?.read()) {
      chunks.push(read.value);
      length += read.value.length;
      progress(length);
    }
  } catch (thrown) {
    throw new SiteError('offline', `${url}: ${String(thrown)}`);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Every SQLite database begins with it (Database File Format, 1.3). */
const MAGIC = 'SQLite format 3\0';

function isDatabase(bytes: Uint8Array): boolean {
  return [...MAGIC].every((character, index) => bytes[index] === character.charCodeAt(0));
}

function sound(bytes: Uint8Array, expected: number, url: string): Uint8Array {
  if (bytes.length === expected && isDatabase(bytes)) return bytes;
  throw new SiteError(
    'damaged',
    `${url}: ${bytes.length} bytes, of which ${expected} were expected, or no database`,
  );
}

/** SQLite needs the bytes before its call returns, so the request is synchronous, which workers may do. */
function rangeGetter(url: string): GetRange {
  return (first, last) => {
    const request = new XMLHttpRequest();
    request.open('GET', url, false);
    request.responseType = 'arraybuffer';
    request.setRequestHeader('range', `bytes=${first}-${last}`);
    try {
      request.send();
    } catch (thrown) {
      throw new SiteError('offline', `${url}: ${String(thrown)}`);
    }
    if (request.status !== 206 && request.status !== 200) throw statusError(url, request.status);
    const bytes = new Uint8Array(request.response as ArrayBuffer);
    const part = request.status === 200 ? bytes.subarray(first, last + 1) : bytes;
    if (part.length === last - first + 1) return part;
    throw new SiteError('damaged', `${url}: ${part.length} bytes for ${first}-${last}`);
  };
}
