import { Failure } from '../failure.ts';
import { addressText } from '../names.ts';
import type { Clock } from '../platform/clock.ts';
import type { Http } from '../platform/http.ts';
import type { RequestError } from './response.ts';
import { BlockPool } from './window.ts';

/** How a mirror is doing. */
export type MirrorHealth =
  | { readonly kind: 'healthy' }
  /** It failed so many times in a row, and is not asked until then (`Clock.now`). */
  | {
      readonly kind: 'backing-off';
      readonly until: number;
      readonly failures: number;
      /** The last so many of them got no connection. */
      readonly unconnected: number;
      readonly since: number;
      readonly error: string;
    }
  /** No connection to it was possible while there were other mirrors: it is not asked again in this run. */
  | { readonly kind: 'unreachable'; readonly error: string }
  /** It delivered wrong bytes, or may have: it is not asked again in this run. */
  | { readonly kind: 'banned'; readonly error: string };

export interface PoolDependencies {
  readonly http: Http;
  readonly clock: Clock;
  /** From 0 to 1, as Math.random. */
  readonly random: () => number;
}

export interface PoolSettings {
  /** Connections to one mirror at a time, over all downloads of the pool. */
  readonly connections?: number;
  /** Bytes that all downloads together may hold before their consumers take them. */
  readonly window?: number;
  /** Milliseconds without a byte after which a request is given up. */
  readonly idleTimeout?: number;
  /** Gets a line when the health of a mirror becomes worse. */
  readonly log?: (line: string) => void;
}

const MiB = 1024 * 1024;
/**
 * Four connections are fewer than a browser opens. With one mirror each asks for 2 MiB at a time: with less, the
 * wait for the next answer counts where a mirror is 200 ms away. A wider window is more memory of Node.
 */
const DEFAULTS = { connections: 4, window: 10 * MiB, idleTimeout: 30_000, log: () => {} };
const SMALLEST_WINDOW = 4 * MiB;
const FIRST_BACKOFF = 500;
const LONGEST_BACKOFF = 60_000;
/** Failures in a row after which a mirror is taken to be down: other files do not wait for it as long. */
const DOWN_AFTER = 8;
/** Attempts in a row without a connection after which it is left out: a redirect to a dead host looks the same once. */
const UNREACHABLE_AFTER = 3;
/** A rate older than this counts as unknown, so that the mirror is tried anew. */
const RATE_LASTS = 60_000;
/** Less than this shows the distance to a server, not its rate. The first segment of the smallest window is as large. */
const SMALLEST_MEASURE = { bytes: 128 * 1024, milliseconds: 1000 };

/** One server that has the whole tree. Only its pool changes it. */
export class Mirror {
  /** An http or https URL that ends in `/`. */
  readonly base: string;
  health: MirrorHealth = { kind: 'healthy' };
  /** Requests to it that run now. */
  busy = 0;
  /** Bytes a second of one connection, smoothed, and when that was measured. */
  measured: { readonly rate: number; readonly at: number } | undefined;

  constructor(base: string) {
    this.base = asBase(base);
  }

  /**
   * The URL of a file below the base. `+` becomes `%2B`: to some object stores a bare `+` is a space. What means
   * something to Markdown is encoded too, because the URL gets into records and pull requests.
   * Throws `bad-repository` for a path that leads anywhere else.
   */
  url(path: string): string {
    const url = URL.canParse(path, this.base) ? new URL(path, this.base) : undefined;
    if (
      !url ||
      !encodeSigns(url.href).startsWith(this.base) ||
      url.search !== '' ||
      url.hash !== ''
    ) {
      throw new Failure(
        'bad-repository',
        `The repository names a file outside of itself: '${path.slice(0, 200)}'.`,
        'Use another mirror, and tell the operator of this one.',
      );
    }
    return this.base + encodeSigns(url.href).slice(this.base.length).replaceAll('+', '%2B');
  }
}

/** The mirrors of one tree: which may be asked, how they serve, and how many connections each has. */
export class MirrorPool {
  /** In the order they were given. */
  readonly mirrors: readonly Mirror[];
  readonly dependencies: PoolDependencies;
  readonly clock: Clock;
  readonly idleTimeout: number;
  /** Memory that its downloads share. */
  readonly blocks = new BlockPool();
  readonly #settings: Required<PoolSettings>;
  readonly #listeners = new Set<() => void>();
  #downloads = 0;

  /** Throws `usage` for a base that is no http or https URL, or when there is none. */
  constructor(
    bases: readonly string[],
    dependencies: PoolDependencies,
    settings: PoolSettings = {},
  ) {
    this.mirrors = [...new Set(bases.map(asBase))].map((base) => new Mirror(base));
    if (this.mirrors.length === 0) {
      throw new Failure('usage', 'There is no mirror to fetch from.', 'Name one with --mirror.');
    }
    this.dependencies = dependencies;
    this.clock = dependencies.clock;
    const {
      connections = DEFAULTS.connections,
      window = DEFAULTS.window,
      idleTimeout = DEFAULTS.idleTimeout,
      log = DEFAULTS.log,
    } = settings;
    this.#settings = { connections, window, idleTimeout, log };
    this.idleTimeout = idleTimeout;
  }

  /** Calls `listener` whenever a connection is free again or a mirror's health changed. Returns how to end it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A download begins: from now on it has its share of the window and of the connections. Returns how to end it. */
  join(): () => void {
    this.#downloads += 1;
    return () => {
      this.#downloads -= 1;
      this.notify();
    };
  }

  /** What one download may use now: bytes of window, and connections to each mirror. */
  get share(): { readonly window: number; readonly connections: number } {
    const downloads = Math.max(1, this.#downloads);
    const { window } = this.#settings;
    return {
      window: Math.max(Math.min(SMALLEST_WINDOW, window), Math.floor(window / downloads)),
      connections: Math.ceil(this.#settings.connections / downloads),
    };
  }

  /** Whether a mirror may be asked now: it does not back off, and has a connection free. */
  isAvailable(mirror: Mirror): boolean {
    return mirror.busy < this.#settings.connections && this.availableAt(mirror) <= this.clock.now();
  }

  /** When a mirror may be asked again (`Clock.now`); Infinity for never. */
  availableAt({ health }: Mirror): number {
    if (health.kind === 'banned' || health.kind === 'unreachable') return Number.POSITIVE_INFINITY;
    return health.kind === 'backing-off' ? health.until : 0;
  }

  /** Whether the mirror failed so often in a row that one more failure is enough for a file to leave it. */
  isDown({ health }: Mirror): boolean {
    return health.kind === 'backing-off' && health.failures >= DOWN_AFTER;
  }

  /** Calls everything that listens to changes. */
  notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Takes a connection to a mirror. Returns how to give it back. */
  connect(mirror: Mirror): () => void {
    mirror.busy += 1;
    return () => {
      mirror.busy -= 1;
      this.notify();
    };
  }

  /** Bytes a second that one connection to the mirror brings, if that was measured lately. */
  rate({ measured }: Mirror): number | undefined {
    return measured && this.clock.now() - measured.at < RATE_LASTS ? measured.rate : undefined;
  }

  /** A request brought so many bytes in so many milliseconds. */
  measure(mirror: Mirror, bytes: number, milliseconds: number): void {
    if (bytes < SMALLEST_MEASURE.bytes && milliseconds < SMALLEST_MEASURE.milliseconds) return;
    // Never zero: shares are computed from rates, and need a sum that is not zero.
    const now = Math.max(1, (bytes * 1000) / Math.max(1, milliseconds));
    const before = this.rate(mirror);
    const rate = before === undefined ? now : 0.6 * before + 0.4 * now;
    mirror.measured = { rate, at: this.clock.now() };
  }

  /** A request came to its end: the mirror is well. */
  succeeded(mirror: Mirror): void {
    if (mirror.health.kind === 'backing-off') this.#set(mirror, { kind: 'healthy' });
  }

  /**
   * A request that began then (`Clock.now`) failed: the mirror is not asked for a while, each time in a row for
   * twice as long, with jitter, or for as long as it said. Several requests lost to one event count once. One
   * that no connection can be made to is left out for the run, unless it is the last that there is.
   */
  failed(mirror: Mirror, began: number, error: RequestError): void {
    const { health } = mirror;
    if (health.kind === 'banned' || health.kind === 'unreachable') return;
    const { message } = error;
    const before = health.kind === 'backing-off' ? health : undefined;
    const count = before !== undefined && began < before.since ? 0 : 1;
    const failures = (before?.failures ?? 0) + count;
    const unconnected = error.connected ? 0 : (before?.unconnected ?? 0) + count;
    if (unconnected >= UNREACHABLE_AFTER && this.#hasOthersThan(mirror)) {
      this.#settings.log(`${mirror.base}: ${message}; not used any more in this run`);
      this.#set(mirror, { kind: 'unreachable', error: message });
      return;
    }
    const now = this.clock.now();
    const wait = error.retryAfter ?? this.backoff(failures);
    const until = Math.max(now + wait, before?.until ?? 0);
    if (before === undefined || wait > this.idleTimeout) {
      const seconds = ((until - now) / 1000).toFixed(1);
      this.#settings.log(`${mirror.base}: ${message}; not asked for ${seconds} s`);
    }
    const since = now;
    this.#set(mirror, {
      kind: 'backing-off',
      until,
      failures,
      unconnected,
      since,
      error: message,
    });
  }

  /** The mirror delivered bytes that are not what the repository promises: nothing more is taken from it. */
  ban(mirror: Mirror, error: string): void {
    this.#settings.log(`${mirror.base}: ${error}; not used any more in this run`);
    this.#set(mirror, { kind: 'banned', error });
  }

  /** Milliseconds to wait after so many failures in a row: doubled each time, half of it random. */
  backoff(failures: number): number {
    const most = Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** Math.max(0, failures - 1));
    return most * (0.5 + this.dependencies.random() / 2);
  }

  /** Resolves when something changed, at that time (`Clock.now`) at the latest. */
  async change(until: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const over = new AbortController();
    const abort = () => over.abort();
    const end = this.onChange(abort);
    signal?.addEventListener('abort', abort);
    await this.clock.sleep(Math.max(0, until - this.clock.now()), over.signal).catch(() => {});
    signal?.removeEventListener('abort', abort);
    end();
    signal?.throwIfAborted();
  }

  #hasOthersThan(mirror: Mirror): boolean {
    return this.mirrors.some(
      (other) => other !== mirror && this.availableAt(other) < Number.POSITIVE_INFINITY,
    );
  }

  #set(mirror: Mirror, health: MirrorHealth): void {
    mirror.health = health;
    this.notify();
  }
}

/** A sentence for each mirror that is asked without TLS, but for those on this machine. */
export function plainHttpWarnings(bases: readonly string[]): readonly string[] {
  return bases.map(asBase).flatMap((base) => {
    const { protocol, hostname } = new URL(base);
    const here = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
    if (protocol === 'https:' || here) return [];
    return `${base} is not encrypted: what it sends can be changed on the way, and only signatures of packages show that.`;
  });
}

/** A base URL of a mirror, checked, with its slash at the end. Throws `usage`. */
export function asBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const secret = url !== undefined && (url.username !== '' || url.password !== '');
  if (!url || secret || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new Failure(
      'usage',
      // A password that was given must not come back in a message.
      secret
        ? 'A mirror cannot have a user or a password.'
        : `'${addressText(text)}' is not a mirror.`,
      'A mirror is an http or https URL, such as https://repo.openeuler.org/.',
    );
  }
  const href = encodeSigns(url.href);
  return href.endsWith('/') ? href : `${href}/`;
}

/** Encodes the signs that URL leaves bare in a path and that a record does not accept. The host of IPv6 has brackets. */
function encodeSigns(href: string): string {
  const [, host = '', path = href] = /^(https?:\/\/[^/]*)(.*)$/.exec(href) ?? [];
  return (
    host +
    path.replace(/[()[\]'*|\\]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
  );
}
