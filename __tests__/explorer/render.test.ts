import { Btf } from '../../src/btf/reader.ts';
import { packBody, unpackBody } from '../../src/explorer/body.ts';
import { collectDefinitions } from '../../src/explorer/collect.ts';
import { type Definition, parseDefinition } from '../../src/explorer/definition.ts';
import { compareLines } from '../../src/explorer/difference.ts';
import { partsOf } from '../../src/explorer/parts.ts';
import { renderLines, renderText } from '../../src/explorer/render.ts';
import { assemble, type Row } from '../btf/assemble.ts';
import { paholeBtf, temporaryFolder } from '../btf/made.ts';

const folder = temporaryFolder();

const definitionsOf = (bytes: Uint8Array): readonly Definition[] =>
  [...collectDefinitions(new Btf(bytes))].map(({ kind, name, body }) =>
    parseDefinition(kind, name, unpackBody(packBody(body))),
  );
const textOf = (definitions: readonly Definition[], name: string) =>
  definitions.filter((one) => one.name === name).map(renderText);

test('declarations are written as C reads them', () => {
  const source = `
    typedef int (*handler)(const char *, ...);
    struct node { struct node *const *next; const char names[16]; void (*stop)(void);
      handler (*find)(struct node *, int (*)[4]); union { int number; char *text; }; };
    struct node first; volatile const int limit = 3;
    int use(struct node *n, handler h) { return n->number + limit + (h != 0); }`;
  const definitions = definitionsOf(paholeBtf(folder, source));
  const plain = (text: string) =>
    text
      .replace(/\/\*.*?\*\//g, '')
      .replace(/\s+/g, ' ')
      .trim();
  expect(textOf(definitions, 'node').map(plain)).toEqual([
    'struct node { struct node * const *next; const char names[16]; void (*stop)(void); ' +
      'handler (*find)(struct node *, int (*)[4]); union { int number; char *text; }; };',
  ]);
  expect(textOf(definitions, 'handler')).toEqual(['typedef int (*handler)(const char *, ...);\n']);
  expect(textOf(definitions, 'use')).toEqual(['int use(struct node *n, handler h);\n']);
});

test.each([
  ['<img src=x onerror=alert(1)>'],
  ['"]},["", "s", 1'],
  ['s8:other=*C[3]'],
  ['Option<core::task::Waker>'],
])('a type of the name %s keeps its name through the notation', (name) => {
  const rows: readonly Row[] = [
    { kind: 'INT', name: 'int', word: 4, rest: [0x01000020] },
    { kind: 'STRUCT', name, vlen: 1, word: 4, rest: ['value', 1, 0] },
    { kind: 'STRUCT', name: 'outer', vlen: 1, word: 4, rest: ['inner', 2, 0] },
  ];
  const definitions = definitionsOf(assemble(rows));
  expect(definitions.map((one) => one.name)).toEqual([name, 'outer']);
  expect(definitions[1]).toMatchObject({
    members: [{ name: 'inner', type: { kind: 'named', word: 'struct', name, size: 4 } }],
  });
  expect(textOf(definitions, name)[0]).toContain(`struct ${name} {\n`);
});

test('control characters in a name do not reach a terminal', () => {
  const definition = parseDefinition('struct', 'a\u001b[2J\u202eb', '[4,["x","i4s:int",0]]');
  expect(renderText(definition)).toContain('struct a?[2J?b {\n');
});

test.each([['['], ['[4,["x"]]'], ['[4,["x","z",0]]'], ['{}'], ['[4,["x","[y]i4s:int",0]]']])(
  'a damaged body %s is a failure that says what to do',
  (body) => {
    expect(() => parseDefinition('struct', 'broken', body)).toThrow(
      expect.objectContaining({ reason: 'bad-archive', advice: 'Build the site again.' }),
    );
  },
);

test('a hole between members is a remark, in bytes where it is whole ones', () => {
  const before = parseDefinition('struct', 's', '[8,["a","i1u:char",0],["b","i4s:int",32]]');
  const after = parseDefinition('struct', 's', '[8,["a","i4s:int",0,5],["b","i4s:int",32]]');
  expect(renderText(before)).toContain('\n\t/* hole: 3 bytes */\n');
  expect(renderText(after)).toContain('\n\t/* hole: 27 bits */\n');
  const changed = compareLines(before, after).filter(({ kind }) => kind === 'moved');
  expect(changed).toMatchObject([
    { before: { note: 'hole: 3 bytes' }, after: { note: 'hole: 27 bits' } },
  ]);
});

test('the lines that name a part are those whose part has a history', () => {
  const bodies = [
    ['struct', '[8,["a",["","e",4,0,["A",0]],0],["",["","s",4,["b","i4s:int",0]],32]]'],
    ['enum', '[4,0,["A",0],["B",1]]'],
    ['typedef', '[["","e",4,0,["A",0]]]'],
  ] as const;
  for (const [kind, body] of bodies) {
    const definition = parseDefinition(kind, 's', body);
    const named = renderLines(definition).flatMap(({ path }) => path ?? []);
    expect(named.toSorted()).toEqual(
      partsOf(definition)
        .map(({ path }) => path)
        .toSorted(),
    );
  }
});

test('a member more marks that member, and those behind it as moved', () => {
  const before = parseDefinition('struct', 's', '[8,["a","i4s:int",0],["b","i4s:int",32]]');
  const after = parseDefinition(
    'struct',
    's',
    '[12,["a","i4s:int",0],["new","i4s:int",32],["b","i4s:int",64]]',
  );
  const kinds = compareLines(before, after).map((one) => one.kind);
  expect(kinds).toEqual(['same', 'same', 'added', 'moved', 'moved', 'same']);
});
