import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../src/failure.ts';
import { type ByteRange, decodeToFile } from '../../src/platform/decompress.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { RANGE_DECODER, RANGE_DECODER_SOURCE } from '../../src/toolchain/decode-range.ts';
import {
  decodeCommand,
  decodeRangeCommands,
  inspectXz,
  systemXz,
  type Xz,
} from '../../src/toolchain/xz.ts';
import { program, temporaryFolder } from './programs.ts';

const programs = systemPrograms(process.env);
const text = 'BTF '.repeat(10_000);

async function pack(input: Uint8Array, ...options: string[]): Promise<Buffer> {
  const args = ['-c', '-T1', '--check=crc32', ...options];
  return (await programs.run({ program: 'xz', args, input })).stdout;
}
const compressed = () => pack(Buffer.from(text));

async function* stream(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

test("the machine's own xz tells its version", async () => {
  const xz = await systemXz({ programs: systemPrograms(process.env) });
  expect(xz.path).toMatch(/^\/.*\/xz$/);
  expect(xz.version).toMatch(/^5\.\d+\.\d+/);
  expect(xz).toMatchObject({ origin: 'system', cutter: { kind: 'dd' } });
});

/** The program that is put beside a built xz, compiled with the machine's liblzma. */
function besideXz(): string {
  const folder = temporaryFolder();
  const path = program(join(folder, 'xz'), { '--version': 'xz (XZ Utils) 5.8.3' });
  const source = join(folder, 'decoder.c');
  writeFileSync(source, RANGE_DECODER_SOURCE);
  execFileSync('cc', [
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    join(folder, RANGE_DECODER),
    source,
    '-llzma',
  ]);
  return path;
}

const CUTTERS = [
  ['the decoder beside a built xz', async () => inspectXz({ programs }, besideXz(), 'built')],
  ["dd behind the machine's xz", () => systemXz({ programs })],
] as const;

/** What a file holds after it was decoded into it. */
async function decodeRange(xz: Xz, range: ByteRange, input: Buffer): Promise<Buffer> {
  const folder = temporaryFolder();
  const file = openSync(join(folder, 'range'), 'w');
  try {
    const commands = decodeRangeCommands(xz, range) ?? [];
    await decodeToFile(
      commands,
      stream(input),
      programs,
      (why) => new Failure('corrupt-package', why),
      file,
      folder,
    );
  } finally {
    closeSync(file);
  }
  expect(readdirSync(folder)).toEqual(['range']);
  return readFileSync(join(folder, 'range'));
}

test.each(CUTTERS)('%s writes the range that is asked for, and leaves no pipe', async (_, make) => {
  const xz = await make();
  const content = Buffer.concat([
    Buffer.alloc(300_000),
    randomBytes(300_001),
    Buffer.alloc(400_000, 'x'),
  ]);
  const packed = await pack(content);
  for (const offset of [0, 1, 256 * 1024, 300_000, content.length - 7]) {
    for (const size of [1, 7, 262_144, 700_000]) {
      const expected = content.subarray(offset, offset + size);
      const written = await decodeRange(xz, { offset, size: expected.length }, packed);
      expect(written.equals(expected)).toBe(true);
    }
  }
});

test.each(CUTTERS)(
  '%s refuses what is cut off, damaged, or needs more memory than it may take',
  async (_, make) => {
    const xz = await make();
    const content = randomBytes(500_000);
    const packed = await pack(content);
    const range = { offset: 400_000, size: 100_000 };
    const damaged = Buffer.from(packed);
    damaged.writeUInt8(0x55 ^ damaged.readUInt8(100_000), 100_000);
    damaged.fill(0, 100_000, 200_000);
    const large = await pack(Buffer.from('small'), '--lzma2=dict=1GiB');
    await expect(decodeRange(xz, range, packed.subarray(0, 300_000))).rejects.toThrow(
      /nexpected end of input/,
    );
    await expect(decodeRange(xz, range, damaged)).rejects.toMatchObject({
      reason: 'corrupt-package',
    });
    await expect(decodeRange(xz, { offset: 0, size: 5 }, large)).rejects.toThrow(
      'more memory than the 128 MiB',
    );
  },
);

test('what is not there, or is no xz, is named', async () => {
  const platform = { programs: systemPrograms(process.env) };
  await expect(inspectXz(platform, '/nowhere/xz', 'system')).rejects.toMatchObject({
    reason: 'missing-program',
    message: "There is no xz at '/nowhere/xz'.",
  });
  const other = program(join(temporaryFolder(), 'xz'), { '--help': '' });
  await expect(inspectXz(platform, other, 'system')).rejects.toThrow('does not answer as xz does');
});

test('decodes, whatever options the environment holds', async () => {
  const programs = systemPrograms({
    ...process.env,
    XZ_OPT: '--list',
    XZ_DEFAULTS: '--memlimit=1',
  });
  const xz = await systemXz({ programs });
  const answer = await programs.run({ ...decodeCommand(xz), input: await compressed() });
  expect(answer.status).toBe(0);
  expect(answer.stdout.toString('utf8')).toBe(text);
});

test("does not spend time on xz's own check: the package's SHA-256 covers more", async () => {
  const programs = systemPrograms(process.env);
  const bytes = Buffer.from(await compressed());
  // The check is the last field of the only block; index (8 bytes at least) and footer (12) follow.
  const index = bytes.readUInt32LE(bytes.length - 8) * 4 + 4;
  const check = bytes.length - 12 - index - 4;
  bytes.writeUInt8(bytes.readUInt8(check) ^ 0xff, check);
  const strict = await programs.run({ program: 'xz', args: ['-dc'], input: bytes });
  expect(strict.status).toBe(1);
  const answer = await programs.run({
    ...decodeCommand(await systemXz({ programs })),
    input: bytes,
  });
  expect(answer.status).toBe(0);
  expect(answer.stdout.toString('utf8')).toBe(text);
});
