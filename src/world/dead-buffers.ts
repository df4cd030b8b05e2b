import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes that passed from one collection to the next. */
const EVERY = 8 * 1024 * 1024;

let passed = 0;
let collect: (() => void) | undefined;

/**
 * To be told of bytes that nobody needs any more. V8 lets 64 MiB of dead buffers lie before it looks
 * for them: those of a stream grow old while they wait, and little else is allocated that would set
 * it off. Asked for every 8 MiB, it takes 10 ms, and Node's peak falls from 165 MB to 115 when it
 * reads a package. (The heap is the process's: so is the count.)
 */
export function collectAfter(bytes: number): void {
  passed += bytes;
  if (passed < EVERY) return;
  passed = 0;
  collect ??= exposeCollector();
  collect();
}

function exposeCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
