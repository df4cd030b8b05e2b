import type { Readable } from 'node:stream';
import { describe, Failure } from '../failure.ts';
import type { HttpResponse } from '../world/http.ts';
import type { World } from '../world/world.ts';

/** What a server said a file's version was; sent back, it is answered by 304 while nothing has changed. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

export type Answer =
  | {
      readonly status: 200;
      readonly body: Readable;
      readonly url: string;
      readonly validators: Validators;
    }
  | { readonly status: 304 }
  | { readonly status: 404 };

/** One mirror of a distribution's tree. */
export interface Mirror {
  /** Its root, with a slash at the end. */
  readonly root: string;
  /**
   * Asks for a file by its path below the root; a path that ends in a slash is a folder's page.
   * 403 counts as 404: it is how servers refuse the page of a folder. Rejects with `network` when,
   * after some attempts, there is no answer or a useless one.
   */
  open(path: string, known?: Validators): Promise<Answer>;
}

const ATTEMPTS = 3;
const USELESS = new Set([408, 425, 429]);

/** A mirror over HTTP. `signal` ends what is under way. */
export function httpMirror(world: World, root: string, signal: AbortSignal): Mirror {
  const base = root.endsWith('/') ? root : `${root}/`;
  return {
    root: base,
    open: async (path, known = {}) => {
      const url = mirrorUrl(base, path);
      const headers = {
        ...(known.etag ? { 'if-none-match': known.etag } : {}),
        ...(known.lastModified ? { 'if-modified-since': known.lastModified } : {}),
      };
      const answer = await persevere(world, signal, url, () =>
        world.http.request({ url, headers, signal }),
      );
      if (answer.status === 200) return found(answer);
      discard(answer);
      if (answer.status === 304) return { status: 304 };
      if ([403, 404, 410].includes(answer.status)) return { status: 404 };
      throw new Failure('network', `${url} answers with status ${answer.status}.`);
    },
  };
}

/** The URL of a path below a mirror's root; every segment is encoded, so that `+` and `^` arrive as they are. */
export function mirrorUrl(root: string, path: string): string {
  const base = root.endsWith('/') ? root : `${root}/`;
  return `${base}${path.split('/').map(encodeURIComponent).join('/')}`;
}

function found(answer: HttpResponse): Answer {
  const { etag, 'last-modified': lastModified } = answer.headers;
  const validators = { ...(etag ? { etag } : {}), ...(lastModified ? { lastModified } : {}) };
  return { status: 200, body: answer.body, url: answer.url, validators };
}

/** Lets go of a body that nobody reads: a short one to its end, which keeps the connection for the next request. */
function discard({ body, status, headers }: HttpResponse): void {
  body.on('error', () => {});
  const short = status === 304 || Number(headers['content-length'] ?? Infinity) < 64 * 1024;
  if (short) body.resume();
  else body.destroy();
}

async function persevere(
  world: World,
  signal: AbortSignal,
  url: string,
  ask: () => Promise<HttpResponse>,
): Promise<HttpResponse> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      const answer = await ask();
      if (answer.status < 500 && !USELESS.has(answer.status)) return answer;
      discard(answer);
      if (attempt === ATTEMPTS) {
        throw new Failure('network', `${url} answers with status ${answer.status}.`);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Failure) throw error;
      if (attempt === ATTEMPTS) {
        throw new Failure(
          'network',
          `${url} cannot be read: ${describe(error)}.`,
          undefined,
          error,
        );
      }
    }
    await world.clock.sleep(500 * 2 ** attempt, signal);
  }
}
