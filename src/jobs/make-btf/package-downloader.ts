import { type Download, download } from '../../download/download.ts';
import { describeDisagreement, nextToAvoid } from '../../download/elsewhere.ts';
import { guilty, type History } from '../../download/history.ts';
import type { Mirror, MirrorPool } from '../../download/mirrors.ts';
import type { KernelPackage } from '../../sources/kernels.ts';

/** Downloads one package, again if need be, and records which mirror served which bytes. */
export class PackageDownloader {
  readonly #pool: MirrorPool;
  readonly #kernel: KernelPackage;
  readonly #signal: AbortSignal;
  readonly #downloads: Download[] = [];

  constructor(pool: MirrorPool, kernel: KernelPackage, signal: AbortSignal) {
    this.#pool = pool;
    this.#kernel = kernel;
    this.#signal = signal;
  }

  /** The package's URL at the first mirror: what the record names, whichever mirror served it. */
  get url(): string {
    const [first] = this.#pool.mirrors as readonly [Mirror, ...Mirror[]];
    return first.url(this.#kernel.locations[0]);
  }

  /** Whether there is use in context again what came wrong every time so far. */
  get canTryAgain(): boolean {
    return nextToAvoid(this.#pool, this.#histories) !== undefined;
  }

  /** Starts a download; after wrong bytes, without the mirrors that may have served them. */
  fetch(): Download {
    const { locations, size } = this.#kernel;
    const resource = { path: locations[0], size };
    const next = download(this.#pool, resource, {
      signal: this.#signal,
      avoid: nextToAvoid(this.#pool, this.#histories),
      after: this.#histories,
    });
    this.#downloads.push(next);
    return next;
  }

  /** Which mirrors served the last download, and where it differs from those before, for a message. */
  get servedBy(): string {
    const mirrors = [...(this.#histories.at(-1)?.mirrors ?? [])].map(({ base }) => base);
    const difference = describeDisagreement(this.#histories);
    return `${mirrors.join(' and ') || 'no mirror'}${difference ? ` (${difference})` : ''}`;
  }

  get #histories(): readonly History[] {
    return this.#downloads.map(({ history }) => history);
  }

  /** The last download was right: mirrors that served other bytes before are not used again in this run. */
  confirm(): void {
    const right = this.#histories.at(-1);
    if (!right) return;
    for (const wrong of this.#histories.slice(0, -1)) {
      for (const mirror of guilty(wrong, right)) {
        this.#pool.ban(mirror, `served wrong bytes of ${this.#kernel.nvra}`);
      }
    }
  }
}
