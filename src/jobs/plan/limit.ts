import type { KernelPackage } from '../../sources/kernels.ts';

/** How much one run may take on; each is a bound of its own. */
export interface Limits {
  readonly kernels?: number;
  /** Of packages to download. */
  readonly bytes?: number;
  /** Of work on one machine, estimated. */
  readonly minutes?: number;
}

const UNITS = {
  kB: ['bytes', 1e3],
  MB: ['bytes', 1e6],
  GB: ['bytes', 1e9],
  TB: ['bytes', 1e12],
  min: ['minutes', 1],
  h: ['minutes', 60],
} as const;

/** `20` (kernels), `20GB` (to download), `90min` or `6h` (of work). Throws an Error that says what would do. */
export function parseLimit(word: string): Limits {
  const [, digits, unit] = /^([1-9]\d{0,8}(?:\.\d{1,3})?)(kB|MB|GB|TB|min|h)?$/.exec(word) ?? [];
  if (digits === undefined || (unit === undefined && digits.includes('.'))) {
    throw new Error(`'${word}' is no limit: give kernels (20), bytes (20GB) or time (90min, 6h).`);
  }
  if (unit === undefined) return { kernels: Number(digits) };
  const [kind, factor] = UNITS[unit as keyof typeof UNITS];
  return { [kind]: Number(digits) * factor };
}

/** Of several limits of one kind the tightest. */
export function tightest(limits: readonly Limits[]): Limits {
  const of = (kind: keyof Limits) => {
    const values = limits.flatMap((limit) => limit[kind] ?? []);
    return values.length > 0 ? { [kind]: Math.min(...values) } : {};
  };
  return { ...of('kernels'), ...of('bytes'), ...of('minutes') };
}

/** A kernel's own share, however small the package: starting programs, pahole, compression. */
const FIXED_SECONDS = 10;
/** What a hosted runner decodes of a w2.xzdio package, with xz 5.8; the network is taken to keep up. */
const BYTES_A_SECOND = 12e6;

/** Seconds that one machine works on a package of so many bytes, by and large. */
export function estimatedSeconds(size: number): number {
  return FIXED_SECONDS + size / BYTES_A_SECOND;
}

/**
 * The kernels that fit into the limits, newest build first, in their given order. The first one
 * always fits: a limit that is smaller than a kernel must not keep the archive from ever being complete.
 */
export function withinLimits(
  kernels: readonly KernelPackage[],
  limits: Limits,
): readonly KernelPackage[] {
  const { kernels: most = Infinity, bytes = Infinity, minutes = Infinity } = limits;
  const newestFirst = [...kernels].sort((one, two) => two.builtAt - one.builtAt);
  const taken = new Set<KernelPackage>();
  let size = 0;
  let seconds = 0;
  for (const kernel of newestFirst) {
    size += kernel.size;
    seconds += estimatedSeconds(kernel.size);
    const fits = taken.size < most && size <= bytes && seconds <= minutes * 60;
    if (!fits && taken.size > 0) break;
    taken.add(kernel);
  }
  return kernels.filter((kernel) => taken.has(kernel));
}
