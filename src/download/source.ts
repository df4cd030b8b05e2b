import { Fault } from './fault.ts';
import type { Mirror } from './mirrors.ts';
import { difference, type Version } from './range.ts';

/** What one mirror can do for one download. */
export type Use =
  | { readonly kind: 'ranges' }
  /** It serves the file from its first byte on only. */
  | { readonly kind: 'whole' }
  /** It does not have the file, or failed too often in a row. */
  | { readonly kind: 'none' };

/** Failures in a row, without much of a byte between, after which a download leaves a mirror. */
const STRIKES = 8;

/** One mirror as one download sees it. */
export class Source {
  readonly mirror: Mirror;
  use: Use = { kind: 'ranges' };
  /** Requests of this download that run now. */
  busy = 0;
  lastError: string | undefined;
  #first: Version | undefined;
  #strikes = 0;
  #struckAt = 0;

  constructor(mirror: Mirror) {
    this.mirror = mirror;
  }

  /** Holds a version against the first one that this mirror showed. Throws a `Fault` when it is another. */
  recognise(version: Version): void {
    this.#first ??= version;
    const other = difference(this.#first, version);
    if (other !== undefined)
      throw new Fault('again', `the file changed while it was read: ${other}`);
  }

  succeeded(): void {
    this.#strikes = 0;
  }

  /** A request that began then failed now; several lost to one event count once. */
  failed(fault: Fault, began: number, now: number): void {
    this.lastError = fault.message;
    if (fault.treatment === 'whole') this.use = { kind: 'whole' };
    if (fault.treatment === 'never') this.use = { kind: 'none' };
    if (fault.treatment !== 'again' || began < this.#struckAt) return;
    this.#struckAt = now;
    this.#strikes += 1;
    if (this.#strikes >= STRIKES) this.use = { kind: 'none' };
  }
}
