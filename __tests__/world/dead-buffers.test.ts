import { collectAfter } from '../../src/world/dead-buffers.ts';

const MiB = 1024 * 1024;
const CHUNK = 64 * 1024;

/** As a download does: takes a chunk, keeps it while 8 MiB of others come, and forgets it. */
function deliver(window: Buffer[], chunks: number): void {
  for (let index = 0; index < chunks; index++) {
    window.push(Buffer.alloc(CHUNK, 1));
    if (window.length > (8 * MiB) / CHUNK) collectAfter(window.shift()?.length ?? 0);
  }
}

test('of what a window held never much more than 16 MiB lies around', () => {
  const window: Buffer[] = [];
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let round = 0; round < 400; round++) {
    deliver(window, 16);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most / MiB).toBeLessThan(8 + 16 + 8);
});
