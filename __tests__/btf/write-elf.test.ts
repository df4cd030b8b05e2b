import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesSource } from '../../src/btf/elf.ts';
import { loadBtf, readBtf } from '../../src/btf/load.ts';
import { elfWithBtf } from '../../src/btf/write-elf.ts';
import { asArch } from '../../src/names.ts';
import { bpftoolTypes, compileBpf, EVERY_KIND, paholeBtf, temporaryFolder } from './made.ts';

const folder = temporaryFolder();
const btf = paholeBtf(folder, EVERY_KIND);
const raw = join(folder, 'raw.btf');
const wrapped = join(folder, 'vmlinux');
writeFileSync(raw, btf);
writeFileSync(wrapped, elfWithBtf(btf, asArch('aarch64')));

test('libbpf reads the same types in the ELF file as in raw BTF', () => {
  expect(bpftoolTypes(wrapped)).toEqual(bpftoolTypes(raw));
});

test('binutils finds nothing wrong with the ELF file', () => {
  const out = execFileSync('readelf', ['--file-header', '--sections', '--wide', wrapped], {
    encoding: 'utf8',
  });
  expect(out).toMatch(/Machine: +AArch64/);
  expect(out).toMatch(/\.BTF +PROGBITS/);
});

test('the BTF comes out again, in either byte order', async () => {
  expect(await loadBtf(wrapped)).toEqual(btf);
  const big = await loadBtf(compileBpf(folder, 'int number = 1;', 'bpfeb'));
  const file = elfWithBtf(big, asArch('s390x'));
  expect(file[5]).toBe(2);
  expect(await readBtf(bytesSource('vmlinux', file))).toEqual(big);
});
