import { type Download, download } from '../../download/download.ts';
import type { Mirror, MirrorPool } from '../../download/mirrors.ts';
import type { KernelPackage } from '../../sources/kernels.ts';

/** A package is downloaded at most so often before its bytes are taken to be wrong everywhere. */
const DOWNLOADS = 3;

/**
 * Downloads one package, and again when its bytes were wrong: then whole from one mirror, so that its checksum
 * says whether that mirror is right.
 */
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

  /** Whether another download may bring other bytes, after all so far were wrong. */
  get canTryAgain(): boolean {
    return this.#downloads.length < DOWNLOADS && this.#nextMirror !== undefined;
  }

  /**
   * Starts a download: from all mirrors, and after wrong bytes from one that did not serve them alone.
   * @param ahead see `DownloadOptions`
   */
  fetch(ahead?: number): Download {
    const { locations, size } = this.#kernel;
    const only = this.#downloads.length === 0 ? undefined : this.#nextMirror;
    const avoid = only && new Set(this.#pool.mirrors.filter((mirror) => mirror !== only));
    const signal = this.#signal;
    const next = download(this.#pool, { path: locations[0], size }, { signal, avoid, ahead });
    this.#downloads.push(next);
    return next;
  }

  /** Which mirrors served the last download, for a message. */
  get servedBy(): string {
    const mirrors = [...(this.#downloads.at(-1)?.servedBy ?? [])].map(({ base }) => base);
    return mirrors.join(' and ') || 'no mirror';
  }

  /**
   * The last download was right. Mirrors that served wrong bytes before are not used again in this run: one that
   * served a whole wrong download, or else all that served one together, without the one that is right now.
   */
  confirm(): void {
    const right = this.#downloads.at(-1)?.servedBy;
    const wrong = this.#downloads.slice(0, -1).map(({ servedBy }) => servedBy);
    const alone = wrong.filter(({ size }) => size === 1).flatMap((served) => [...served]);
    const suspects = alone.length > 0 ? alone : wrong.flatMap((served) => [...served]);
    // A mirror that has the bytes right this time is not accused: they changed on the way.
    const accused = [...new Set(suspects)].filter((mirror) => !right?.has(mirror));
    for (const mirror of accused) {
      const others = accused.filter((other) => other !== mirror).map(({ base }) => base);
      const doubt =
        alone.length > 0 || others.length === 0 ? '' : `, or ${others.join(' or ')} did`;
      this.#pool.ban(mirror, `served wrong bytes of ${this.#kernel.nvra}${doubt}`);
    }
  }

  /** The mirror for a whole download: one that did not serve the wrong bytes, else the quickest. */
  get #nextMirror(): Mirror | undefined {
    const wrong = this.#downloads.map(({ servedBy }) => servedBy);
    const usable = this.#pool.mirrors.filter(
      (mirror) => this.#pool.availableAt(mirror) < Number.POSITIVE_INFINITY,
    );
    // The only mirror there is gets a second try: the bytes may have changed on the way.
    const candidates =
      usable.length === 1 && wrong.length === 1
        ? usable
        : usable.filter(
            (mirror) => !wrong.some((served) => served.size === 1 && served.has(mirror)),
          );
    const rank = (mirror: Mirror) => [
      wrong.some((served) => served.has(mirror)) ? 1 : 0,
      mirror.health.kind === 'healthy' ? 0 : 1,
      -(this.#pool.rate(mirror) ?? 0),
    ];
    return candidates.toSorted((one, other) => {
      const [a, b] = [rank(one), rank(other)];
      return a.map((value, index) => value - (b[index] as number)).find((sign) => sign !== 0) ?? 0;
    })[0];
  }
}
