import { bytesToRead, type KernelPackage } from '../../sources/kernels.ts';

/** Upper bounds for one run; all that are set apply. */
export interface Limits {
  readonly kernels?: number;
  /** Bytes of packages to download. */
  readonly bytes?: number;
  /** Estimated minutes of work on one machine. */
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

/** Reads `20` (kernels), `20GB` (to download), `90min` or `6h` (of work). Throws an Error with the valid forms. */
export function parseLimit(word: string): Limits {
  const [, digits, unit] = /^([1-9]\d{0,8}(?:\.\d{1,3})?)(kB|MB|GB|TB|min|h)?$/.exec(word) ?? [];
  if (digits === undefined || (unit === undefined && digits.includes('.'))) {
    throw new Error(`'${word}' is no limit: give kernels (20), bytes (20GB) or time (90min, 6h).`);
  }
  if (unit === undefined) return { kernels: Number(digits) };
  const [kind, factor] = UNITS[unit as keyof typeof UNITS];
  return { [kind]: Number(digits) * factor };
}

/** The smallest limit of each kind. */
export function tightest(limits: readonly Limits[]): Limits {
  const of = (kind: keyof Limits) => {
    const values = limits.flatMap((limit) => limit[kind] ?? []);
    return values.length > 0 ? { [kind]: Math.min(...values) } : {};
  };
  return { ...of('kernels'), ...of('bytes'), ...of('minutes') };
}

/** Seconds for each kernel that do not depend on its size: starting programs, pahole, compression. */
const FIXED_SECONDS = 10;
/** Bytes a second of a w2.xzdio package that xz 5.8 decodes on a hosted runner; the network is assumed to keep up. */
const BYTES_A_SECOND = 12e6;

/** The same for a kernel whose BTF is taken out of its boot image. */
const FIXED_SECONDS_EMBEDDED = 3;

/** Seconds more where the BTF of modules is merged: pahole on their DWARF, or only the reading of their BTF. */
const MODULE_SECONDS = { dwarf: 6, embedded: 2 } as const;

/** Estimated seconds of work for one kernel. */
export function estimatedSeconds(kernel: KernelPackage): number {
  const own = kernel.method === 'dwarf' ? FIXED_SECONDS : FIXED_SECONDS_EMBEDDED;
  const fixed = own + (kernel.modules === undefined ? 0 : MODULE_SECONDS[kernel.method]);
  return fixed + bytesToRead(kernel) / BYTES_A_SECOND;
}

/**
 * Chooses the newest kernels that fit within the limits, and returns them in the given order. One
 * kernel is always chosen: otherwise a limit smaller than a kernel would block it for ever.
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
    size += bytesToRead(kernel);
    seconds += estimatedSeconds(kernel);
    const fits = taken.size < most && size <= bytes && seconds <= minutes * 60;
    if (!fits && taken.size > 0) break;
    taken.add(kernel);
  }
  return kernels.filter((kernel) => taken.has(kernel));
}
