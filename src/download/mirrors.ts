import { Failure } from '../failure.ts';
import type { Clock } from '../platform/clock.ts';
import type { Http } from '../platform/http.ts';
import { BlockPool } from './window.ts';

/** How a mirror is doing. */
export type MirrorHealth =
  | { readonly kind: 'healthy' }
  /** It failed so many times in a row, and is left alone until then (`Clock.now`). */
  | {
      readonly kind: 'backing-off';
      readonly until: number;
      readonly failures: number;
      readonly since: number;
      readonly error: string;
    }
  /** It delivered wrong bytes, and is not asked again. */
  | { readonly kind: 'banned'; readonly error: string };

/** What the pool needs of the platform. */
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
  /** Told, in one line, when a mirror is set aside or convicted. */
  readonly note?: (line: string) => void;
}

const MiB = 1024 * 1024;
/** Four connections are fewer than a browser opens. With 16 MiB on the way, Node stays under 130 MB (scripts/bench-download.mjs). */
const DEFAULTS = { connections: 4, window: 16 * MiB, idleTimeout: 30_000, note: () => {} };
const LEAST_WINDOW = 4 * MiB;
const FIRST_BACKOFF = 500;
const LONGEST_BACKOFF = 60_000;
/** A rate older than this says nothing, and the mirror is tried anew. */
const RATE_LASTS = 60_000;
/** Less than this tells the distance to a server, not its rate. The first segment in the least window is as large. */
const LEAST_MEASURE = { bytes: 128 * 1024, milliseconds: 1000 };

/** One place that has the whole tree. Changed by its pool alone. */
export class Mirror {
  /** An http or https URL that ends in `/`. */
  readonly base: string;
  health: MirrorHealth = { kind: 'healthy' };
  /** Requests to it that run now. */
  busy = 0;
  /** Bytes a second of one connection, smoothed, and when that was known. */
  measured: { readonly rate: number; readonly at: number } | undefined;

  constructor(base: string) {
    this.base = asBase(base);
  }

  /** The URL of a file below the base. Throws `bad-repository` for a path that leads anywhere else. */
  url(path: string): string {
    const url = URL.canParse(path, this.base) ? new URL(path, this.base) : undefined;
    if (!url?.href.startsWith(this.base) || url.search !== '' || url.hash !== '') {
      throw new Failure(
        'bad-repository',
        `The repository names a file outside of itself: '${path.slice(0, 200)}'.`,
        'Use another mirror, and tell whoever runs this one.',
      );
    }
    return url.href;
  }
}

/** The mirrors of one tree: which may be asked, how they serve, and how many connections each has. */
export class MirrorPool {
  /** In the order they were given: the first is the one whose "not found" is believed. */
  readonly mirrors: readonly Mirror[];
  readonly ports: PoolDependencies;
  readonly idleTimeout: number;
  /** Blocks of memory that its downloads share. */
  readonly spare = new BlockPool();
  readonly #settings: Required<PoolSettings>;
  readonly #listeners = new Set<() => void>();
  #downloads = 0;

  /** Throws `usage` for a base that is no http or https URL, or when there is none. */
  constructor(bases: readonly string[], ports: PoolDependencies, settings: PoolSettings = {}) {
    this.mirrors = [...new Set(bases.map(asBase))].map((base) => new Mirror(base));
    if (this.mirrors.length === 0) {
      throw new Failure('usage', 'There is no mirror to fetch from.', 'Name one with --mirror.');
    }
    this.ports = ports;
    this.#settings = { ...DEFAULTS, ...settings };
    this.idleTimeout = this.#settings.idleTimeout;
  }

  /** Called whenever a connection is free again or a mirror's health changed. Returns how to end it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A download begins: from now on it has its share of the window and of the connections. Returns how to end it. */
  join(): () => void {
    this.#downloads += 1;
    return () => {
      this.#downloads -= 1;
      this.#changed();
    };
  }

  /** What one download may use now: bytes of window, and connections to each mirror. */
  get share(): { readonly window: number; readonly connections: number } {
    const downloads = Math.max(1, this.#downloads);
    const { window } = this.#settings;
    return {
      window: Math.max(Math.min(LEAST_WINDOW, window), Math.floor(window / downloads)),
      connections: Math.ceil(this.#settings.connections / downloads),
    };
  }

  /** Whether a mirror may be asked now: it is not aside, and has a connection free. */
  isAvailable(mirror: Mirror): boolean {
    return (
      mirror.busy < this.#settings.connections && this.availableAt(mirror) <= this.ports.clock.now()
    );
  }

  /** When a mirror may be asked again (`Clock.now`); Infinity for never. */
  availableAt({ health }: Mirror): number {
    if (health.kind === 'banned') return Number.POSITIVE_INFINITY;
    return health.kind === 'backing-off' ? health.until : 0;
  }

  /** Takes a connection to a mirror. Returns how to give it back. */
  connect(mirror: Mirror): () => void {
    mirror.busy += 1;
    return () => {
      mirror.busy -= 1;
      this.#changed();
    };
  }

  /** Bytes a second that one connection to the mirror brings, if that was measured lately. */
  rate({ measured }: Mirror): number | undefined {
    return measured && this.ports.clock.now() - measured.at < RATE_LASTS
      ? measured.rate
      : undefined;
  }

  /** A request brought so many bytes in so many milliseconds. */
  measure(mirror: Mirror, bytes: number, milliseconds: number): void {
    if (bytes < LEAST_MEASURE.bytes && milliseconds < LEAST_MEASURE.milliseconds) return;
    // Never nothing: shares are made of rates, and none can be made of zeros.
    const now = Math.max(1, (bytes * 1000) / Math.max(1, milliseconds));
    const before = this.rate(mirror);
    const rate = before === undefined ? now : 0.6 * before + 0.4 * now;
    mirror.measured = { rate, at: this.ports.clock.now() };
  }

  /** A request came to its end: the mirror is well. */
  succeeded(mirror: Mirror): void {
    if (mirror.health.kind === 'backing-off') this.#set(mirror, { kind: 'healthy' });
  }

  /**
   * A request that began then (`Clock.now`) failed: the mirror is set aside, each time in a row for twice as
   * long, with jitter, or for as long as it asked. Several requests lost to one event count once.
   */
  failed(mirror: Mirror, began: number, error: string, retryAfter?: number): void {
    const { health } = mirror;
    if (health.kind === 'banned') return;
    const now = this.ports.clock.now();
    const before = health.kind === 'backing-off' ? health : undefined;
    const sameEvent = before !== undefined && began < before.since;
    const failures = (before?.failures ?? 0) + (sameEvent ? 0 : 1);
    const wait = retryAfter ?? this.backoff(failures);
    const until = Math.max(now + wait, before?.until ?? 0);
    if (before === undefined || wait > this.idleTimeout) {
      this.#settings.note(
        `${mirror.base}: ${error}; set aside for ${((until - now) / 1000).toFixed(1)} s`,
      );
    }
    this.#set(mirror, { kind: 'backing-off', until, failures, since: now, error });
  }

  /** The mirror delivered bytes that are not what the repository promises: nothing more is taken from it. */
  ban(mirror: Mirror, error: string): void {
    this.#settings.note(`${mirror.base}: ${error}; not used any more`);
    this.#set(mirror, { kind: 'banned', error });
  }

  /** Milliseconds to wait after so many failures in a row: doubled each time, the half of it by chance. */
  backoff(failures: number): number {
    const most = Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** Math.max(0, failures - 1));
    return most * (0.5 + this.ports.random() / 2);
  }

  /** Resolves when something changed, at that time (`Clock.now`) at the latest. */
  async change(until: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const over = new AbortController();
    const abort = () => over.abort();
    const end = this.onChange(abort);
    signal?.addEventListener('abort', abort);
    const { clock } = this.ports;
    await clock.sleep(Math.max(0, until - clock.now()), over.signal).catch(() => {});
    signal?.removeEventListener('abort', abort);
    end();
    signal?.throwIfAborted();
  }

  #set(mirror: Mirror, health: MirrorHealth): void {
    mirror.health = health;
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** A base URL of a mirror, checked, with its slash at the end. Throws `usage`. */
export function asBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const secret = url !== undefined && (url.username !== '' || url.password !== '');
  if (!url || secret || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new Failure(
      'usage',
      // A password that was given must not come back in a message.
      secret ? 'A mirror cannot have a user or a password.' : `'${text}' is not a mirror.`,
      'A mirror is an http or https URL, such as https://repo.openeuler.org/.',
    );
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}
