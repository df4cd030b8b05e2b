import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkBtf, checkPublishable } from '../../src/btf/check.ts';
import { withFile } from '../../src/btf/file.ts';
import { loadBtf, readBtfAndBase } from '../../src/btf/load.ts';
import { makePlain } from '../../src/btf/plain.ts';
import { Btf } from '../../src/btf/reader.ts';
import { remapIds } from '../../src/btf/remap.ts';
import { StringTable, writeBtf } from '../../src/btf/write.ts';
import { writeElf } from '../../src/btf/write-elf.ts';
import { assemble, INT, type Row, stringsOf } from './assemble.ts';
import { bpftoolTypes, compile, EVERY_KIND, paholeBtf, temporaryFolder } from './made.ts';

const folder = temporaryFolder();
const ANY = { kind: 'any' } as const;
const badBtf = (message: RegExp) =>
  expect.objectContaining({ reason: 'bad-btf', message: expect.stringMatching(message) });

const WIDE: Row = {
  kind: 'ENUM',
  name: 'wide',
  vlen: 70_000,
  word: 4,
  rest: Array.from({ length: 70_000 }, (_, index) => ['value', index]).flat(),
};
const STRUCT: Row = { kind: 'STRUCT', name: 's', vlen: 1, word: 4, rest: ['a', 1, 0] };
/** A type of kind 20: one word, and two elements of two words. */
const NEWER: Row = { kind: 20, name: 'inline_site', vlen: 2, word: 1, rest: [7, 1, 2, 3, 4] };
const NEWER_LAYOUT = { layout: [[4, 8]] } as const;

describe.each(['little', 'big'] as const)('%s-endian', (order) => {
  test('a header of 32 bytes is sound, with and without a layout section', () => {
    const plain = assemble([INT, STRUCT], { order });
    for (const shape of [{ longHeader: true }, { layout: [] }]) {
      const bytes = assemble([INT, STRUCT], { order, ...shape });
      expect(checkBtf(bytes, ANY)).toMatchObject({ byteOrder: order, types: 2 });
      expect([...new Btf(bytes).types()]).toEqual([...new Btf(plain).types()]);
      expect(Buffer.from(makePlain(bytes))).toEqual(plain);
      expect(() => checkPublishable(bytes, ANY)).toThrow(badBtf(/header has 32 bytes/));
    }
    expect(checkPublishable(plain, ANY).types).toBe(2);
  });

  test('an enum of 70,000 values is read in full, and is not published', () => {
    const bytes = assemble([WIDE], { order });
    const [type] = new Btf(bytes).types();
    expect(type).toMatchObject({ values: { length: 70_000, 69999: { value: 69_999 } } });
    expect(checkBtf(bytes, ANY).types).toBe(1);
    expect(() => makePlain(bytes)).toThrow(badBtf(/70000 elements, and 65535 is the most/));
    expect(() => checkPublishable(bytes, ANY)).toThrow(badBtf(/70000 elements/));
  });

  test('a newer kind that the layout describes is stepped over and counted, and is not published', () => {
    const rows = [INT, NEWER, STRUCT, { kind: 'PTR', word: 2 } as const];
    const bytes = assemble(rows, { order, ...NEWER_LAYOUT });
    expect(checkBtf(bytes, ANY)).toMatchObject({ types: 4, kinds: { OPAQUE: 1, STRUCT: 1 } });
    expect(new Btf(bytes).type(2)).toEqual({
      kind: 'OPAQUE',
      id: 2,
      name: 'inline_site',
      number: 20,
    });
    expect(() => makePlain(bytes)).toThrow(badBtf(/types of kind 20/));
    expect(() => checkPublishable(bytes, ANY)).toThrow(badBtf(/types of kind 20/));
    const again = () => writeBtf([...new Btf(bytes).types()], new StringTable(), order);
    expect(again).toThrow(badBtf(/type 2 \(OPAQUE 'inline_site'\) is of kind 20/));
  });

  test('split BTF is read with its base, and refused without', () => {
    const base = assemble([INT, STRUCT], { order });
    const rows: Row[] = [
      { kind: 'PTR', word: 2 },
      { kind: 'STRUCT', name: 'own', vlen: 2, word: 16, rest: ['a', 3, 0, 'whole', 2, 64] },
      { kind: 'TYPEDEF', name: 'int', word: 4 },
    ];
    const split = assemble(rows, { order, baseStrings: stringsOf(base) });
    const btf = new Btf(split, new Btf(base));
    expect(btf.firstId).toBe(3);
    expect([...btf.types()]).toMatchObject([
      { id: 3, kind: 'PTR', type: 2 },
      { id: 4, name: 'own', members: [{ name: 'a' }, { name: 'whole', bitOffset: 64 }] },
      { id: 5, name: 'int', type: 4 },
    ]);
    expect(btf.type(2)).toMatchObject({ name: 's' });
    expect(checkBtf(split, ANY, new Btf(base))).toMatchObject({ types: 3 });
    expect(() => checkBtf(split, ANY)).toThrow(
      expect.objectContaining({ advice: expect.stringContaining('--base') }),
    );
    const wrong = assemble([{ kind: 'PTR', word: 9 }], { order, baseStrings: stringsOf(base) });
    expect(() => checkBtf(wrong, ANY, new Btf(base))).toThrow(badBtf(/type 3 \(PTR\) .* type 9/));
  });
});

test('split BTF that pahole makes is read as bpftool reads it', () => {
  const [base, split] = [join(folder, 'base.btf'), join(folder, 'split.btf')];
  writeFileSync(base, paholeBtf(folder, EVERY_KIND));
  const module = compile(folder, `${EVERY_KIND} struct own { struct task_struct *task; } own;`);
  execFileSync('pahole', ['--btf_base', base, '--btf_encode_detached', split, module]);
  const btf = new Btf(readFileSync(split), new Btf(readFileSync(base)));
  checkBtf(readFileSync(split), ANY, new Btf(readFileSync(base)));
  const json = execFileSync('bpftool', ['-B', base, '-j', 'btf', 'dump', 'file', split]);
  const theirs = JSON.parse(json.toString()).types as { id: number; kind: string; name: string }[];
  const ours = [...btf.types()].map(({ id, kind, name }) => ({ id, kind, name: name || '(anon)' }));
  expect(ours.length).toBeGreaterThan(0);
  expect(ours).toEqual(theirs.map(({ id, kind, name }) => ({ id, kind, name })));
});

test('a .BTF.base section is read beside the .BTF that builds on it', async () => {
  const base = assemble([{ kind: 'STRUCT', name: 'sk_buff', word: 232 }]);
  const own: Row = { kind: 'STRUCT', name: 'own', vlen: 1, word: 232, rest: ['skb', 1, 0] };
  const split = assemble([own], { baseStrings: stringsOf(base) });
  const path = join(folder, 'module.ko');
  const sections = [
    { name: '.BTF', bytes: split },
    { name: '.BTF.base', bytes: base },
  ];
  writeFileSync(path, writeElf({ machine: 62, type: 1, order: 'little' }, sections));
  const { btf, distilledBase } = await withFile(path, readBtfAndBase);
  expect(distilledBase).toEqual(base);
  expect(checkBtf(btf, ANY, new Btf(base)).types).toBe(1);
  expect(await loadBtf(path)).toEqual(split);
});

test('the attributes of TYPE_TAG and DECL_TAG are still attributes after they are written again', () => {
  const rows: Row[] = [INT, STRUCT];
  for (const kindFlag of [true, false]) {
    rows.push({ kind: 'TYPE_TAG', name: 'address_space(1)', word: 1, kindFlag });
    rows.push({ kind: 'DECL_TAG', name: 'packed', word: 2, kindFlag, rest: [-1] });
  }
  const bytes = assemble(rows);
  const types = [...new Btf(bytes).types()];
  expect(types.slice(2).map((type) => 'isAttribute' in type && type.isAttribute)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(writeBtf(types, new StringTable(), 'little')).toEqual(bytes);
});

test('a flag on a kind that has none is refused, not dropped', () => {
  expect(() => checkBtf(assemble([INT, { kind: 'PTR', word: 1, kindFlag: true }]), ANY)).toThrow(
    badBtf(/type 2 \(PTR\) has bits set/),
  );
});

test('types that are sorted by name are read as others are', () => {
  const path = join(folder, 'sorted.btf');
  const types = [...new Btf(paholeBtf(folder, EVERY_KIND)).types()];
  const order = types.toSorted((one, two) => (one.name < two.name ? -1 : 1));
  const ids = new Map(order.map(({ id }, index) => [id, index + 1]));
  expect(order.map(({ id }) => id)).not.toEqual(types.map(({ id }) => id));
  const sorted = order.map((type) => remapIds(type, (id) => ids.get(id) ?? 0));
  writeFileSync(path, writeBtf(sorted, new StringTable(), 'little'));
  expect(checkBtf(readFileSync(path), ANY).types).toBe(types.length);
  expect(bpftoolTypes(path)).toHaveLength(types.length);
});

test.each<[string, (bytes: Buffer) => void, RegExp]>([
  ['a layout section that leaves the file', (b) => b.writeUInt32LE(99_996, 28), /layout section/],
  ['a layout section within the types', (b) => b.writeUInt32LE(0, 24), /does not lie between/],
  ['a layout section of odd bytes', (b) => b.writeUInt32LE(3, 28), /whole words/],
  ['another size for a known kind', (b) => b.writeUInt8(8, layoutOf(b) + 4), /kind 1 \(INT\)/],
  ['a size of odd bytes', (b) => b.writeUInt8(3, layoutOf(b) + 80), /kind 20 a size/],
  ['a header that is longer than the file', (b) => b.writeUInt32LE(1 << 30, 4), /header says/],
])('%s is bad-btf', (_, damage, message) => {
  const bytes = assemble([INT, NEWER], NEWER_LAYOUT);
  damage(bytes);
  expect(() => checkBtf(bytes, ANY)).toThrow(badBtf(message));
});

test('bytes of a header beyond 32 must be zero', () => {
  const long = assemble([INT], { longHeader: true });
  const longer = Buffer.concat([long.subarray(0, 32), Buffer.alloc(8), long.subarray(32)]);
  longer.writeUInt32LE(40, 4);
  expect(checkBtf(longer, ANY).types).toBe(1);
  expect(Buffer.from(makePlain(longer))).toEqual(assemble([INT]));
  longer.writeUInt8(1, 36);
  expect(() => checkBtf(longer, ANY)).toThrow(badBtf(/byte 36 of its header/));
});

test('what is plain already comes back as it is', () => {
  const bytes = paholeBtf(folder, EVERY_KIND);
  expect(makePlain(bytes)).toBe(bytes);
});

function layoutOf(bytes: Buffer): number {
  return 32 + bytes.readUInt32LE(24);
}
