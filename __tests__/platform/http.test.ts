import { Readable } from 'node:stream';
import { readBody } from '../../src/platform/http.ts';
import { StillClock } from '../download/conditions.ts';

const exceeded = (why: string) => new RangeError(`The body ${why}.`);
const bodyOf = (...chunks: string[]) =>
  Readable.from(
    chunks.map((text) => Buffer.from(text)),
    { objectMode: false },
  );

test('a body within its limit comes as it was sent', async () => {
  const bytes = await readBody(bodyOf('abc', 'defg'), { bytes: 7, exceeded });
  expect(bytes.toString()).toBe('abcdefg');
});

test('an empty body is an empty buffer', async () => {
  expect(await readBody(bodyOf(), { bytes: 0, exceeded })).toHaveLength(0);
});

test('a body with a byte too many is refused, and not read further', async () => {
  let made = 0;
  async function* endless() {
    for (;;) {
      made += 1;
      yield Buffer.alloc(10);
    }
  }
  const body = Readable.from(endless(), { objectMode: false, highWaterMark: 10 });
  await expect(readBody(body, { bytes: 99, exceeded })).rejects.toThrow('has more than 99 bytes');
  expect(body.destroyed).toBe(true);
  expect(made).toBeLessThan(20);
});

test('a body that never ends is refused when its time is over', async () => {
  const clock = new StillClock();
  const body = new Readable({ read: () => {} });
  body.push(Buffer.from('a'));
  const read = readBody(body, { bytes: 10, time: { clock, milliseconds: 5000 }, exceeded });
  clock.pass(5000);
  await expect(read).rejects.toThrow('took longer than 5 s');
  expect(body.destroyed).toBe(true);
});

test('an error of the stream stays what it is', async () => {
  const body = new Readable({ read: () => {} });
  const read = readBody(body, { bytes: 10, exceeded });
  body.destroy(new Error('reset'));
  await expect(read).rejects.toThrow('reset');
});
