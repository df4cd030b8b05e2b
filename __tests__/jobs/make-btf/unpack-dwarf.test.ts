import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readElf, zstdSectionsOf } from '../../../src/btf/elf.ts';
import { encodeBtf } from '../../../src/btf/encode.ts';
import { withFile } from '../../../src/btf/file.ts';
import { unpackDwarf, unpackedSize } from '../../../src/jobs/make-btf/unpack-dwarf.ts';
import { compile, EVERY_KIND, programs, temporaryFolder } from '../../btf/made.ts';

const folder = temporaryFolder();
const object = compile(folder, EVERY_KIND, '-O1');
const decoders = { programs, xz: { program: 'xz', args: ['-dc'] } };
let files = 0;

function zstdObject(): string {
  const path = join(folder, `zstd-${++files}.o`);
  execFileSync('objcopy', ['--compress-debug-sections=zstd', object, path]);
  return path;
}

async function btfOf(vmlinux: string): Promise<Buffer> {
  const output = `${vmlinux}.btf`;
  await encodeBtf(programs, { path: 'pahole', args: [] }, { vmlinux, base: undefined, output });
  return readFileSync(output);
}

test('sections that objcopy compressed with zstd are unpacked to what they were', async () => {
  const path = zstdObject();
  const sections = await withFile(path, zstdSectionsOf);
  const names = sections.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['.debug_info', '.debug_str']));
  await unpackDwarf(path, sections, decoders);
  expect(await withFile(path, zstdSectionsOf)).toEqual([]);
  const elf = await withFile(path, readElf);
  const original = await withFile(object, readElf);
  for (const name of names) {
    const bytesOf = (file: string, { sections: all }: typeof elf) => {
      const section = all.find((one) => one.name === name);
      return readFileSync(file).subarray(
        section?.offset,
        (section?.offset ?? 0) + (section?.size ?? 0),
      );
    };
    expect(bytesOf(path, elf).equals(bytesOf(object, original))).toBe(true);
  }
  expect(await btfOf(path)).toEqual(await btfOf(object));
  // readelf sees a file in order: its sections, their alignment, and the DWARF in them.
  const said = execFileSync('readelf', ['-SW', '--debug-dump=info', path], { encoding: 'utf8' });
  expect(said).toContain('task_struct');
});

test('the file grows by no more than what is reckoned before', async () => {
  const path = zstdObject();
  const before = statSync(path).size;
  const sections = await withFile(path, zstdSectionsOf);
  await unpackDwarf(path, sections, decoders);
  expect(statSync(path).size - before).toBeLessThanOrEqual(unpackedSize(sections));
});

test('a compressed section that is a header alone is bad-elf', async () => {
  const path = zstdObject();
  const [first] = await withFile(path, zstdSectionsOf);
  const bytes = readFileSync(path);
  const table = Number(bytes.readBigUInt64LE(40));
  // Elf64_Shdr.sh_size
  bytes.writeBigUInt64LE(24n, table + (first?.index ?? 0) * 64 + 32);
  writeFileSync(path, bytes);
  await expect(withFile(path, zstdSectionsOf)).rejects.toMatchObject({
    reason: 'bad-elf',
    message: expect.stringContaining(first?.name ?? ''),
  });
});

test.each([
  ['damaged bytes', (bytes: Buffer, at: number) => bytes.fill(0xff, at + 8, at + 40)],
  ['a size that is too small', (bytes: Buffer, at: number) => bytes.writeBigUInt64LE(5n, at - 16)],
  [
    'a size that is too large',
    (bytes: Buffer, at: number) => bytes.writeBigUInt64LE(1_000_000n, at - 16),
  ],
])('%s in a compressed section is bad-elf', async (_, spoil) => {
  const path = zstdObject();
  const [first] = await withFile(path, zstdSectionsOf);
  const bytes = readFileSync(path);
  spoil(bytes, first?.offset ?? 0);
  writeFileSync(path, bytes);
  const sections = await withFile(path, zstdSectionsOf);
  await expect(unpackDwarf(path, sections, decoders)).rejects.toMatchObject({ reason: 'bad-elf' });
});

test('files without zstd have no such section', async () => {
  const zlib = join(folder, 'zlib.o');
  copyFileSync(object, zlib);
  execFileSync('objcopy', ['--compress-debug-sections=zlib', zlib]);
  for (const path of [object, zlib]) expect(await withFile(path, zstdSectionsOf)).toEqual([]);
});
