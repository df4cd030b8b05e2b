import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBootImage } from '../../src/boot-image/read.ts';
import { memoryStore } from '../../src/boot-image/unpack.ts';
import { bytesSource } from '../../src/btf/elf.ts';
import { asUname, type Uname } from '../../src/names.ts';
import { compile, paholeBtf, programs } from '../btf/made.ts';

export const UNAME = asUname('6.6.0-72.0.0.76.oe2403sp1.x86_64');

/** `linux_banner` of init/version.c. */
export const banner = (uname: string) =>
  `Linux version ${uname} (abuild@localhost) (gcc 12.3.1) #1 SMP Wed Nov 25 2026\n\0`;

/** BTF that pahole makes of a small program. */
export function smallBtf(folder: string, name = 'task_struct'): Buffer {
  return paholeBtf(
    folder,
    `struct ${name} { int pid; char comm[16]; } one; int use(struct ${name} *t) { return t->pid; }`,
  );
}

/** An ELF file by gcc with a banner in it, and the BTF in a section `.BTF` by objcopy. */
export function elfKernel(folder: string, btf: Buffer | undefined, uname: string = UNAME): Buffer {
  const text = JSON.stringify(banner(uname)).replaceAll('\\u0000', '');
  const object = compile(
    folder,
    `const char linux_banner[] = ${text}; int start(void) { return linux_banner[0]; }`,
  );
  const kernel = `${object}.kernel`;
  const raw = join(folder, 'section.btf');
  if (btf) writeFileSync(raw, btf);
  const section = btf
    ? ['--add-section', `.BTF=${raw}`, '--set-section-flags', '.BTF=alloc,readonly']
    : [];
  execFileSync('objcopy', ['--strip-debug', ...section, object, kernel]);
  return readFileSync(kernel);
}

/** The same without its table of sections, as `sstrip` leaves it. */
export function withoutSections(elf: Buffer): Buffer {
  const copy = Buffer.from(elf);
  copy.writeBigUInt64LE(0n, 40);
  copy.fill(0, 58, 64);
  return copy;
}

/** Bytes that stand in for code: no two runs alike, the same every time. */
export function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 12345;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export interface FlatParts {
  readonly form: 'arm64' | 'arm64-pe' | 'riscv64' | 'riscv64-pe' | 'plain';
  readonly banners?: readonly string[];
  /** Each is put at a multiple of four. */
  readonly btf: readonly Buffer[];
}

/** The flat Image of arm64 or riscv64 (their booting documents), with or without the PE header of EFI. */
export function flatKernel({ form, banners = [UNAME], btf }: FlatParts): Buffer {
  const head = Buffer.alloc(4096);
  if (form.endsWith('-pe')) head.write('MZ', 0, 'latin1');
  if (form.startsWith('arm64')) head.write('ARM\x64', 0x38, 'latin1');
  if (form.startsWith('riscv64')) head.write('RISCV\0\0\0RSC\x05', 0x30, 'latin1');
  const parts: Buffer[] = [head, noise(5000), Buffer.from(banners.map(banner).join(''))];
  for (const one of btf) {
    const before = Buffer.concat(parts).length;
    parts.push(noise(1000 + ((4 - ((before + 1000) % 4)) % 4)), one);
  }
  parts.push(noise(3001));
  return Buffer.concat(parts);
}

/** The real compressors, called as the kernel's scripts/Makefile.lib calls them. */
export const COMPRESSORS = {
  gzip: ['gzip', '-n', '-9'],
  bzip2: ['bzip2', '-9'],
  lzma: ['xz', '--format=lzma', '-9'],
  xz: ['xz', '--check=crc32', '--lzma2=dict=1MiB'],
  zstd: ['zstd', '-19', '-q'],
  lz4: ['lz4', '-l', '-9', '-q'],
  lzo: ['lzop', '-9'],
} as const;
export type CompressorName = keyof typeof COMPRESSORS;

export function compress(name: CompressorName, input: Buffer): Buffer {
  const [program, ...args] = COMPRESSORS[name];
  return execFileSync(program, [...args, '-c'], { input, maxBuffer: 1 << 30 });
}

/** Compressed, and its size after it, as `size_append` does for all but gzip. */
export function withSize(name: CompressorName, input: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(input.length);
  const packed = compress(name, input);
  return name === 'gzip' ? packed : Buffer.concat([packed, size]);
}

/** x86's setup header (Documentation/arch/x86/boot.rst) around a payload, the setup code and the decompressor left out. */
export function bzImage(payload: Buffer, setupSectors = 3): Buffer {
  const setup = Buffer.alloc((setupSectors + 1) * 512);
  setup.write('MZ', 0, 'latin1');
  setup.writeUInt8(setupSectors, 0x1f1);
  setup.write('\x55\xaa', 0x1fe, 'latin1');
  setup.write('HdrS', 0x202, 'latin1');
  setup.writeUInt16LE(0x20f, 0x206);
  const code = noise(777);
  setup.writeUInt32LE(code.length, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, code, payload, noise(500)]);
}

/** drivers/firmware/efi/libstub/zboot-header.S around a payload; `size` leaves the appended size out. */
export function zboot(name: CompressorName, input: Buffer): Buffer {
  const packed = compress(name, input);
  const head = Buffer.alloc(512);
  head.write('MZ\0\0zimg', 0, 'latin1');
  head.writeUInt32LE(head.length, 8);
  head.writeUInt32LE(packed.length, 12);
  head.write(name, 24, 'latin1');
  const size = Buffer.alloc(4);
  size.writeUInt32LE(input.length);
  return Buffer.concat([head, packed, ...(name === 'gzip' ? [] : [size]), noise(100)]);
}

export function readImage(
  image: Buffer,
  { uname = UNAME, minimumTypes = 1 }: { uname?: Uname; minimumTypes?: number } = {},
) {
  const unpacking = { programs, store: memoryStore };
  return readBootImage(bytesSource('vmlinuz', image), unpacking, { uname, minimumTypes });
}
