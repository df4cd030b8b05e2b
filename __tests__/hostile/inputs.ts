/** Files of at most 10 MB that are made to take as much memory as they can. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { writeElf } from '../../src/btf/write-elf.ts';
import { TAG } from '../../src/rpm/tags.ts';
import { fileTags, newc, type Tags, TRAILER, writeHeader, writePackage } from '../rpm/write.ts';

const MB = 1_000_000;
export const MOST_BYTES = 10 * MB;
const FOLDER = 'openEuler-22.03-LTS-SP1/update/x86_64';
const UNAME = '5.10.0-1.oe2203sp1.x86_64';
const NVRA = `kernel-debuginfo-${UNAME}`;
const VMLINUX = `/usr/lib/debug/lib/modules/${UNAME}/vmlinux`;

/** A file of a mirror, and what it is part of. */
export interface HostileInput {
  readonly title: string;
  readonly command: 'plan' | 'build';
  /** Whether it is tried by `npm run test:faults` alone. */
  readonly isSlow: boolean;
  /** Writes the tree of a mirror into a folder. */
  write(mirror: string): void;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function put(mirror: string, path: string, bytes: Uint8Array | string): void {
  if (bytes.length > MOST_BYTES) throw new Error(`${path} has ${bytes.length} bytes`);
  mkdirSync(dirname(join(mirror, path)), { recursive: true });
  writeFileSync(join(mirror, path), bytes);
}

/** A repository whose primary metadata is this file, with a repomd.xml that says its true checksum. */
function primary(packed: Uint8Array): (mirror: string) => void {
  return (mirror) => {
    const data = `<data type="primary"><checksum type="sha256">${sha256(packed)}</checksum>
      <location href="repodata/primary.xml.gz"/><size>${packed.length}</size></data>`;
    put(mirror, `${FOLDER}/repodata/repomd.xml`, `<repomd>${data}</repomd>`);
    put(mirror, `${FOLDER}/repodata/primary.xml.gz`, packed);
  };
}

const XML = '<metadata xmlns="http://linux.duke.edu/metadata/common" packages="1">';

/** As much of a text as gzip packs into 10 MB, repeated. */
function repeated(text: string, bytes: number): Buffer {
  return gzipSync(Buffer.concat([Buffer.from(XML), Buffer.alloc(bytes, text)]), { level: 9 });
}

/** xz data whose header says that it needs a dictionary of 1.5 GiB (xz file format, 3.1 and 5.3.1). */
function withLargeDictionary(bytes: Buffer): Buffer {
  const packed = execFileSync('xz', ['-c', '--check=crc32'], { input: bytes, maxBuffer: 1 << 28 });
  const size = (packed.readUInt8(12) + 1) * 4;
  const header = packed.subarray(12, 12 + size);
  const filter = header.indexOf(Buffer.from([0x21, 0x01]));
  header.writeUInt8(37, filter + 2);
  header.writeUInt32LE(crc32(header.subarray(0, size - 4)), size - 4);
  return packed;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** zstd data whose frame says that it needs a window of 2 GiB (RFC 8878, 3.1.1.1.2). */
function withLargeWindow(bytes: Buffer): Buffer {
  const packed = execFileSync('zstd', ['-qc'], { input: bytes, maxBuffer: 1 << 28 });
  packed.writeUInt8((31 - 10) << 3, 5);
  return packed;
}

/** A repository with one package, described truly. */
function packageOf(rpm: Buffer): (mirror: string) => void {
  const entry = `<package type="rpm"><name>kernel-debuginfo</name><arch>x86_64</arch>
    <version epoch="0" ver="5.10.0" rel="1.oe2203sp1"/><checksum type="sha256" pkgid="YES">${sha256(rpm)}</checksum>
    <time file="1" build="1"/><size package="${rpm.length}" installed="1" archive="1"/>
    <location href="Packages/${NVRA}.rpm"/></package>`;
  return (mirror) => {
    primary(gzipSync(`${XML}${entry}</metadata>`))(mirror);
    put(mirror, `${FOLDER}/Packages/${NVRA}.rpm`, rpm);
  };
}

/** A package of these bytes as payload, whose header says that it holds vmlinux of that content. */
function rpm(payload: Buffer, compressor: string, vmlinux: Buffer, more: Tags = []): Buffer {
  const tags: Tags = [
    [TAG.name, { string: 'kernel-debuginfo' }],
    [TAG.version, { string: '5.10.0' }],
    [TAG.release, { string: '1.oe2203sp1' }],
    [TAG.arch, { string: 'x86_64' }],
    [TAG.payloadCompressor, { string: compressor }],
    ...fileTags([{ path: VMLINUX, data: vmlinux }]),
    ...more,
  ];
  return writePackage(writeHeader(tags, 63), payload);
}

/** A package with this vmlinux, whose payload is packed by xz. */
function withVmlinux(vmlinux: Buffer, pack: (archive: Buffer) => Buffer = xz): Buffer {
  return rpm(pack(Buffer.concat([newc(`.${VMLINUX}`, vmlinux), TRAILER])), 'xz', vmlinux);
}

const xz = (bytes: Buffer) =>
  execFileSync('xz', ['-c', '-1'], { input: bytes, maxBuffer: 1 << 28 });

/** DWARF 4 of one unit with so many structures of one byte each: the most work for a byte. */
function dwarf(structures: number): readonly { name: string; bytes: Buffer }[] {
  // Abbreviation 1: a unit with children; 2: a structure without children; neither has attributes.
  const abbreviations = Buffer.from([1, 0x11, 1, 0, 0, 2, 0x13, 0, 0, 0, 0]);
  const head = Buffer.alloc(12);
  head.writeUInt32LE(8 + structures + 1, 0);
  head.writeUInt16LE(4, 4);
  head.writeUInt8(8, 10);
  head.writeUInt8(1, 11);
  const info = Buffer.concat([head, Buffer.alloc(structures, 2), Buffer.alloc(1)]);
  return [
    { name: '.debug_abbrev', bytes: abbreviations },
    { name: '.debug_info', bytes: info },
  ];
}

const X86_64 = { machine: 62, type: 2, order: 'little' } as const;

/** vmlinux whose `.debug_info` is compressed with zlib, as `objcopy --compress-debug-sections` does it. */
function zlibCompressed(structures: number): Buffer {
  const sections = dwarf(structures).map(({ name, bytes }) => {
    if (name !== '.debug_info') return { name, bytes };
    const header = Buffer.from('ZLIB00000000');
    header.writeBigUInt64BE(BigInt(bytes.length), 4);
    return { name: '.zdebug_info', bytes: Buffer.concat([header, deflateSync(bytes)]) };
  });
  return writeElf(X86_64, sections);
}

/** A header of 10 MB that lists files. */
function manyFiles(): Buffer {
  const files = Array.from({ length: 200_000 }, (_, n) => ({
    path: `/${n.toString(36)}`,
    data: Buffer.alloc(0),
  }));
  const [first] = fileTags(files);
  const tags: Tags = [
    [TAG.name, { string: 'kernel-debuginfo' }],
    [TAG.version, { string: '5.10.0' }],
    [TAG.release, { string: '1.oe2203sp1' }],
    [TAG.arch, { string: 'x86_64' }],
    ...(first ? fileTags(files).filter(([tag]) => tag !== TAG.fileDigests) : []),
  ];
  return writePackage(writeHeader(tags, 63), Buffer.from('070701'));
}

const package_ = (n: number) =>
  `<package type="rpm"><name>kernel-debuginfo</name><arch>x86_64</arch><version epoch="0" ver="5.10.0" rel="${n}"/>` +
  `<checksum type="sha256">${'a'.repeat(64)}</checksum><size package="1"/><location href="kernel-debuginfo-5.10.0-${n}.x86_64.rpm"/></package>`;

export const HOSTILE_INPUTS: readonly HostileInput[] = [
  ...(
    [
      ['600 MB of white space in primary.xml', () => repeated(' ', 600 * MB)],
      ['tags nested 20 million deep', () => repeated('<a>', 60 * MB)],
      ['a tag of 200 MB', () => repeated('a', 200 * MB)],
      ['20 million elements with an attribute', () => repeated('<a b="c"/>', 200 * MB)],
      [
        '300,000 kernels',
        () =>
          gzipSync(
            `${XML}${Array.from({ length: 300_000 }, (_, n) => package_(n)).join('')}</metadata>`,
          ),
      ],
      ['an xz dictionary of 1.5 GiB in primary', () => withLargeDictionary(Buffer.from(XML))],
      ['a zstd window of 2 GiB in primary', () => withLargeWindow(Buffer.alloc(MB, XML))],
      [
        '300 MB of white space in primary by bzip2',
        () =>
          execFileSync('bzip2', ['-c'], { input: Buffer.alloc(300 * MB, ' '), maxBuffer: 1 << 28 }),
      ],
    ] as const
  ).map(
    ([title, make]): HostileInput => ({
      title,
      command: 'plan',
      isSlow: true,
      write: (mirror) => primary(make())(mirror),
    }),
  ),
  {
    title: 'a repomd.xml of 10 MB',
    command: 'plan',
    isSlow: false,
    write: (mirror) =>
      put(
        mirror,
        `${FOLDER}/repodata/repomd.xml`,
        `<repomd>${'<data type="x"><location href="y"/></data>'.repeat(200_000)}</repomd>`,
      ),
  },
  ...(
    [
      [
        'an xz dictionary of 1.5 GiB in a package',
        () => withVmlinux(tinyVmlinux(), (archive) => withLargeDictionary(archive)),
      ],
      [
        'a zstd window of 2 GiB in a package',
        () =>
          rpm(
            withLargeWindow(Buffer.concat([newc(`.${VMLINUX}`, tinyVmlinux()), TRAILER])),
            'zstd',
            tinyVmlinux(),
          ),
      ],
      ['a header with 200,000 files', manyFiles],
      ['a vmlinux of 1 GB of zeros', () => withVmlinux(Buffer.alloc(1000 * MB))],
      ['a packed vmlinux of 1 GB of zeros', () => withVmlinux(xz(Buffer.alloc(1000 * MB)))],
      ['DWARF of 60 million structures', () => withVmlinux(writeElf(X86_64, dwarf(60 * MB)))],
      [
        'DWARF of 120 million structures beside 9 MB that do not compress',
        () => withVmlinux(writeElf(X86_64, [...dwarf(120 * MB), noise(9 * MB)])),
      ],
      ['DWARF of 300 million structures by zlib', () => withVmlinux(zlibCompressed(300 * MB))],
    ] as const
  ).map(
    ([title, make]): HostileInput => ({
      title,
      command: 'build',
      isSlow: !/dictionary|window|packed/.test(title),
      write: (mirror) => packageOf(make())(mirror),
    }),
  ),
];

/** A section of bytes that no program makes smaller, by seed. */
function noise(length: number): { name: string; bytes: Buffer } {
  const bytes = createHash('shake256', { outputLength: length }).update('noise').digest();
  return { name: '.noise', bytes };
}

function tinyVmlinux(): Buffer {
  return writeElf(X86_64, dwarf(1000));
}
