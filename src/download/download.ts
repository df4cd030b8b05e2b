import { Failure } from '../failure.ts';
import { History } from './history.ts';
import type { Mirror, MirrorPool } from './mirrors.ts';
import { Scheduler } from './scheduler.ts';

/** A file of known size below the mirrors' base. */
export interface RemoteFile {
  readonly path: string;
  readonly size: number;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Mirrors to leave out. */
  readonly avoid?: ReadonlySet<Mirror> | undefined;
  /** Earlier fetches of the same file, to find out where they differ and who was wrong. */
  readonly after?: readonly History[] | undefined;
}

/**
 * A large file, fetched in segments over several connections and mirrors, delivered in order. It begins
 * when it is iterated, which can be done once; whoever leaves early ends it. The bytes are views into memory
 * that is used again for what follows: whoever keeps some copies them.
 *
 * Throws `network` with what each mirror did when none can deliver, or the signal's reason. The bytes are as
 * the mirrors sent them: whether they are the right ones is for a checksum to say.
 */
export class Download implements AsyncIterable<Uint8Array> {
  readonly resource: RemoteFile;
  /** Which mirror served what was delivered so far. */
  readonly history: History;
  readonly #scheduler: Scheduler;
  readonly #signal: AbortSignal | undefined;
  #begun = false;

  constructor(pool: MirrorPool, resource: RemoteFile, options: DownloadOptions = {}) {
    this.resource = resource;
    this.history = new History(options.after, { only: pool.mirrors.length === 1 });
    this.#signal = options.signal;
    const mirrors = pool.mirrors.filter((mirror) => !options.avoid?.has(mirror));
    this.#scheduler = new Scheduler(pool, resource, mirrors);
  }

  /** Bytes that came and were not taken yet: now, and at most. */
  get buffered(): { readonly now: number; readonly most: number } {
    return this.#scheduler.buffered;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#begun) throw new Failure('internal', 'A download can be read only once.');
    this.#begun = true;
    this.#signal?.throwIfAborted();
    const scheduler = this.#scheduler;
    const abort = () => scheduler.fail(this.#signal?.reason);
    this.#signal?.addEventListener('abort', abort);
    scheduler.begin();
    try {
      for (let piece = await scheduler.next(); piece; piece = await scheduler.next()) {
        this.history.add(piece.mirror, piece.bytes);
        yield piece.bytes;
      }
    } finally {
      this.#signal?.removeEventListener('abort', abort);
      this.history.end();
      scheduler.leave();
    }
  }
}

/** See `Download`. */
export function download(
  pool: MirrorPool,
  resource: RemoteFile,
  options: DownloadOptions = {},
): Download {
  return new Download(pool, resource, options);
}
