/** What stands in front of the payload: old, new and broken packages. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { Failure } from '../../src/failure.ts';
import { nvraText, readPackageHead } from '../../src/rpm/package.ts';
import { SIGNATURE_TAG, TAG } from '../../src/rpm/tags.ts';
import { collect, readMembers, readPackage, stream } from './read.ts';
import {
  fileTags,
  LEAD,
  NVRA_TAGS,
  newc,
  REGULAR,
  stripped,
  type Tags,
  TRAILER,
  words,
  writeHeader,
  writePackage,
} from './write.ts';

const FILES = [
  { path: '/lib/a', data: Buffer.from('first') },
  { path: '/lib/b', data: Buffer.from('second') },
];
const ARCHIVE = Buffer.concat([...FILES.map(({ path, data }) => newc(`.${path}`, data)), TRAILER]);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const TAGS: Tags = [
  ...NVRA_TAGS,
  ...fileTags(FILES),
  [TAG.payloadDigest, { strings: [sha256(ARCHIVE)] }],
  [TAG.payloadDigestAlgorithm, { int32: [8] }],
];
const HEADER = writeHeader(TAGS, 63);
const PACKAGE = writePackage(HEADER, ARCHIVE);
const NO_SIGNATURES = writeHeader([[SIGNATURE_TAG.archiveSize, { int32: [ARCHIVE.length] }]], 62);

const without = (tag: number): Tags => TAGS.filter(([each]) => each !== tag);
const withTags = (...tags: Tags): Buffer => {
  const kept = TAGS.filter(([tag]) => !tags.some(([other]) => other === tag));
  return writePackage(writeHeader([...kept, ...tags], 63), ARCHIVE);
};

/** A header whose last string lacks its NUL. */
const endless = (tag: Tags[number]): Buffer => {
  const header = writeHeader([...NVRA_TAGS, tag]);
  return header.fill('x', header.length - 1);
};

/** Reads the whole package; what is wrong with it is thrown. */
async function read(bytes: Uint8Array, chunkSize = 512) {
  const head = await readPackageHead(stream(bytes, chunkSize));
  return readMembers(await collect(head.body()), head.files);
}

async function verdict(bytes: Uint8Array, chunkSize?: number): Promise<string> {
  try {
    await read(bytes, chunkSize);
    return 'whole';
  } catch (error) {
    if (error instanceof Failure && error.reason === 'corrupt-package') return 'corrupt-package';
    throw error;
  }
}

test('a package of format 3 has no region, and lists its files by whole names', async () => {
  const tags: Tags = [
    ...NVRA_TAGS,
    ...fileTags(FILES).filter(([tag]) => tag < 1116 && tag !== TAG.fileDigests),
    [TAG.oldFileNames, { strings: FILES.map(({ path }) => path) }],
    [
      TAG.fileDigests,
      { strings: FILES.map(({ data }) => createHash('md5').update(data).digest('hex')) },
    ],
  ];
  const bytes = writePackage(
    writeHeader(tags),
    ARCHIVE,
    writeHeader([[1000, { int32: [writeHeader(tags).length + ARCHIVE.length] }]]),
  );
  const { head, members } = await readPackage(bytes);
  expect(head).toMatchObject({ format: 3, headerDigests: [] });
  expect(members.map((member) => `${member.file.path} ${member.data}`)).toEqual([
    '/lib/a first',
    '/lib/b second',
  ]);
  expect(head.files[0]?.digest?.algorithm).toBe('md5');
});

test('a package of format 6 has long sizes, SHA-3 and a stripped payload', async () => {
  const archive = Buffer.concat([
    ...FILES.map(({ data }, index) => stripped(index, data)),
    TRAILER,
  ]);
  const header = writeHeader(
    [
      ...NVRA_TAGS,
      ...fileTags(FILES, true),
      [TAG.rpmFormat, { int32: [6] }],
      [TAG.payloadSize, { int64: [archive.length] }],
      [TAG.payloadSizeUnpacked, { int64: [archive.length] }],
      [TAG.payloadDigest, { strings: [sha256(archive)] }],
    ],
    63,
  );
  const signatures = writeHeader(
    [
      [SIGNATURE_TAG.sha256, { string: sha256(header) }],
      [SIGNATURE_TAG.sha3, { string: createHash('sha3-256').update(header).digest('hex') }],
      [999, { binary: Buffer.alloc(128) }],
    ],
    62,
  );
  const { head, members } = await readPackage(writePackage(header, archive, signatures));
  expect(head).toMatchObject({ format: 6, headerDigests: ['sha256', 'sha3-256'] });
  expect(head.payload).toMatchObject({
    size: archive.length,
    unpackedSize: archive.length,
    compressor: 'none',
  });
  expect(members.map((member) => `${member.data}`)).toEqual(['first', 'second']);
  expect(nvraText(head.nvra)).toBe('written-1-2.x86_64');
});

test('a name that is no UTF-8 is kept, a character for a byte', async () => {
  const odd = Buffer.from(HEADER);
  odd.set([0xe9], odd.indexOf('\0a\0b\0') + 1);
  const head = await readPackageHead(stream(writePackage(odd, ARCHIVE)));
  expect(head.files[0]?.path).toBe('/lib/é');
});

test.each<[string, () => Buffer, RegExp]>([
  [
    'no RPM',
    () => Buffer.from('<html>404 Not Found</html>'.repeat(9)),
    /not an RPM: it begins with 3c68746d/,
  ],
  ['nothing', () => Buffer.alloc(0), /ends at byte 0, in its lead, which goes on to byte 96/],
  [
    'a changed header',
    () => {
      const bytes = Buffer.from(PACKAGE);
      bytes[bytes.indexOf('written')] = 1;
      return bytes;
    },
    /header's sha1 is [0-9a-f]{40}, but the package says/,
  ],
  [
    'a changed payload',
    () => {
      const bytes = Buffer.from(PACKAGE);
      bytes[bytes.indexOf('second')] = 1;
      return bytes;
    },
    /payload's sha256 is [0-9a-f]{64}, but the header says/,
  ],
  [
    'a longer payload',
    () => Buffer.concat([PACKAGE, words(0)]),
    /payload goes on after the \d+ bytes/,
  ],
  ['a payload that was cut', () => PACKAGE.subarray(0, -4), /payload ends after \d+ of \d+ bytes/],
  ['a delta', () => withTags([TAG.payloadFormat, { string: 'drpm' }]), /format is 'drpm'/],
  [
    'an unknown compressor',
    () => withTags([TAG.payloadCompressor, { string: 'brotli' }]),
    /compressor is 'brotli'/,
  ],
  [
    'a compressor that lies',
    () => withTags([TAG.payloadCompressor, { string: 'xz' }]),
    /should be xz, but begins with 303730373031/,
  ],
  ['no name', () => writePackage(writeHeader(without(TAG.name), 63), ARCHIVE), /has no name/],
  [
    'a name that is a number',
    () => withTags([TAG.name, { int32: [1] }]),
    /tag 1000 has type 4 where a string/,
  ],
  [
    'sizes for one file of two',
    () => withTags([TAG.fileSizes, { int32: [5] }]),
    /lists 2 files, but its tag 1028 has 1/,
  ],
  ['folders for one file of two', () => withTags([TAG.dirIndexes, { int32: [0] }]), /folders of 1/],
  [
    'a folder that is not there',
    () => withTags([TAG.dirIndexes, { int32: [0, 1] }]),
    /'b' into folder 1 of 1/,
  ],
  [
    'a name with ..',
    () => withTags([TAG.baseNames, { strings: ['a', '../../etc/passwd'] }]),
    /'\/lib\/..\/..\/etc\/passwd', which is not a path/,
  ],
  [
    'a relative name',
    () => withTags([TAG.dirNames, { strings: ['lib/'] }]),
    /'lib\/a', which is not a path/,
  ],
  ['a name twice', () => withTags([TAG.baseNames, { strings: ['a', 'a'] }]), /'\/lib\/a' twice/],
  [
    'a name of 5000 bytes',
    () => withTags([TAG.baseNames, { strings: ['a', 'b'.repeat(5000)] }]),
    /absurd length/,
  ],
  [
    'a string without end',
    () => writePackage(endless([TAG.payloadCompressor, { string: 'gzip' }]), ARCHIVE),
    /tag 1125 has a string that does not end/,
  ],
  [
    'a list with fewer strings than it says',
    () => writePackage(endless([TAG.payloadDigest, { strings: ['ab', 'cd'] }]), ARCHIVE),
    /tag 5092 has a string that does not end/,
  ],
  [
    'a list without end',
    () => withTags([TAG.baseNames, { strings: Array<string>(300_000).fill('') }]),
    /tag 1117 has 300000 values; at most 262144 are sane/,
  ],
  [
    'a digest that is none',
    () => withTags([TAG.fileDigests, { strings: ['xyz', 'xyz'] }]),
    /'\/lib\/a' is no hexadecimal/,
  ],
  [
    'a size of 2^63',
    () => withTags([TAG.longFileSizes, { int64: [2 ** 63, 6] }]),
    /tag 5008 has the absurd number/,
  ],
])('%s is refused', async (_, make, message) => {
  const reading = read(make());
  await expect(reading).rejects.toThrow(message);
  await expect(reading).rejects.toMatchObject({ reason: 'corrupt-package' });
});

test('an entry outside of the region, which no signature covers, is refused', async () => {
  const entries = HEADER.readUInt32BE(8);
  const smuggled = Buffer.concat([
    HEADER.subarray(0, 8),
    words(entries + 1, HEADER.readUInt32BE(12)),
    HEADER.subarray(16, 16 + entries * 16),
    words(5999, 4, 0, 1),
    HEADER.subarray(16 + entries * 16),
  ]);
  await expect(read(writePackage(smuggled, ARCHIVE))).rejects.toThrow(
    'region leaves out a part of it',
  );
});

test('a package cut at any byte is refused', async () => {
  for (let length = 0; length < PACKAGE.length; length++) {
    expect(await verdict(PACKAGE.subarray(0, length), 4096)).toBe('corrupt-package');
  }
  expect(await verdict(PACKAGE)).toBe('whole');
});

test('any byte changed in header or payload is noticed; in lead and signature header it is read or refused', async () => {
  const header = PACKAGE.indexOf(HEADER);
  for (let at = 0; at < PACKAGE.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(PACKAGE);
      changed.writeUInt8((changed[at] ?? 0) ^ mask, at);
      const result = await verdict(changed, 4096);
      if (at >= header) expect(result).toBe('corrupt-package');
      else expect(['whole', 'corrupt-package']).toContain(result);
    }
  }
});

/** A header without a stated digest, so that its own bounds are what stops it. */
const bare = (header: Buffer) =>
  Buffer.concat([LEAD, NO_SIGNATURES, Buffer.alloc(-NO_SIGNATURES.length & 7), header, ARCHIVE]);

test('absurd numbers at any place of both headers are read or refused, at once and without memory', async () => {
  const absurd = [
    0, 1, 15, 0xff, 0xffff, 0x10000, 0x8000, 0x0fffffff, 0x7fffffff, 0x80000000, 0xfffffff0,
    0xffffffff,
  ];
  const whole = bare(HEADER);
  expect(await verdict(whole)).toBe('whole');
  const before = process.memoryUsage().arrayBuffers;
  let cases = 0;
  for (let at = LEAD.length; at < whole.length - ARCHIVE.length; at += 4) {
    for (const value of absurd) {
      const changed = Buffer.from(whole);
      changed.writeUInt32BE(value, at);
      expect(['whole', 'corrupt-package']).toContain(await verdict(changed, 4096));
      cases += 1;
    }
  }
  expect(cases).toBeGreaterThan(2000);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
});

test('a length is not believed before its bytes have come', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const promise = Buffer.concat([LEAD, words(0x8eade801, 0, 32, 64 * 1024 * 1024)]);
  await expect(read(promise)).rejects.toThrow(
    /ends at byte 112, in the signature header, which goes on to byte 67109488/,
  );
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
});

test('arbitrary bytes in the place of a header are read or refused', async () => {
  const patches = fc.array(fc.tuple(fc.nat(HEADER.length), fc.uint8Array({ maxLength: 16 })), {
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(patches, fc.integer({ min: 1, max: 4096 }), async (all, chunkSize) => {
      const header = Buffer.from(HEADER);
      for (const [at, bytes] of all) header.set(bytes.subarray(0, header.length - at), at);
      expect(['whole', 'corrupt-package']).toContain(await verdict(bare(header), chunkSize));
    }),
    { numRuns: 3000 },
  );
});

test('files of every kind are told by their mode', async () => {
  const kinds = [REGULAR, 0o040755, 0o120777, 0o020600].map((mode, index) => ({
    path: `/${index}`,
    data: Buffer.alloc(0),
    mode,
  }));
  const head = await readPackageHead(
    stream(writePackage(writeHeader([...NVRA_TAGS, ...fileTags(kinds)], 63), TRAILER)),
  );
  expect(head.files.map((file) => file.kind)).toEqual(['file', 'directory', 'symlink', 'other']);
});

test('errors of the source are passed on as they are', async () => {
  async function* broken() {
    yield PACKAGE.subarray(0, 300);
    throw new Failure('network', 'The connection broke.');
  }
  await expect(readPackageHead(broken())).rejects.toMatchObject({ reason: 'network' });
});
