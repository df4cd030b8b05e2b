import { atLeast } from './version.ts';

const MIB = 1024 * 1024;

/**
 * What pahole takes at its peak, in bytes, for a vmlinux of that many bytes: an upper bound over
 * what was measured (docs/pahole.md), not an average. The file itself is mapped, and counted by
 * whoever keeps it in memory.
 */
export function paholeMemory(version: string, vmlinuxBytes: number, jobs: number): number {
  const parallel = atLeast(version, '1.29') ? 1 + 0.1 * (jobs - 1) : 1;
  return Math.round(128 * MIB + 0.75 * vmlinuxBytes * parallel);
}
