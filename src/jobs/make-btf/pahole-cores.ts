/** Kernels of a run that are not finished. */
export interface Unfinished {
  /** In work now, the kernel that asks included. */
  readonly working: number;
  /** Not started yet. */
  readonly waiting: number;
}

/**
 * How many cores a pahole may use that is about to start: an equal share of the machine. When no kernel waits it gets
 * two shares, because each kernel that finishes leaves its core free and pahole never takes more than it started with.
 */
export function paholeCores({ working, waiting }: Unfinished, cores: number): number {
  const shares = waiting === 0 ? 2 : 1;
  return Math.min(cores, Math.max(1, Math.floor((shares * cores) / working)));
}
