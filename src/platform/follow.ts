import { readSync } from 'node:fs';

/** At most so much is read in one go. */
const BUFFER = 256 * 1024;

/** Milliseconds between two looks: what a decoder writes meanwhile is still in the processor's cache. */
const EVERY = 20;

/**
 * Reads what another process writes to an open file, on its heels, from the beginning.
 * @param push gets views into a buffer that is used again: whoever keeps bytes copies them. It must not throw.
 */
export function follow(
  file: number,
  push: (bytes: Uint8Array) => void,
): {
  /** To be called when nothing more is written: reads what is left. Throws what kept the file from being read. */
  finish(): void;
} {
  const buffer = Buffer.allocUnsafe(BUFFER);
  let at = 0;
  const catchUp = () => {
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, at);
      if (count === 0) return;
      at += count;
      push(buffer.subarray(0, count));
    }
  };
  let broken: { readonly by: unknown } | undefined;
  const timer = setInterval(() => {
    try {
      catchUp();
    } catch (by) {
      broken = { by };
      clearInterval(timer);
    }
  }, EVERY);
  return {
    finish: () => {
      clearInterval(timer);
      if (broken !== undefined) throw broken.by;
      catchUp();
    },
  };
}
