import fc from 'fast-check';
import { BlockPool, FileBuffer } from '../../src/download/window.ts';
import { bytes } from './conditions.ts';

const FILE = bytes(5000);

test('what was written anywhere is read until it is forgotten, in blocks of any size', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), lengths, lengths, (size, writes, reads) => {
      const memory = new FileBuffer(new BlockPool(size));
      let written = 0;
      let read = 0;
      for (const [index, length] of writes.entries()) {
        memory.write(written, FILE.subarray(written, written + length));
        written += length;
        const end = Math.min(written, read + (reads[index] as number));
        while (read < end) {
          memory.forget(read);
          const piece = memory.read(read, end);
          expect(piece.length).toBeGreaterThan(0);
          expect(piece.equals(FILE.subarray(read, read + piece.length))).toBe(true);
          read += piece.length;
        }
      }
    }),
  );
});

test('a long file passes through the memory of its window', () => {
  const spare = new BlockPool(64);
  const memory = new FileBuffer(spare);
  const used = new Set<ArrayBufferLike>();
  for (let at = 0; at + 128 <= FILE.length; at += 128) {
    memory.write(at, FILE.subarray(at, at + 128));
    memory.forget(at);
    used.add(memory.read(at, at + 64).buffer).add(memory.read(at + 64, at + 128).buffer);
  }
  expect(used.size).toBeLessThanOrEqual(4);
});

test('what one download let go serves the next one', () => {
  const spare = new BlockPool(64);
  const [one, next] = [new FileBuffer(spare), new FileBuffer(spare)];
  one.write(0, FILE.subarray(0, 64));
  const { buffer } = one.read(0, 64);
  one.forget(64);
  next.write(640, FILE.subarray(0, 64));
  expect(next.read(640, 704).buffer).toBe(buffer);
});
