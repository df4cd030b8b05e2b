import { guilty } from '../../download/history.ts';
import type { Mirror, MirrorPool } from '../../download/mirrors.ts';
import { type Download, download } from '../../download/package.ts';
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

  /** Sets out; after the first time without the mirrors that served before, if there are others. */
  fetch(): Download {
    const { locations, size } = this.#kernel;
    const served = new Set(this.#downloads.flatMap(({ history }) => [...history.mirrors]));
    const others = this.#pool.mirrors.some(
      (mirror) => !served.has(mirror) && mirror.standing.kind !== 'convicted',
    );
    const resource = { path: locations[0], size };
    const next = download(this.#pool, resource, {
      signal: this.#signal,
      avoid: others ? served : undefined,
      after: this.#downloads.map(({ history }) => history),
    });
    this.#downloads.push(next);
    return next;
  }

  /** Who served what was fetched last, for a message. */
  get servedBy(): string {
    const mirrors = [...(this.#downloads.at(-1)?.history.mirrors ?? [])];
    return mirrors.map(({ base }) => base).join(' and ') || 'no mirror';
  }

  /** What was fetched last is right: mirrors that served something else before are not asked again. */
  confirm(): void {
    const right = this.#downloads.at(-1);
    if (!right) return;
    for (const wrong of this.#downloads.slice(0, -1)) {
      for (const mirror of guilty(wrong.history, right.history)) {
        this.#pool.convict(mirror, `served wrong bytes of ${this.#kernel.nvra}`);
      }
    }
  }
}
