import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputPart } from '../../src/platform/decompress.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { decodeCommand, inspectXz, systemXz } from '../../src/toolchain/xz.ts';
import { program, temporaryFolder, XZ_WITH_PARTS } from './programs.ts';

const text = 'BTF '.repeat(10_000);

async function compressed(): Promise<Buffer> {
  const { programs } = { programs: systemPrograms(process.env) };
  const answer = await programs.run({
    program: 'xz',
    args: ['-c', '-T1', '--check=crc32'],
    input: text,
  });
  return answer.stdout;
}

test("the machine's own xz tells its version", async () => {
  const xz = await systemXz({ programs: systemPrograms(process.env) });
  expect(xz.path).toMatch(/^\/.*\/xz$/);
  expect(xz.version).toMatch(/^5\.\d+\.\d+/);
  expect(xz).toMatchObject({ origin: 'system', writesParts: false });
});

test('an xz that writes no more than a part of its output when it is told to is known by doing so', async () => {
  const path = join(temporaryFolder(), 'xz');
  writeFileSync(path, XZ_WITH_PARTS, { mode: 0o755 });
  const programs = systemPrograms({ ...process.env, XZ_OUTPUT_PART: '7+1' });
  const xz = await inspectXz({ programs }, path, 'built');
  expect(xz.writesParts).toBe(true);
  const input = await compressed();
  const decoded = async (part?: OutputPart) =>
    `${(await programs.run({ ...decodeCommand(xz, part), input })).stdout}`;
  expect(await decoded({ first: 39_990, size: 7 })).toBe(text.slice(39_990, 39_997));
  expect(await decoded()).toBe(text);
});

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
