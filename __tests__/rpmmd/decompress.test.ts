import { execFileSync } from 'node:child_process';
import { systemPrograms } from '../../src/platform/programs.ts';
import { decompress } from '../../src/rpmmd/decompress.ts';
import { bytes } from '../download/conditions.ts';

const programs = systemPrograms(process.env);
/** Half of it compresses and half does not. */
const plain = Buffer.concat([Buffer.alloc(300_000, '<package/>'), bytes(300_000)]);
const pack = (program: string, ...args: string[]) =>
  execFileSync(program, args, { input: plain, maxBuffer: 2 ** 26 });

const PACKED: readonly [string, Buffer][] = [
  ['gz', pack('gzip', '-c')],
  ['zst', pack('zstd', '-qc')],
  ['xz', pack('xz', '-c')],
  ['bz2', pack('bzip2', '-c')],
];

/** In pieces as a network brings them, the first ones shorter than any magic. */
async function* arriving(data: Buffer) {
  yield data.subarray(0, 1);
  yield data.subarray(1, 3);
  for (let at = 3; at < data.length; at += 16_384) yield data.subarray(at, at + 16_384);
}

async function unpack(data: Buffer, most = plain.length) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(arriving(data), programs, 'http://m/primary', most)) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

test.each([...PACKED, ['plain', plain] as const])(
  '%s comes out as it went in',
  async (_kind, data) => {
    expect((await unpack(data)).equals(plain)).toBe(true);
  },
);

test.each(PACKED)('%s that is cut off is refused by name', async (_kind, data) => {
  for (const length of [7, 40, Math.floor(data.length / 2), data.length - 1]) {
    await expect(unpack(data.subarray(0, length))).rejects.toMatchObject({
      reason: 'bad-repository',
      message: expect.stringContaining('http://m/primary cannot be unpacked'),
    });
  }
});

test.each(PACKED)('%s with a flipped byte in it is refused by name', async (_kind, data) => {
  const damaged = Buffer.from(data);
  const middle = Math.floor(data.length / 2);
  damaged[middle] = (damaged[middle] ?? 0) ^ 0x55;
  await expect(unpack(damaged)).rejects.toMatchObject({ reason: 'bad-repository' });
});

test.each(PACKED)('%s that grows beyond what it may is stopped', async (_kind, data) => {
  await expect(unpack(data, 500_000)).rejects.toThrow('more than the 500000 bytes it may have');
});

test('a connection that breaks keeps its own reason', async () => {
  async function* broken() {
    yield PACKED[0]?.[1].subarray(0, 1000) ?? Buffer.alloc(0);
    throw new RangeError('the line is dead');
  }
  const reading = (async () => {
    for await (const _ of decompress(broken(), programs, 'x', 1e9));
  })();
  await expect(reading).rejects.toThrow('the line is dead');
});

test('a missing program is named with its package', async () => {
  const without = systemPrograms({ PATH: '/nonexistent' });
  const reading = (async () => {
    for await (const _ of decompress(arriving(pack('xz', '-c')), without, 'x', 1e9));
  })();
  await expect(reading).rejects.toMatchObject({
    reason: 'missing-program',
    advice: expect.stringContaining('xz-utils'),
  });
});
