import { createHash } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemPrograms } from '../../src/platform/programs.ts';

const programs = systemPrograms(process.env);
const NUMBERS = { program: 'seq', args: ['1', '3000000'] };

/** Runs a body with a temporary folder of its own, and gives what is left in it. */
async function leftBehind(body: () => Promise<void>): Promise<readonly string[]> {
  const { TMPDIR } = process.env;
  const folder = await mkdtemp(join(tmpdir(), 'pour-'));
  process.env.TMPDIR = folder;
  try {
    await body();
    return await readdir(folder);
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    await rm(folder, { recursive: true });
  }
}

test('what is poured are the bytes that the program wrote, in order, all of them before it has ended', async () => {
  const { stdout } = await programs.run(NUMBERS);
  const hash = createHash('sha256');
  let size = 0;
  const pouring = await programs.pour(NUMBERS, (bytes) => {
    hash.update(bytes);
    size += bytes.length;
  });
  expect(await pouring.ended).toMatchObject({ status: 0, signal: null });
  expect(size).toBe(stdout.length);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(stdout).digest('hex'));
});

test('the same memory is used again for every piece', async () => {
  const memories = new Set<ArrayBufferLike>();
  const pouring = await programs.pour(NUMBERS, (bytes) => memories.add(bytes.buffer));
  await pouring.ended;
  expect(memories.size).toBe(1);
});

test('what goes in comes out', async () => {
  let text = '';
  const pouring = await programs.pour({ program: 'tr', args: ['a-z', 'A-Z'] }, (bytes) => {
    text += Buffer.from(bytes).toString('utf8');
  });
  pouring.stdin.end('kernel');
  await pouring.ended;
  expect(text).toBe('KERNEL');
});

test('a program that fails says how', async () => {
  const pouring = await programs.pour({ program: 'ls', args: ['/nowhere'] }, () => {});
  const { status, stderr } = await pouring.ended;
  expect(status).not.toBe(0);
  expect(stderr).toContain('/nowhere');
});

test('one that is killed in the middle of its output ends', async () => {
  const pouring = await programs.pour({ program: 'yes', args: [] }, () => pouring.kill());
  expect(await pouring.ended).toMatchObject({ signal: 'SIGKILL' });
});

test('a missing program is named, and no way of pouring leaves a file', async () => {
  const left = await leftBehind(async () => {
    await expect(programs.pour({ program: 'no-such', args: [] }, () => {})).rejects.toMatchObject({
      reason: 'missing-program',
    });
    await (await programs.pour(NUMBERS, () => {})).ended;
  });
  expect(left).toEqual([]);
});

test('a path too long for a socket is no obstacle', async () => {
  const { TMPDIR } = process.env;
  process.env.TMPDIR = `/${'t'.repeat(120)}`;
  try {
    let size = 0;
    await (await programs.pour(NUMBERS, (bytes) => (size += bytes.length))).ended;
    expect(size).toBeGreaterThan(1e7);
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
});

test('a program that writes little at a time is not read as often as it writes', async () => {
  const args = ['if=/dev/zero', 'bs=1k', 'count=20000', 'status=none'];
  let [pieces, bytes] = [0, 0];
  const pouring = await programs.pour({ program: 'dd', args }, ({ length }) => {
    pieces += 1;
    bytes += length;
  });
  pouring.stdin.end();
  await pouring.ended;
  expect(bytes).toBe(20_000 * 1024);
  // About 200 of them; without the waits, 7,000.
  expect(pieces).toBeLessThan(2000);
});

test('what a program writes into a file is seen on its heels, in order, all of it before it has ended', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pour-'));
  const path = join(folder, 'numbers');
  const file = await open(path, 'wx+');
  try {
    const hash = createHash('sha256');
    const memories = new Set<ArrayBufferLike>();
    let early = 0;
    const see = (bytes: Uint8Array) => {
      early = early || bytes.length;
      hash.update(bytes);
      memories.add(bytes.buffer);
      // It waits for this line, so that what it wrote before must have been seen while it ran.
      if (!pouring?.stdin.writableEnded) pouring?.stdin.end('go on\n');
    };
    const script = 'echo first; read -r line; seq 1 300000; echo "$line"';
    const invocation = { program: 'bash', args: ['-c', script] };
    const pouring = await programs.pour(invocation, see, file.fd);
    expect(await pouring.ended).toMatchObject({ status: 0 });
    const all = await readFile(path);
    expect(all.subarray(-7).toString()).toBe('\ngo on\n');
    expect(early).toBe('first\n'.length);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(all).digest('hex'));
    expect(memories.size).toBe(1);
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
});

test('a file that cannot be read is an error in the end, and not amidst of everything', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pour-'));
  const file = await open(join(folder, 'numbers'), 'wx');
  try {
    const pouring = await programs.pour(NUMBERS, () => {}, file.fd);
    await expect(pouring.ended).rejects.toMatchObject({ code: 'EBADF' });
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
});
