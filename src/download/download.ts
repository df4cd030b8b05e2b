import { Failure } from '../failure.ts';
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
  /** Bytes that may come ahead of the consumer, at most; for one that is expected to leave early. */
  readonly ahead?: number | undefined;
}

/**
 * A large file, fetched in segments over several connections and mirrors, delivered in order. It begins
 * when it is iterated, which can be done once; a consumer that leaves early ends it. The bytes are views into
 * memory that is used again: they are valid until the next ones are taken.
 *
 * Throws `network` with what each mirror did when none can deliver, or the signal's reason. The bytes are as
 * the mirrors sent them: the caller compares them with a checksum.
 */
export class Download implements AsyncIterable<Uint8Array> {
  readonly #scheduler: Scheduler;
  readonly #signal: AbortSignal | undefined;
  #begun = false;

  constructor(pool: MirrorPool, file: RemoteFile, options: DownloadOptions = {}) {
    this.#signal = options.signal;
    const mirrors = pool.mirrors.filter((mirror) => !options.avoid?.has(mirror));
    this.#scheduler = new Scheduler(pool, file, mirrors, options.ahead);
  }

  /** Mirrors whose bytes are among those that came so far. */
  get servedBy(): ReadonlySet<Mirror> {
    return this.#scheduler.servedBy;
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
      for (let bytes = await scheduler.next(); bytes; bytes = await scheduler.next()) yield bytes;
    } finally {
      this.#signal?.removeEventListener('abort', abort);
      scheduler.leave();
    }
  }
}

/** See `Download`. */
export function download(
  pool: MirrorPool,
  file: RemoteFile,
  options: DownloadOptions = {},
): Download {
  return new Download(pool, file, options);
}
