import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { readBootImage } from '../../src/boot-image/read.ts';
import { type Store, unpackBootImage } from '../../src/boot-image/unpack.ts';
import { bytesSource } from '../../src/btf/elf.ts';
import { Failure } from '../../src/failure.ts';
import { asUname } from '../../src/names.ts';
import { assemble, INT, type Row } from '../btf/assemble.ts';
import { programs, temporaryFolder } from '../btf/made.ts';
import {
  bzImage,
  compress,
  elfKernel,
  flatKernel,
  noise,
  readImage,
  smallBtf,
  UNAME,
  withoutSections,
  withSize,
  zboot,
} from './made.ts';

const folder = temporaryFolder();
const btf = smallBtf(folder);
const other = smallBtf(folder, 'cred');
const elf = elfKernel(folder, btf);
const flat = flatKernel({ form: 'arm64', btf: [btf] });

async function reasonOf(image: Buffer): Promise<string> {
  try {
    await readImage(image);
    return 'read';
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    expect(thrown.message).toMatch(/\.$/);
    return thrown.reason;
  }
}

test('a kernel without BTF is no-btf, as ELF, as a flat Image and stripped', async () => {
  expect(await reasonOf(elfKernel(folder, undefined))).toBe('no-btf');
  expect(await reasonOf(withoutSections(elfKernel(folder, undefined)))).toBe('no-btf');
  expect(await reasonOf(flatKernel({ form: 'arm64', btf: [] }))).toBe('no-btf');
});

test('two BTF blobs in one kernel are ambiguous-btf', async () => {
  expect(await reasonOf(flatKernel({ form: 'arm64', btf: [btf, other] }))).toBe('ambiguous-btf');
  expect(await reasonOf(flatKernel({ form: 'plain', btf: [btf, btf] }))).toBe('ambiguous-btf');
});

test('the BTF of an eBPF program inside of the kernel is told from that of the kernel by its size', async () => {
  const types = Array.from({ length: 200 }, (_, n): Row => ({ ...INT, name: `int${n}` }));
  const whole = assemble(types);
  const image = flatKernel({ form: 'riscv64', btf: [btf, whole, other] });
  const found = await readImage(image, { minimumTypes: 100 });
  expect(found.btf.equals(whole)).toBe(true);
});

test('the kernel of another package is bad-image, and named', async () => {
  const image = flatKernel({ form: 'arm64', btf: [btf] });
  const uname = asUname('6.6.0-1.0.0.1.oe2403.aarch64');
  await expect(readImage(image, { uname })).rejects.toMatchObject({
    reason: 'bad-image',
    message: expect.stringContaining(UNAME),
  });
  const longer = asUname(`${UNAME.slice(0, -1)}`);
  await expect(readImage(image, { uname: longer })).rejects.toMatchObject({ reason: 'bad-image' });
});

test('a file without the banner of a kernel, or with those of two, is bad-image', async () => {
  expect(await reasonOf(flatKernel({ form: 'arm64', banners: [], btf: [btf] }))).toBe('bad-image');
  const banners = [UNAME, '6.6.0-73.x86_64'];
  expect(await reasonOf(flatKernel({ form: 'arm64', banners, btf: [btf] }))).toBe('bad-image');
  expect(await reasonOf(noise(100_000))).toBe('bad-image');
  expect(await reasonOf(Buffer.alloc(0))).toBe('bad-image');
});

test('BTF that does not begin at a multiple of four is not taken for BTF', async () => {
  const image = flatKernel({ form: 'plain', btf: [Buffer.concat([Buffer.alloc(1), btf])] });
  expect(await reasonOf(image)).toBe('no-btf');
});

test('BTF with a type of an unknown kind is bad-btf: it is there, and cannot be read', async () => {
  const unknown = Buffer.from(btf);
  unknown.writeUInt32LE(0x1f000000, 24 + 4);
  expect(await reasonOf(flatKernel({ form: 'arm64', btf: [unknown] }))).toBe('bad-btf');
});

test.each([
  ['a payload beyond the end of the file', 0x24c, 0x7fffffff],
  ['a payload of no bytes', 0x24c, 0],
  ['a payload that begins beyond the end', 0x248, 0xffffffff],
  ['a boot protocol that has no payload offset', 0x206, 0x00000205],
])('a bzImage whose header states %s is bad-image', async (_, offset, value) => {
  const image = bzImage(withSize('gzip', elf));
  if (offset === 0x206) image.writeUInt16LE(value, offset);
  else image.writeUInt32LE(value, offset);
  expect(await reasonOf(image)).toBe('bad-image');
});

test('a payload that unpacks to another size than it states is bad-image', async () => {
  const packed = withSize('xz', elf);
  packed.writeUInt32LE(elf.length + 1, packed.length - 4);
  expect(await reasonOf(bzImage(packed))).toBe('bad-image');
});

test('an EFI zboot image whose header states other lengths is bad-image', async () => {
  for (const [offset, value] of [
    [8, 0xfffffff0],
    [12, 0x7fffffff],
    [12, 20],
  ] as const) {
    const image = zboot('gzip', flat);
    image.writeUInt32LE(value, offset);
    expect(await reasonOf(image)).toBe('bad-image');
  }
});

test('what unpacks to more than a kernel may have is stopped on the way, and named', async () => {
  // 4 GB of zeros in about 4 MB: gzip members follow one another.
  const member = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const bomb = Buffer.concat(Array.from({ length: 64 }, () => member));
  let written = 0;
  let removed = false;
  const counting = async (): Promise<Store> => ({
    write: async (bytes) => {
      written += bytes.length;
    },
    finish: async (name) => bytesSource(name, Buffer.alloc(0)),
    remove: async () => {
      removed = true;
    },
  });
  const unpacking = unpackBootImage(bytesSource('bomb', bomb), { programs, store: counting });
  await expect(unpacking).rejects.toMatchObject({ reason: 'bad-image' });
  expect(written).toBeLessThanOrEqual(256 * 1024 * 1024);
  expect(removed).toBe(true);
});

test('gzip around gzip around gzip, again and again, ends in a named reason', async () => {
  let image = flat;
  for (let depth = 0; depth < 12; depth++) image = gzipSync(image);
  expect(await reasonOf(image)).toBe('bad-image');
});

test('thousands of places that look like BTF end in a named reason', async () => {
  const head = Buffer.from(btf.subarray(0, 24));
  const image = Buffer.concat([...Array.from({ length: 5000 }, () => head), flat]);
  expect(await reasonOf(image)).toBe('ambiguous-btf');
});

const NAMED = ['read', 'bad-image', 'no-btf', 'bad-btf', 'ambiguous-btf', 'missing-program'];

const small: readonly (readonly [string, Buffer])[] = [
  ['an ELF kernel', elf],
  ['an ELF kernel without sections', withoutSections(elf)],
  ['a flat Image', flat],
  ['a flat Image in gzip', gzipSync(flat)],
  ['a bzImage of gzip', bzImage(withSize('gzip', elf))],
  ['an EFI zboot image of gzip', zboot('gzip', flat)],
];

test.each(small)('%s that is cut off anywhere is read or named', async (_, image) => {
  const step = Math.max(1, Math.floor(image.length / 400));
  for (let length = 0; length < image.length; length += step) {
    expect(NAMED).toContain(await reasonOf(image.subarray(0, length)));
  }
});

test.each(small)('%s with bytes changed anywhere is read or named', async (_, image) => {
  const change = fc.tuple(fc.nat(image.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
      const copy = Buffer.from(image);
      for (const [at, value] of changes) copy[at] = value;
      expect(NAMED).toContain(await reasonOf(copy));
    }),
    { numRuns: 700 },
  );
});

test.each(small)('%s with absurd numbers in its headers is read or named', async (_, image) => {
  const places = [0x08, 0x0c, 0x28, 0x3a, 0x3c, 0x3e, 0x1f1, 0x206, 0x248, 0x24c];
  const ends = Array.from({ length: 32 }, (_, n) => image.length - 128 + n * 4);
  for (const at of [...places, ...ends].filter((one) => one + 4 <= image.length)) {
    for (const value of [0xffffffff, 0x80000000, 0x7fffffff, 0x10000, 1, 0]) {
      const copy = Buffer.from(image);
      copy.writeUInt32LE(value, at);
      expect(NAMED).toContain(await reasonOf(copy));
    }
  }
});

test.each(['xz', 'lzma', 'zstd', 'bzip2', 'lz4'] as const)(
  'a bzImage of %s that is cut off or changed is read or named',
  async (name) => {
    if (programs.find(name === 'lzma' ? 'xz' : name) === undefined) {
      process.stderr.write(`skipping damaged images of ${name}: it is not installed\n`);
      return;
    }
    const packed = withSize(name, elf);
    const whole = bzImage(packed);
    const end = whole.indexOf(packed) + packed.length;
    for (let n = 1; n <= 40; n++) {
      const cut = whole.subarray(0, Math.floor((end * n) / 41));
      expect(await reasonOf(cut)).toBe('bad-image');
      const changed = Buffer.from(whole);
      const at = 2048 + Math.floor(((end - 2048) * n) / 41);
      changed[at] = (changed[at] ?? 0) ^ 0x5a;
      expect(NAMED).toContain(await reasonOf(changed));
    }
  },
);

test('whatever bytes there are, they are read or named', async () => {
  const beginnings = [
    '7f454c46020101',
    '1f8b08',
    '4d5a00007a696d67',
    '28b52ffd',
    'fd377a585a00',
    '',
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...beginnings.filter((hex) => !/^(28|fd)/.test(hex))),
      fc.uint8Array({ maxLength: 2000 }),
      async (start, rest) => {
        expect(NAMED).toContain(await reasonOf(Buffer.concat([Buffer.from(start, 'hex'), rest])));
      },
    ),
    { numRuns: 1500 },
  );
});

test('nothing of an image stays in its stores after a refusal', async () => {
  let open = 0;
  const counting = async (): Promise<Store> => {
    open += 1;
    const chunks: Uint8Array[] = [];
    return {
      write: async (bytes) => void chunks.push(Buffer.from(bytes)),
      finish: async (name) => bytesSource(name, Buffer.concat(chunks)),
      remove: async () => {
        open -= 1;
      },
    };
  };
  const images = [
    gzipSync(noise(1000)),
    gzipSync(gzipSync(flatKernel({ form: 'arm64', btf: [] }))),
    compress('gzip', bzImage(withSize('gzip', noise(5000)))),
  ];
  for (const image of images) {
    const sought = { uname: UNAME, minimumTypes: 1 };
    const unpacking = { programs, store: counting };
    await expect(readBootImage(bytesSource('x', image), unpacking, sought)).rejects.toThrow(
      Failure,
    );
  }
  expect(open).toBe(0);
});
