import { type Download, download } from '../../download/download.ts';
import { describeDisagreement, nextToAvoid } from '../../download/elsewhere.ts';
import { guilty, type History } from '../../download/history.ts';
import type { Mirror, MirrorPool } from '../../download/mirrors.ts';
import type { KernelPackage } from '../../sources/kernels.ts';

/** Brings one package, again if need be, and knows who brought what. */
export class Courier {
  readonly #pool: MirrorPool;
  readonly #kernel: KernelPackage;
  readonly #signal: AbortSignal;
  readonly #downloads: Download[] = [];

  constructor(pool: MirrorPool, kernel: KernelPackage, signal: AbortSignal) {
    this.#pool = pool;
    this.#kernel = kernel;
    this.#signal = signal;
  }

  /** Where the package is at the first mirror: for the record, whoever served it. */
  get url(): string {
    const [first] = this.#pool.mirrors as readonly [Mirror, ...Mirror[]];
    return first.url(this.#kernel.locations[0]);
  }

  /** Whether there is use in fetching again what came wrong every time so far. */
  get canTryAgain(): boolean {
    return nextToAvoid(this.#pool, this.#histories) !== undefined;
  }

  /** Sets out; after wrong bytes without the mirrors that may have served them. */
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

  /** Who served what was fetched last, and where it differs from what came before, for a message. */
  get servedBy(): string {
    const mirrors = [...(this.#histories.at(-1)?.mirrors ?? [])].map(({ base }) => base);
    const difference = describeDisagreement(this.#histories);
    return `${mirrors.join(' and ') || 'no mirror'}${difference ? ` (${difference})` : ''}`;
  }

  get #histories(): readonly History[] {
    return this.#downloads.map(({ history }) => history);
  }

  /** What was fetched last is right: mirrors that served something else before are not asked again. */
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
