import { checkBtf, KERNEL } from '../../src/btf/check.ts';
import { assemble, INT, type Row } from './assemble.ts';
import { EVERY_KIND, paholeBtf, temporaryFolder } from './made.ts';

const folder = temporaryFolder();
const check = (...rows: Row[]) => checkBtf(assemble(rows), { kind: 'any' });
const member = (name: string, type: number, bits: number) => [name, type, bits];

test('sound BTF is counted', () => {
  const summary = check(
    INT,
    { kind: 'PTR', word: 1 },
    { kind: 'TYPEDEF', name: 'number', word: 1 },
  );
  expect(summary).toEqual({
    size: 24 + 16 + 12 + 12 + 12,
    byteOrder: 'little',
    types: 3,
    stringBytes: 12,
    kinds: { INT: 1, PTR: 1, TYPEDEF: 1 },
  });
});

const struct = (vlen: number, word: number, ...rest: (number | string)[]): Row => {
  return { kind: 'STRUCT', name: 's', vlen, word, rest };
};

test.each<[string, Row[], RegExp]>([
  ['a reference beyond the last type', [{ kind: 'PTR', word: 2 }], /type 1 \(PTR\) .* type 2/],
  ['a member beyond the last type', [struct(1, 4, 'a', 9, 0)], /type 1 \(STRUCT 's'\) .* type 9/],
  [
    'a pointer to a function itself',
    [
      INT,
      { kind: 'PTR', word: 3 },
      { kind: 'FUNC_PROTO' },
      { kind: 'FUNC', name: 'f', word: 3 },
      { kind: 'PTR', word: 4 },
    ],
    /type 5 \(PTR\) refers to type 4, which is a FUNC/,
  ],
  [
    'a function that is no prototype',
    [INT, { kind: 'FUNC', name: 'f', word: 1 }],
    /which is a INT/,
  ],
  [
    'an array counted by a pointer',
    [{ kind: 'PTR' }, { kind: 'ARRAY', rest: [1, 1, 2] }],
    /which is a PTR/,
  ],
  [
    'a section of no variables',
    [INT, { kind: 'DATASEC', name: '.data', vlen: 1, rest: [1, 0, 4] }],
    /which is a INT/,
  ],
  [
    'a tag on a member that is not there',
    [INT, struct(1, 4, 'a', 1, 0), { kind: 'DECL_TAG', name: 't', word: 2, rest: [1] }],
    /component 1 of a type that has 1/,
  ],
  [
    'typedefs in a ring',
    [
      { kind: 'TYPEDEF', name: 'a', word: 2 },
      { kind: 'TYPEDEF', name: 'b', word: 1 },
    ],
    /contains type 1, which contains it/,
  ],
  [
    'an array in itself',
    [INT, { kind: 'CONST', word: 3 }, { kind: 'ARRAY', rest: [2, 1, 4] }],
    /type 3 \(ARRAY\) contains type 2/,
  ],
  [
    'a struct in itself',
    [struct(1, 4, 'a', 2, 0), { kind: 'TYPEDEF', name: 't', word: 1 }],
    /type 2 \(TYPEDEF 't'\) contains type 1/,
  ],
  [
    'a member that ends beyond the struct',
    [INT, struct(2, 4, ...member('a', 1, 0), ...member('b', 1, 8))],
    /member 'b', which ends beyond its 4 bytes/,
  ],
  [
    'a bit-field that ends beyond the struct',
    [INT, { ...struct(1, 4, 'a', 1, (9 << 24) | 24), kindFlag: true }],
    /ends beyond/,
  ],
  [
    'a bit-field wider than its type',
    [INT, { ...struct(1, 8, 'a', 1, 33 << 24), kindFlag: true }],
    /33 bits of 4 bytes/,
  ],
  [
    'a member of a union that is not at its beginning',
    [INT, { kind: 'UNION', vlen: 1, word: 8, rest: ['a', 1, 8] }],
    /does not begin where/,
  ],
  [
    'a member without a size',
    [struct(1, 4, 'a', 2, 0), { kind: 'FWD', name: 'f' }],
    /whose type has no size/,
  ],
  ['an array of void', [INT, { kind: 'ARRAY', rest: [0, 1, 3] }], /array of what has no size/],
  ['an integer of more bits than bytes', [{ ...INT, rest: [64] }], /64 bits at 0 in 4 bytes/],
  ['an enum of three bytes', [{ kind: 'ENUM', word: 3 }], /size of 3 bytes/],
  [
    'a typedef without a name',
    [INT, { kind: 'TYPEDEF', word: 1 }],
    /type 2 \(TYPEDEF\) has no name/,
  ],
  ['a pointer with a name', [{ kind: 'PTR', name: 'p' }], /has a name/],
  [
    'a typedef whose name is no identifier',
    [INT, { kind: 'TYPEDEF', name: 'a b', word: 1 }],
    /not one/,
  ],
  [
    'a member whose name is no identifier',
    [INT, struct(1, 4, 'a-b', 1, 0)],
    /member whose name is not one/,
  ],
  ['an unprintable name', [{ ...INT, name: 'in\u0007t' }], /not one/],
  [
    'an enumerator without a name',
    [{ kind: 'ENUM', vlen: 1, word: 4, rest: ['', 0] }],
    /value without a name/,
  ],
  [
    'a string beyond the strings',
    [{ kind: 'ENUM', vlen: 1, word: 4, rest: [99, 0] }],
    /in type 1, string offset 99/,
  ],
  ['parts of what has none', [{ kind: 'PTR', vlen: 1 }], /bits set that its kind has no use for/],
])('%s is bad-btf, and the type is named', (_, rows, message) => {
  const failure = { reason: 'bad-btf', message: expect.stringMatching(message) };
  expect(() => check(...rows)).toThrow(expect.objectContaining(failure));
});

test('a struct that points to itself, and a function that takes itself, are sound', () => {
  const list = [struct(1, 8, 'next', 2, 0), { kind: 'PTR', word: 1 } as const];
  const callback: Row[] = [
    { kind: 'PTR', word: 4 },
    { kind: 'FUNC_PROTO', vlen: 1, rest: ['f', 3] },
  ];
  expect(check(...list, ...callback).types).toBe(4);
});

test('a chain of 100,000 typedefs is only long', () => {
  const rows: Row[] = Array.from({ length: 100_000 }, (_, index) => ({
    kind: 'TYPEDEF',
    name: 't',
    word: index + 2,
  }));
  expect(check(...rows, INT).types).toBe(100_001);
});

test('a kind that is not known yet is named by its number', () => {
  const bytes = assemble([INT]);
  bytes.writeUInt32LE(20 << 24, 24 + 4);
  expect(() => checkBtf(bytes, { kind: 'any' })).toThrow(/type 1 is of the unknown kind 20/);
});

test('bytes after the end are bad-btf', () => {
  const bytes = Buffer.concat([assemble([INT]), Buffer.alloc(3)]);
  expect(() => checkBtf(bytes, { kind: 'any' })).toThrow(/3 bytes follow/);
});

const task = (size: number): Row => ({ ...struct(1, size, 'a', 1, 0), name: 'task_struct' });
const FUNCTION: Row[] = [
  { kind: 'FUNC_PROTO', word: 0 },
  { kind: 'FUNC', name: 'f', word: 2 },
];

test('two task_struct of one size and as many members are one kernel, others are not', () => {
  const rows = [INT, ...FUNCTION, task(4)];
  expect(check(...rows, task(4)).taskStruct).toEqual({ copies: 2, size: 4, members: 1 });
  expect(() => check(...rows, task(8))).toThrow(/types 4 and 5 differ/);
});

test('a kernel has 10,000 types unless less is asked for, functions, and a task_struct', () => {
  const whole = assemble([INT, ...FUNCTION, task(4)]);
  expect(() => checkBtf(whole, KERNEL)).toThrow(/has 4 types, and a kernel has at least 10000/);
  const relaxed = { kind: 'kernel', minimumTypes: 1 } as const;
  expect(checkBtf(whole, relaxed).types).toBe(4);
  expect(() => checkBtf(assemble([INT, task(4)]), relaxed)).toThrow(/no functions/);
  expect(() => checkBtf(assemble([INT, ...FUNCTION]), relaxed)).toThrow(/no task_struct/);
});

test('what pahole makes of every kind of C passes', () => {
  expect(checkBtf(paholeBtf(folder, EVERY_KIND), { kind: 'any' }).types).toBe(30);
});
