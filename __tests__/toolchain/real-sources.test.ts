import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/platform/clock.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { silent } from '../../src/report/progress.ts';
import { paholeArguments } from '../../src/toolchain/pahole-arguments.ts';
import { prepareToolchain } from '../../src/toolchain/prepare.ts';
import { parseSource } from '../../src/toolchain/sources.ts';
import { decodeCommand, decodeRangeCommands } from '../../src/toolchain/xz.ts';
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
  'xz 5.8.3 is built as its authors released it, with the decoder beside it, and both give the bytes that any xz gives',
  async () => {
    const { xz } = await prepare('1.31');
    const text = Buffer.alloc(1 << 20, 'all the same ');
    const pack = (program: string) =>
      platform.programs.run({ program, args: ['-c', '-T1'], input: text });
    const packed = await pack('xz');
    expect((await pack(xz.path)).stdout.equals(packed.stdout)).toBe(true);
    const unpacked = await platform.programs.run({ ...decodeCommand(xz), input: packed.stdout });
    expect(unpacked.stdout.equals(text)).toBe(true);
    expect(xz.cutter.kind).toBe('decoder');
    const edges = [0, 1, 64 * 1024, 256 * 1024, 300_001, text.length - 1];
    for (const offset of edges) {
      const size = Math.min(300_000, text.length - offset);
      const [command] = decodeRangeCommands(xz, { offset, size }) ?? [];
      if (!command) throw new Error('no command');
      const part = await platform.programs.run({ ...command, input: packed.stdout });
      expect(part.status).toBe(0);
      expect(part.stdout.equals(text.subarray(offset, offset + size))).toBe(true);
    }
  },
  600_000,
);
