import { collectAfter } from '../../src/platform/heap.ts';

const MiB = 1024 * 1024;
const CHUNK = 64 * 1024;

/** As a download gets them from a socket: each is copied and forgotten. */
function receive(chunks: number): void {
  for (let index = 0; index < chunks; index++) collectAfter(Buffer.alloc(CHUNK, 1).length);
}

test('of buffers that are forgotten at once far fewer lie around than the 32 MiB that V8 would leave', () => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let round = 0; round < 400; round++) {
    receive(16);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most / MiB).toBeLessThan(20);
});
