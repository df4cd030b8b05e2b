import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Keeps V8's young generation as small as it is now. A stream would make it grow to 32 MB, of which
 * nothing is in use at any time: that is the better part of what one has Node take more than it needs.
 *
 * V8 would go through all of so small a heap five times a second, because what it may grow by is never more than
 * what it keeps free for the young. Told in percent of that when to begin, it does not ask; and the buffers that wait
 * for `collectAfter` count as well, so that 100 would be soon.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--incremental-marking-soft-trigger=200');
  setFlagsFromString('--incremental-marking-hard-trigger=300');
}

/** Bytes that passed from one collection to the next. */
const EVERY = 8 * 1024 * 1024;

let passed = 0;
let collector: ((options?: { type: 'minor' }) => void) | undefined;

/**
 * To be told of buffers that came and are not needed any more. V8 lets tens of megabytes of them lie
 * before it looks: they are outside of its heap, and little else is allocated that would set it off.
 * Asked for every 8 MiB, it finds them among the young, which takes it less than a millisecond.
 * (The heap is the process's: so is the count.)
 */
export function collectAfter(bytes: number): void {
  passed += bytes;
  if (passed < EVERY) return;
  passed = 0;
  collect({ type: 'minor' });
}

/** To be told that much was done with which is not young any more; takes a hundredth of a second. */
export function collectAll(): void {
  collect();
}

function collect(options?: { type: 'minor' }): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as NonNullable<typeof collector>;
  }
  collector(options);
}
