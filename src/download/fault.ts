import { describe, Failure, isSystemError } from '../failure.ts';
import type { HttpResponse } from '../platform/http.ts';
import { retryAfter } from '../platform/retry-after.ts';
import type { Mirror } from './mirrors.ts';

/**
 * What to do with a mirror after one of its answers was no good:
 * `again`: it may serve later; `never`: it does not have this file;
 * `whole`: it has it, but without ranges.
 */
export type Treatment = 'again' | 'never' | 'whole';

/** One answer of one mirror that was no good; the caller tries elsewhere. It never leaves this folder. */
export class Fault extends Error {
  readonly treatment: Treatment;
  /** Milliseconds that the server asked us to wait (Retry-After). */
  readonly retryAfter: number | undefined;

  constructor(treatment: Treatment, message: string, retryAfter?: number) {
    super(message);
    this.treatment = treatment;
    this.retryAfter = retryAfter;
  }
}

/** Whatever a request or a body threw, as a fault that may be gone the next time. */
export function asFault(thrown: unknown): Fault {
  return thrown instanceof Fault ? thrown : new Fault('again', networkError(thrown));
}

/** The message of a network error; Node gives none when several addresses of a host refused. */
function networkError(thrown: unknown): string {
  const known = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH'];
  return describe(thrown) || (known.find((code) => isSystemError(thrown, code)) ?? 'no connection');
}

const PASSING = [408, 421, 425, 429];

/** The fault that an answer's status is, unless it is one of `fine`. `date` is today, for a Retry-After that is a date. */
export function statusFault(
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
  fine: readonly number[],
  date: Date,
): Fault | undefined {
  if (fine.includes(status)) return undefined;
  const passing = status >= 500 || PASSING.includes(status);
  const wait = passing ? retryAfter(headers['retry-after'], date) : undefined;
  const asked = wait === undefined ? '' : `, to be asked again in ${Math.ceil(wait / 1000)} s`;
  return new Fault(passing ? 'again' : 'never', `status ${status}${asked}`, wait);
}

/** The failure of a file that no mirror delivered, with what each of them did. */
export function unreachable(
  path: string,
  mirrors: readonly (readonly [mirror: Mirror, error: string | undefined])[],
): Failure {
  const each = mirrors.map(([{ base, standing }, error]) => {
    const known = standing.kind === 'serving' ? 'not tried' : standing.error;
    return `${base}: ${error ?? known}`;
  });
  return new Failure(
    'network',
    `No mirror could deliver '${path}' (${each.join('; ')}).`,
    'Check the network and the proxy variables, try again later, or name other mirrors with --mirror.',
  );
}
