import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/platform/clock.ts';
import { type Pouring, systemPrograms } from '../../src/platform/programs.ts';
import { silent } from '../../src/report/progress.ts';
import { paholeArguments } from '../../src/toolchain/pahole-arguments.ts';
import { prepareToolchain } from '../../src/toolchain/prepare.ts';
import { parseSource } from '../../src/toolchain/sources.ts';
import { decodeCommand } from '../../src/toolchain/xz.ts';
import { temporaryFolder } from './programs.ts';
import { run } from './remotes.ts';

/**
 * Builds the real tools: minutes of CPU, and sources from where `BTFHUB_TOOL_SOURCE` says (what
 * `--tool-source` takes, parted by white space; `public` for the public upstreams alone).
 */
const given = process.env.BTFHUB_TOOL_SOURCE ?? '';
const realTest = given === '' ? test.skip : test;
if (given === '') {
  process.stderr.write('skipping real builds: BTFHUB_TOOL_SOURCE names no sources\n');
}

const folder = temporaryFolder();
const sources = given.split(/\s+/).filter((word) => word.includes('='));
const platform = {
  env: process.env,
  programs: systemPrograms(process.env),
  clock: systemClock,
  interrupted: new AbortController().signal,
};

function prepare(pahole: string, offline = false) {
  const request = { pahole, xz: '5.8.3', cacheFolder: join(folder, 'cache'), allowInstall: false };
  return prepareToolchain(
    { ...platform, env: { ...platform.env, ...(offline ? { PATH: '/nowhere' } : {}) } },
    { ...request, sources: sources.map(parseSource) },
    silent,
  );
}

realTest.each(['1.31', '1.30'])(
  'pahole %s is built from its pinned commits, encodes the same with any number of jobs, and is kept',
  async (version) => {
    const { pahole, xz } = await prepare(version);
    expect(pahole).toMatchObject({ version, origin: 'built' });
    expect([...pahole.features]).toEqual(expect.arrayContaining(['enum64', 'consistent_func']));
    const source = join(folder, 'small.c');
    run('sh', ['-c', `echo 'struct s { enum { A = 1ULL << 40 } e; double d; } v;' > ${source}`]);
    run('cc', ['-g', '-c', '-o', join(folder, 'small.o'), source]);
    const outputs = [1, 2, 4].map((jobs) => {
      const output = join(folder, `${version}-${jobs}.btf`);
      const { args } = paholeArguments(pahole, { profile: 'default', jobs });
      run(pahole.path, [...args, '--btf_encode_detached', output, join(folder, 'small.o')]);
      return readFileSync(output);
    });
    expect(outputs.map((bytes) => bytes.equals(outputs[0] ?? Buffer.alloc(0)))).toEqual([
      true,
      true,
      true,
    ]);
    const again = await prepare(version, true);
    expect(again.pahole).toEqual({ ...pahole, origin: 'cached' });
    expect(again.xz).toEqual({ ...xz, origin: 'cached' });
  },
  600_000,
);

realTest(
  'xz 5.8.3 decodes what has come, hands on as much at a time as Node reads, the bytes that any xz does, and no more than the part it is told to',
  async () => {
    const { xz } = await prepare('1.31');
    const text = Buffer.alloc(1 << 20, 'all the same ');
    const packed = await platform.programs.run({ program: 'xz', args: ['-c', '-T1'], input: text });
    const unpacked = await platform.programs.run({ ...decodeCommand(xz), input: packed.stdout });
    expect(unpacked.stdout.equals(text)).toBe(true);
    const mine = await platform.programs.run({
      program: xz.path,
      args: ['-c', '-T1'],
      input: text,
    });
    expect(mine.stdout.equals(packed.stdout)).toBe(true);
    const running = await platform.programs.start(decodeCommand(xz));
    running.stdin.end(packed.stdout);
    const first = await new Promise<Buffer>((got) => running.stdout.once('data', got));
    expect(first.length).toBe(64 * 1024);
    running.kill();
    await whatHasCome(xz);
    expect(xz.writesParts).toBe(true);
    await intoFile(xz);
    const edges = [0, 1, 64 * 1024, 256 * 1024, 300_001, text.length - 1, text.length];
    for (const first of edges) {
      for (const size of edges) {
        const command = decodeCommand(xz, { first, size });
        const part = await platform.programs.run({ ...command, input: packed.stdout });
        expect(part.status).toBe(0);
        expect(part.stdout.equals(text.subarray(first, first + size))).toBe(true);
      }
    }
  },
  600_000,
);

/** It decodes the beginning of a stream while it waits for the rest. */
async function whatHasCome(xz: Parameters<typeof decodeCommand>[0]): Promise<void> {
  const size = 64 << 20;
  const input = Buffer.alloc(size);
  const zeros = await platform.programs.run({ program: 'xz', args: ['-c', '-T1'], input });
  let sum = 0;
  const running = await new Promise<Pouring>((resolve, reject) => {
    const pouring = platform.programs.pour(decodeCommand(xz), (bytes) => {
      sum += bytes.length;
      resolve(pouring);
    });
    pouring.then(({ stdin }) => stdin.write(zeros.stdout.subarray(0, 6000)), reject);
  });
  running.stdin.end(zeros.stdout.subarray(6000));
  expect(await running.ended).toMatchObject({ status: 0 });
  expect(sum).toBe(size);
}

/** Into a file xz writes zeros as holes, and vmlinux has many: it must end where it should all the same. */
async function intoFile(xz: Parameters<typeof decodeCommand>[0]): Promise<void> {
  const content = Buffer.alloc(1 << 20);
  content.fill('not zero', 200_000, 300_000);
  const packed = await platform.programs.run({
    program: 'xz',
    args: ['-c', '-T1'],
    input: content,
  });
  const path = join(folder, 'holes');
  const file = openSync(path, 'wx+');
  const seen: Buffer[] = [];
  const command = decodeCommand(xz, { first: 100_000, size: 800_000 });
  const see = (bytes: Uint8Array) => seen.push(Buffer.from(bytes));
  const pouring = await platform.programs.pour(command, see, file);
  pouring.stdin.end(packed.stdout);
  expect(await pouring.ended).toMatchObject({ status: 0 });
  closeSync(file);
  const part = content.subarray(100_000, 900_000);
  expect(readFileSync(path).equals(part)).toBe(true);
  expect(Buffer.concat(seen).equals(part)).toBe(true);
}
