import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { readBootImage } from '../../src/boot-image/read.ts';
import { memoryStore } from '../../src/boot-image/unpack.ts';
import { bytesSource } from '../../src/btf/elf.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { programs, temporaryFolder } from '../btf/made.ts';
import {
  bzImage,
  COMPRESSORS,
  type CompressorName,
  compress,
  elfKernel,
  flatKernel,
  readImage,
  smallBtf,
  UNAME,
  withoutSections,
  withSize,
  zboot,
} from './made.ts';

const folder = temporaryFolder();
const btf = smallBtf(folder);
const elf = elfKernel(folder, btf);
const names = Object.keys(COMPRESSORS) as CompressorName[];
const installed = names.filter((name) => programs.find(COMPRESSORS[name][0]) !== undefined);
for (const name of names.filter((one) => !installed.includes(one))) {
  process.stderr.write(
    `skipping boot images of ${name}: '${COMPRESSORS[name][0]}' is not installed\n`,
  );
}

test('the section .BTF of an ELF kernel comes out as it is', async () => {
  const found = await readImage(elf);
  expect(found).toMatchObject({ foundBy: 'section', layers: ['ELF'], uname: UNAME });
  expect(found.btf.equals(btf)).toBe(true);
});

test('a kernel that strip has stripped keeps its section .BTF', async () => {
  const path = `${folder}/stripped`;
  writeFileSync(path, elf);
  execFileSync('strip', ['-s', path]);
  const found = await readImage(readFileSync(path));
  expect(found.foundBy).toBe('section');
  expect(found.btf.equals(btf)).toBe(true);
});

test('an ELF kernel without a table of sections is scanned', async () => {
  const found = await readImage(withoutSections(elf));
  expect(found).toMatchObject({ foundBy: 'scan', layers: ['ELF'] });
  expect(found.btf.equals(btf)).toBe(true);
});

test.each([
  ['arm64', 'arm64 Image'],
  ['arm64-pe', 'arm64 Image'],
  ['riscv64', 'riscv64 Image'],
  ['riscv64-pe', 'riscv64 Image'],
  ['plain', 'plain'],
] as const)('the BTF of a flat kernel is found by scanning: %s', async (form, layer) => {
  const found = await readImage(flatKernel({ form, btf: [btf] }));
  expect(found).toMatchObject({ foundBy: 'scan', layers: [layer], uname: UNAME });
  expect(found.btf.equals(btf)).toBe(true);
});

test.each(installed)('a bzImage whose kernel is packed by %s', async (name) => {
  const found = await readImage(bzImage(withSize(name, elf)));
  expect(found.layers).toEqual(['bzImage', name, 'ELF']);
  expect(found.btf.equals(btf)).toBe(true);
});

test('a bzImage without compression', async () => {
  const found = await readImage(bzImage(elf));
  expect(found.layers).toEqual(['bzImage', 'ELF']);
  expect(found.btf.equals(btf)).toBe(true);
});

test.each(installed)('an EFI zboot image of an arm64 kernel packed by %s', async (name) => {
  const found = await readImage(zboot(name, flatKernel({ form: 'arm64-pe', btf: [btf] })));
  expect(found.layers).toEqual(['EFI zboot', name, 'arm64 Image']);
  expect(found.btf.equals(btf)).toBe(true);
});

test.each(installed)('a flat Image packed by %s', async (name) => {
  const found = await readImage(compress(name, flatKernel({ form: 'arm64', btf: [btf] })));
  expect(found.layers).toEqual([name, 'arm64 Image']);
  expect(found.btf.equals(btf)).toBe(true);
});

test('gzip around a bzImage, and around an EFI zboot image', async () => {
  const outer = await readImage(compress('gzip', bzImage(withSize('gzip', elf))));
  expect(outer.layers).toEqual(['gzip', 'bzImage', 'gzip', 'ELF']);
  const flat = flatKernel({ form: 'riscv64', btf: [btf] });
  const zimg = await readImage(compress('gzip', zboot('xz', flat)));
  expect(zimg.layers).toEqual(['gzip', 'EFI zboot', 'xz', 'riscv64 Image']);
  expect(zimg.btf.equals(btf)).toBe(true);
});

test('a compression whose program is not installed is named, with the package that brings it', async () => {
  const none = systemPrograms({ ...process.env, PATH: folder });
  const magics = { lz4: '02214c18', lzo: '894c5a4f000d0a1a0a' };
  for (const [name, magic] of Object.entries(magics)) {
    const image = bzImage(Buffer.concat([Buffer.from(magic, 'hex'), Buffer.alloc(100)]));
    const unpacking = { programs: none, store: memoryStore };
    const reading = readBootImage(bytesSource('vmlinuz', image), unpacking, {
      uname: UNAME,
      minimumTypes: 1,
    });
    await expect(reading).rejects.toMatchObject({
      reason: 'missing-program',
      message: expect.stringContaining(name === 'lz4' ? "'lz4'" : "'lzop'"),
    });
  }
});
