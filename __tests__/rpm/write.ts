/** Writes packages by the letter of rpm's documents, for what no rpmbuild at hand would make: old, new and broken ones. */
import { createHash } from 'node:crypto';
import { SIGNATURE_TAG, TAG } from '../../src/rpm/tags.ts';

type Value =
  | { readonly int16: readonly number[] }
  | { readonly int32: readonly number[] }
  | { readonly int64: readonly number[] }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly binary: Uint8Array };

export type Tags = readonly (readonly [tag: number, value: Value])[];

interface Encoded {
  readonly type: number;
  readonly align: number;
  readonly count: number;
  readonly data: Buffer;
}

/** A header structure with these tags; with a region where it is given the region's tag. */
export function writeHeader(tags: Tags, regionTag?: number): Buffer {
  const entries: Buffer[] = [];
  let data = Buffer.alloc(0);
  for (const [tag, value] of [...tags].sort(([a], [b]) => a - b)) {
    const { type, align, count, data: own } = encode(value);
    data = Buffer.concat([data, Buffer.alloc(-data.length & (align - 1))]);
    entries.push(words(tag, type, data.length, count));
    data = Buffer.concat([data, own]);
  }
  if (regionTag !== undefined) {
    entries.unshift(words(regionTag, 7, data.length, 16));
    data = Buffer.concat([data, words(regionTag, 7, (-16 * entries.length) >>> 0, 16)]);
  }
  return Buffer.concat([words(0x8eade801, 0, entries.length, data.length), ...entries, data]);
}

function encode(value: Value): Encoded {
  if ('int16' in value) return numbers(3, 2, value.int16);
  if ('int32' in value) return numbers(4, 4, value.int32);
  if ('int64' in value) return numbers(5, 8, value.int64);
  if ('binary' in value) {
    return { type: 7, align: 1, count: value.binary.length, data: Buffer.from(value.binary) };
  }
  const strings = 'string' in value ? [value.string] : value.strings;
  const data = Buffer.concat(strings.map((each) => Buffer.from(`${each}\0`)));
  return { type: 'string' in value ? 6 : 8, align: 1, count: strings.length, data };
}

function numbers(type: number, width: number, values: readonly number[]): Encoded {
  const data = Buffer.alloc(width * values.length);
  for (const [index, value] of values.entries()) {
    if (width === 8) data.writeBigUInt64BE(BigInt(value), index * 8);
    else data.writeUIntBE(value, index * width, width);
  }
  return { type, align: width, count: values.length, data };
}

export function words(...values: number[]): Buffer {
  return numbers(4, 4, values).data;
}

export const LEAD = Buffer.concat([
  Buffer.from('edabeedb0300', 'hex'),
  Buffer.alloc(72),
  Buffer.from('0005', 'hex'),
  Buffer.alloc(16),
]);

/** A package out of its parts; the signature header states sizes and digests unless it is given. */
export function writePackage(header: Buffer, payload: Buffer, signatures?: Buffer): Buffer {
  const sha = (algorithm: string) => createHash(algorithm).update(header).digest('hex');
  const stated =
    signatures ??
    writeHeader(
      [
        [SIGNATURE_TAG.sha1, { string: sha('sha1') }],
        [SIGNATURE_TAG.sha256, { string: sha('sha256') }],
        [SIGNATURE_TAG.size, { int32: [header.length + payload.length] }],
      ],
      62,
    );
  return Buffer.concat([LEAD, stated, Buffer.alloc(-stated.length & 7), header, payload]);
}

export interface WrittenFile {
  readonly path: string;
  readonly data: Buffer;
  readonly mode?: number;
  readonly inode?: number;
  readonly flags?: number;
}

export const REGULAR = 0o100644;

/** What stands in a header besides the list of files. */
export const NVRA_TAGS: Tags = [
  [TAG.name, { string: 'written' }],
  [TAG.version, { string: '1' }],
  [TAG.release, { string: '2' }],
  [TAG.arch, { string: 'x86_64' }],
];

/** The tags that list files; `long` for sizes of 64 bits. */
export function fileTags(files: readonly WrittenFile[], long = false): Tags {
  if (files.length === 0) return [];
  const folders = [...new Set(files.map(({ path }) => folderOf(path)))];
  const sizes = files.map(({ data }) => data.length);
  return [
    [TAG.dirNames, { strings: folders }],
    [TAG.dirIndexes, { int32: files.map(({ path }) => folders.indexOf(folderOf(path))) }],
    [TAG.baseNames, { strings: files.map(({ path }) => path.slice(folderOf(path).length)) }],
    long ? [TAG.longFileSizes, { int64: sizes }] : [TAG.fileSizes, { int32: sizes }],
    [TAG.fileModes, { int16: files.map(({ mode = REGULAR }) => mode) }],
    [TAG.fileFlags, { int32: files.map(({ flags = 0 }) => flags) }],
    [TAG.fileInodes, { int32: files.map(({ inode }, index) => inode ?? 1000 + index) }],
    [TAG.fileDevices, { int32: files.map(() => 1) }],
    [TAG.fileDigestAlgorithm, { int32: [8] }],
    [TAG.fileDigests, { strings: files.map(sha256) }],
    [TAG.fileLinkTos, { strings: files.map(() => '') }],
  ];
}

const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);
const sha256 = ({ data }: WrittenFile) => createHash('sha256').update(data).digest('hex');

/** Fills up to a multiple of four, as every part of a cpio archive is. */
export function aligned(...parts: Uint8Array[]): Buffer {
  const whole = Buffer.concat(parts);
  return Buffer.concat([whole, Buffer.alloc(-whole.length & 3)]);
}

const hex = (value: number) => value.toString(16).padStart(8, '0');

/** A newc member (`070701`), or with a sum one of `070702`. */
export function newc(name: string, data: Uint8Array, sum?: number): Buffer {
  const magic = sum === undefined ? '070701' : '070702';
  const bytes = Buffer.from(`${name}\0`, 'utf8');
  const fields = [1, REGULAR, 0, 0, 1, 0, data.length, 0, 0, 0, 0, bytes.length, sum ?? 0];
  const head = Buffer.from(magic + fields.map(hex).join(''));
  return Buffer.concat([aligned(head, bytes), aligned(data)]);
}

/** A stripped member. */
export function stripped(index: number, data: Uint8Array): Buffer {
  return Buffer.concat([aligned(Buffer.from(`07070X${hex(index)}`)), aligned(data)]);
}

export const TRAILER = newc('TRAILER!!!', Buffer.alloc(0));

export const byteSum = (data: Uint8Array) => data.reduce((sum, byte) => (sum + byte) >>> 0, 0);
