/** The cpio parser on archives that are written here, whole and broken. */
import fc from 'fast-check';
import { Failure } from '../../src/failure.ts';
import { beginningOf, CpioParser } from '../../src/rpm/cpio.ts';
import { type PackageFile, packageFiles } from '../../src/rpm/files.ts';
import { HEADER, Header } from '../../src/rpm/header.ts';
import { readMembers } from './read.ts';
import {
  aligned,
  byteSum,
  fileTags,
  NVRA_TAGS,
  newc,
  stripped,
  TRAILER,
  type WrittenFile,
  writeHeader,
} from './write.ts';

const listOf = (files: readonly WrittenFile[], long = false): PackageFile[] =>
  packageFiles(
    new Header(writeHeader([...NVRA_TAGS, ...fileTags(files, long)], 63), HEADER),
    false,
  );

const file = (path: string, text: string, inode?: number): WrittenFile =>
  inode === undefined
    ? { path, data: Buffer.from(text) }
    : { path, data: Buffer.from(text), inode };

const A = file('/lib/a', 'first');
const B = file('/lib/b', 'the second one');
const LIST = listOf([A, B]);
const MEMBER_A = newc('./lib/a', A.data);
const MEMBER_B = newc('./lib/b', B.data);

function read(files: readonly PackageFile[], ...parts: Uint8Array[]) {
  return readMembers(Buffer.concat(parts), files).map(
    (member) => `${member.file.path} ${member.data}`,
  );
}

test.each([
  ['./lib/a', './lib/b'],
  ['lib/a', 'lib/b'],
  ['/lib/a', '/lib/b'],
])('names as %s are those of the header', (first, second) => {
  const members = read(LIST, newc(second, B.data), newc(first, A.data), TRAILER);
  expect(members).toEqual(['/lib/b the second one', '/lib/a first']);
});

test('sums of crc members are checked', () => {
  const summed = (sum: number) => newc('./lib/a', A.data, sum);
  expect(read(LIST, summed(byteSum(A.data)), MEMBER_B, TRAILER)).toHaveLength(2);
  expect(() => read(LIST, summed(byteSum(A.data) + 1), MEMBER_B, TRAILER)).toThrow(
    /data with the sum 552, which should be 553/,
  );
});

test('stripped members have the size that the header says', () => {
  const list = listOf([A, B], true);
  const members = read(list, stripped(1, B.data), stripped(0, A.data), TRAILER);
  expect(members).toEqual(['/lib/b the second one', '/lib/a first']);
  const marked = Buffer.from('07070Xffffffff\0\0');
  expect(read(list, stripped(1, B.data), stripped(0, A.data), marked)).toEqual(members);
});

test('the data of stripped hard links comes with the last', () => {
  const list = listOf([file('/x', 'same', 7), file('/y', 'same', 7), file('/z', 'same', 7)], true);
  const none = Buffer.alloc(0);
  const archive = [stripped(0, none), stripped(1, none), stripped(2, Buffer.from('same')), TRAILER];
  expect(read(list, ...archive)).toEqual(['/x ', '/y ', '/z same']);
});

test('a ghost may be there, as rpm before 4.11 had it, and may not', () => {
  const list = listOf([A, { ...file('/ghost', '123'), flags: 64 }]);
  expect(read(list, newc('./lib/a', A.data), TRAILER)).toEqual(['/lib/a first']);
  const ghost = newc('./ghost', Buffer.alloc(0));
  expect(read(list, ghost, newc('./lib/a', A.data), TRAILER)).toEqual(['/ghost ', '/lib/a first']);
});

test('only chosen members give data, and their end comes before the next member', () => {
  const events: string[] = [];
  const parser = new CpioParser(LIST, (member) => {
    events.push(`begin ${member.file.path}`);
    if (!member.holds('/lib/a')) return undefined;
    return { data: (bytes) => events.push(`data ${bytes.length}`), end: () => events.push('end') };
  });
  parser.push(Buffer.concat([MEMBER_A, MEMBER_B, TRAILER]));
  parser.finish();
  expect(events).toEqual(['begin /lib/a', 'data 5', 'end', 'begin /lib/b']);
});

const none = Buffer.alloc(0);
const absurd = (at: number, digits: string) => {
  const member = Buffer.from(MEMBER_A);
  member.write(digits, at, 'latin1');
  return member;
};
const EMPTY = listOf([file('/e', '')]);
const linked = listOf([file('/x', 'same', 7), file('/y', 'same', 7)]);

test.each<[string, PackageFile[], Uint8Array[], RegExp]>([
  ['no archive', LIST, [Buffer.from('hello, world')], /'hello,' where the next file should begin/],
  ['an old cpio', LIST, [Buffer.from('070707000')], /'070707' where/],
  ['nothing', LIST, [], /ends at byte 0, between two files, without a trailer/],
  ['an end in data', LIST, [MEMBER_A.subarray(0, 122)], /ends at byte 122, in '\/lib\/a'/],
  ['no trailer', LIST, [MEMBER_A, MEMBER_B], /without a trailer/],
  ['a trailer too early', LIST, [MEMBER_A, TRAILER], /trailer, but '\/lib\/b' has not come/],
  ['a member twice', LIST, [MEMBER_A, MEMBER_A], /'\/lib\/a' for the second time/],
  ['an empty member twice', EMPTY, [newc('e', none), newc('e', none)], /'\/e' for the second time/],
  ['a name with ..', LIST, [newc('./lib/../lib/a', A.data)], /does not list/],
  ['a name that leaves', LIST, [newc('../../etc/passwd', A.data)], /does not list/],
  [
    'another name',
    LIST,
    [newc('/etc/passwd', A.data)],
    /'\/etc\/passwd', which the header does not/,
  ],
  [
    'more data than promised',
    LIST,
    [newc('./lib/a', B.data)],
    /14 bytes, of which the header says 5/,
  ],
  ['less data than promised', LIST, [newc('./lib/a', none)], /0 bytes, of which the header says 5/],
  ['4 GiB of data', LIST, [absurd(54, 'ffffffff')], /4294967295 bytes, of which the header says 5/],
  ['a name of 4 GiB', LIST, [absurd(94, 'ffffffff')], /a name of 4294967295 bytes/],
  ['a name of nothing', LIST, [absurd(94, '00000000')], /a name of 0 bytes/],
  ['a name with a NUL', LIST, [newc('./lib/a\0b', A.data)], /not as long as it says/],
  ['a number that is none', LIST, [absurd(54, '  -1e+3 ')], /where a number should be/],
  ['a number that is none, stripped', LIST, [Buffer.from('07070X0x000001\0\0')], /where a number/],
  ['an index beyond the list', LIST, [stripped(2, none)], /the file 2 of 2/],
  ['data in the padding', LIST, [newc('./lib/a', A.data).fill(1, 125)], /else than zeros/],
  ['bytes behind the trailer', LIST, [MEMBER_A, MEMBER_B, TRAILER, MEMBER_A], /else than zeros/],
  ['zeros without end', LIST, [MEMBER_A, MEMBER_B, TRAILER, Buffer.alloc(513)], /more than 512/],
  ['hard links without data', linked, [newc('x', none), newc('y', none), TRAILER], /has not come/],
  [
    'the data of hard links twice',
    linked,
    ['x', 'y'].map((name) => newc(name, Buffer.from('same'))),
    /second time/,
  ],
])('%s is refused', (_, list, parts, message) => {
  expect(() => read(list, ...parts)).toThrow(message);
  expect(() => read(list, ...parts)).toThrow(
    expect.objectContaining({ reason: 'corrupt-package' }),
  );
});

const names = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), {
  maxLength: 8,
  selector: (name) => name,
});
const written = names
  .map((all) => all.map((name) => name.replace(/[/\0]/g, '_')))
  .filter((all) => new Set(all).size === all.length && !all.some((name) => name === '..'))
  .chain((all) =>
    fc.tuple(
      ...all.map((name) =>
        fc
          .uint8Array({ maxLength: 300 })
          .map((data) => ({ path: `/f/${name}`, data: Buffer.from(data) })),
      ),
    ),
  );
const formats = fc.constantFrom('newc', 'crc', 'stripped');

function archiveOf(files: readonly WrittenFile[], format: string): Buffer {
  const members = files.map(({ path, data }, index) =>
    format === 'stripped'
      ? stripped(index, data)
      : newc(`.${path}`, data, format === 'crc' ? byteSum(data) : undefined),
  );
  return Buffer.concat([...members, TRAILER]);
}

test('any files in any format, cut into any chunks, come out as they went in', () => {
  fc.assert(
    fc.property(
      written,
      formats,
      fc.array(fc.integer({ min: 0, max: 500 })),
      (files, format, cuts) => {
        const archive = archiveOf(files, format);
        const got: string[] = [];
        const parser = new CpioParser(listOf(files), (member) => {
          const chunks: Uint8Array[] = [];
          return {
            data: (bytes) => chunks.push(bytes),
            end: () => got.push(`${member.file.path} ${Buffer.concat(chunks).toString('hex')}`),
          };
        });
        let at = 0;
        for (const cut of cuts) {
          parser.push(archive.subarray(at, at + cut));
          at += cut;
        }
        parser.push(archive.subarray(at));
        parser.finish();
        expect(got).toEqual(files.map(({ path, data }) => `${path} ${data.toString('hex')}`));
        expect(parser.offset).toBe(archive.length);
      },
    ),
    { numRuns: 500 },
  );
});

test('the header tells where the data of every member begins, up to the first name that is not plain ASCII', () => {
  fc.assert(
    fc.property(written, formats, (files, format) => {
      const list = listOf(files);
      const archive = archiveOf(files, format);
      const strange = files.findIndex(({ path }) => /[^\x20-\x7e]/.test(path));
      for (const [index, { data }] of files.entries()) {
        const begins = beginningOf(list, index, format === 'stripped');
        expect(begins === undefined).toBe(strange !== -1 && strange <= index);
        if (begins === undefined) continue;
        expect(archive.subarray(begins, begins + data.length).equals(data)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

test('the header tells nothing from the first hard link on, and that a ghost takes no room', () => {
  const links = [file('/b', 'same', 7), file('/c', 'same', 7)];
  const list = listOf([{ ...file('/a', '123'), flags: 64 }, file('/aa', 'x'), ...links, A]);
  const head = newc('./aa', Buffer.from('x')).indexOf('x');
  const begins = list.map(({ index }) => beginningOf(list, index, false));
  expect(begins).toEqual([undefined, head, undefined, undefined, undefined]);
});

/** Reads, and says whether it was whole or refused; anything but a `corrupt-package` is thrown. */
function verdict(archive: Uint8Array, list: readonly PackageFile[]): string {
  try {
    readMembers(archive, list, 64);
    return 'whole';
  } catch (error) {
    if (error instanceof Failure && error.reason === 'corrupt-package') return 'corrupt-package';
    throw error;
  }
}

test.each(['newc', 'crc', 'stripped'])('a %s archive cut at any byte is refused', (format) => {
  const archive = archiveOf([A, B], format);
  for (let length = 0; length < archive.length; length++) {
    expect(verdict(archive.subarray(0, length), LIST)).toBe('corrupt-package');
  }
  expect(verdict(archive, LIST)).toBe('whole');
});

test.each(['newc', 'crc', 'stripped'])(
  'a %s archive with any byte changed is read or refused, never worse',
  (format) => {
    const archive = archiveOf([A, B], format);
    for (let at = 0; at < archive.length; at++) {
      for (const mask of [0x01, 0x10, 0x80, 0xff]) {
        const changed = Buffer.from(archive);
        changed.writeUInt8((changed[at] ?? 0) ^ mask, at);
        expect(['whole', 'corrupt-package']).toContain(verdict(changed, LIST));
      }
    }
  },
);

test('arbitrary bytes, and arbitrary bytes put into an archive, are read or refused', () => {
  const patch = fc.tuple(fc.nat(600), fc.uint8Array({ maxLength: 24 }));
  fc.assert(
    fc.property(
      written,
      formats,
      fc.array(patch, { minLength: 1, maxLength: 6 }),
      (files, format, patches) => {
        const archive = archiveOf(files, format);
        for (const [at, bytes] of patches)
          archive.set(
            bytes.subarray(0, Math.max(0, archive.length - at)),
            Math.min(at, archive.length),
          );
        expect(['whole', 'corrupt-package']).toContain(verdict(archive, listOf(files)));
      },
    ),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
      expect(verdict(aligned(bytes), LIST)).toBe('corrupt-package');
    }),
    { numRuns: 500 },
  );
});
