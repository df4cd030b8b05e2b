import { checkBtf } from '../../src/btf/check.ts';
import { rebaseOnKernel } from '../../src/btf/distilled.ts';
import { mergeModules } from '../../src/btf/merge.ts';
import { Btf } from '../../src/btf/reader.ts';
import { assemble, INT, type Row, stringsOf } from './assemble.ts';

const struct = (name: string, word: number): Row => ({
  kind: 'STRUCT',
  name,
  word,
  vlen: 1,
  rest: ['first', 1, 0],
});
const kernelRows: readonly Row[] = [
  INT,
  struct('list', 8),
  struct('device', 24),
  struct('twice', 8),
  struct('twice', 16),
  { kind: 'ENUM', name: 'state', word: 4, vlen: 1, rest: ['NEW', 0] },
  { kind: 'UNION', name: 'either', word: 4, vlen: 1, rest: ['first', 1, 0] },
];
const kernelBytes = assemble(kernelRows);
const kernel = new Btf(kernelBytes);

/** What pahole's distilled_base leaves of the types that the module uses: names, and sizes. */
const baseRows: readonly Row[] = [
  { kind: 'STRUCT', name: 'device', word: 24 },
  INT,
  { kind: 'FWD', name: 'list' },
  { kind: 'STRUCT', name: 'twice', word: 16 },
  { kind: 'ENUM', name: 'state', word: 4 },
  { kind: 'FWD', name: 'either', kindFlag: true },
];
const moduleRows: readonly Row[] = [
  {
    kind: 'STRUCT',
    name: 'conn',
    word: 72,
    vlen: 6,
    rest: [
      ...['device', 1, 0, 'number', 2, 192, 'next', 8, 256],
      ...['twice', 4, 320, 'state', 5, 448, 'either', 9, 480],
    ],
  },
  { kind: 'PTR', word: 3 },
  { kind: 'PTR', word: 6 },
];

function moduleOn(base: readonly Row[], own = moduleRows): Btf {
  const bytes = assemble(base);
  const split = assemble(own, { baseStrings: stringsOf(bytes) });
  return new Btf(split, new Btf(bytes));
}

/** What a member's type is, through a pointer. */
function memberTypes(btf: Btf): Record<string, string> {
  const conn = btf.type(kernel.lastId + 1);
  if (conn.kind !== 'STRUCT') throw new Error(conn.kind);
  return Object.fromEntries(
    conn.members.map(({ name, type }) => {
      const member = btf.type(type);
      const target = member.kind === 'PTR' ? btf.type(member.type) : member;
      return [name, `${target.kind} ${target.name} ${target.id}`];
    }),
  );
}

test('every type of the distilled base becomes the type of the kernel with its name, kind and size', () => {
  const bytes = rebaseOnKernel(moduleOn(baseRows), kernel);
  expect(checkBtf(bytes, { kind: 'any' }, kernel).types).toBe(3);
  const expected = {
    device: 'STRUCT device 3',
    number: 'INT int 1',
    next: 'STRUCT list 2',
    twice: 'STRUCT twice 5',
    state: 'ENUM state 6',
    either: 'UNION either 7',
  };
  expect(memberTypes(new Btf(bytes, kernel))).toEqual(expected);
  const merged = mergeModules(kernelBytes, [{ name: 'conn', bytes }]);
  expect(memberTypes(new Btf(merged.btf))).toEqual(expected);
});

test.each<[string, number, Row, RegExp]>([
  [
    'has another size where it is embedded',
    0,
    { kind: 'STRUCT', name: 'device', word: 32 },
    /no STRUCT 'device'/,
  ],
  ['is not there', 0, { kind: 'STRUCT', name: 'gone', word: 24 }, /no STRUCT 'gone'/],
  ['is of another kind', 0, { kind: 'UNION', name: 'device', word: 24 }, /no UNION 'device'/],
  ['is a number of another size', 1, { ...INT, word: 8 }, /no INT 'int'/],
  [
    'is one of two that a pointer may mean',
    2,
    { kind: 'FWD', name: 'twice' },
    /several types .* FWD 'twice'/,
  ],
])('a module whose base names a type that %s is refused', (_, index, row, message) => {
  const module = moduleOn(baseRows.with(index, row));
  expect(() => rebaseOnKernel(module, kernel)).toThrow(
    expect.objectContaining({ reason: 'bad-btf', message: expect.stringMatching(message) }),
  );
});

test('a circle of typedefs is refused, not followed for ever', () => {
  const circle: Row[] = [
    { kind: 'TYPEDEF', name: 'one', word: 8 },
    { kind: 'TYPEDEF', name: 'two', word: 7 },
    { kind: 'STRUCT', name: 'conn', word: 4, vlen: 1, rest: ['member', 7, 0] },
  ];
  const module = moduleOn(baseRows, circle);
  expect(() => rebaseOnKernel(module, kernel)).toThrow(/circle/);
});
