import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ByteSource,
  bytesSource,
  debugInfoOf,
  findSection,
  hasDwarf,
  readElf,
} from '../../src/btf/elf.ts';
import { withFile } from '../../src/btf/file.ts';
import { loadBtf, readBtf } from '../../src/btf/load.ts';
import { compile, compileBpf, EVERY_KIND, paholeBtf, temporaryFolder } from './made.ts';

const folder = temporaryFolder();
const object = compile(folder, EVERY_KIND);

test('sections are those that readelf lists', async () => {
  const elf = await withFile(object, readElf);
  const listed = execFileSync('readelf', ['-SW', object], { encoding: 'utf8' });
  const rows = listed.matchAll(/^ +\[ *(\d+)\] (\S*) +[A-Z]+ +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)/gm);
  const theirs = [...rows].map(([, index, name, offset, size]) => ({
    index: Number(index),
    name,
    offset: Number(`0x${offset}`),
    size: Number(`0x${size}`),
  }));
  expect(theirs.length).toBeGreaterThan(10);
  for (const section of theirs) expect(elf.sections[section.index]).toMatchObject(section);
});

test('DWARF is found where it is, and not where it was stripped', async () => {
  const stripped = join(folder, 'stripped.o');
  execFileSync('strip', ['-g', '-o', stripped, object]);
  expect(hasDwarf(await withFile(object, readElf))).toBe(true);
  expect(hasDwarf(await withFile(stripped, readElf))).toBe(false);
});

test('the size of the DWARF is what it is unpacked, in every form, and 0 without any', async () => {
  const size = findSection(await withFile(object, readElf), '.debug_info')?.size;
  const as = (...change: string[]) => {
    const path = join(folder, 'changed.o');
    execFileSync('objcopy', [...change, object, path]);
    return withFile(path, debugInfoOf);
  };
  expect(size).toBeGreaterThan(0);
  expect(await withFile(object, debugInfoOf)).toEqual({ size, compressed: false });
  for (const kind of ['zlib', 'zlib-gnu']) {
    expect(await as(`--compress-debug-sections=${kind}`)).toEqual({ size, compressed: true });
  }
  expect(await as('--strip-debug')).toEqual({ size: 0, compressed: false });
});

test('compressed DWARF that is too short for its header is bad-elf', async () => {
  const [short, path] = [join(folder, 'short'), join(folder, 'short.o')];
  writeFileSync(short, 'ZLIB');
  execFileSync('strip', ['-g', '-o', path, object]);
  execFileSync('objcopy', ['--add-section', `.zdebug_info=${short}`, path]);
  await expect(withFile(path, debugInfoOf)).rejects.toMatchObject({
    reason: 'bad-elf',
    message: expect.stringContaining('broken DWARF'),
  });
});

test('BTF is the same in a file of its own and in a section', async () => {
  const inside = join(folder, 'inside.o');
  const detached = join(folder, 'detached.btf');
  execFileSync('cp', [object, inside]);
  execFileSync('pahole', ['-J', inside]);
  writeFileSync(detached, paholeBtf(folder, EVERY_KIND));
  expect(await loadBtf(inside)).toEqual(await loadBtf(detached));
});

test('a section that was left without bytes is none', async () => {
  const inside = join(folder, 'kept.o');
  execFileSync('cp', [object, inside]);
  execFileSync('pahole', ['-J', inside]);
  execFileSync('objcopy', ['--set-section-flags', '.BTF=alloc', inside]);
  execFileSync('objcopy', ['--only-keep-debug', inside]);
  const elf = await withFile(inside, readElf);
  expect(elf.sections.some(({ name }) => name === '.BTF')).toBe(true);
  expect(findSection(elf, '.BTF')).toBeUndefined();
  await expect(loadBtf(inside)).rejects.toMatchObject({ reason: 'bad-btf' });
});

test('a big-endian file is read', async () => {
  const elf = await withFile(compileBpf(folder, EVERY_KIND, 'bpfeb'), readElf);
  expect(elf).toMatchObject({ byteOrder: 'big', machine: 247 });
  expect(findSection(elf, '.BTF')).toBeDefined();
});

test('only the parts that are needed are read of a large file', async () => {
  const bytes = readFileSync(object);
  let read = 0;
  const inner = bytesSource('large', bytes);
  const counting: ByteSource = {
    ...inner,
    read: (offset, length) => {
      read += length;
      return inner.read(offset, length);
    },
  };
  await readElf(counting);
  expect(read).toBeLessThan(bytes.length / 2);
});

test.each<[string, () => Buffer, RegExp]>([
  ['text', () => Buffer.from('no ELF'), /not an ELF file/],
  [
    'a 32-bit file',
    () => Buffer.concat([Buffer.from('\x7fELF\x01\x01'), Buffer.alloc(58)]),
    /32-bit/,
  ],
  ['a header that is cut off', () => readFileSync(object).subarray(0, 60), /ends within/],
])('%s is bad-elf', async (_, make, message) => {
  await expect(readElf(bytesSource('x', make()))).rejects.toMatchObject({
    reason: 'bad-elf',
    message: expect.stringMatching(message),
  });
});

test('what is not there, and what is no file, is not-found', async () => {
  await expect(loadBtf(join(folder, 'nowhere'))).rejects.toMatchObject({ reason: 'not-found' });
  await expect(loadBtf(folder)).rejects.toMatchObject({ reason: 'not-found' });
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await expect(loadBtf(join(folder, 'pipe'))).rejects.toMatchObject({ reason: 'not-found' });
});

test('an ELF file without BTF is bad-btf, and says so', async () => {
  await expect(readBtf(bytesSource('a.o', readFileSync(object)))).rejects.toMatchObject({
    message: 'a.o is an ELF file without a .BTF section.',
  });
});
