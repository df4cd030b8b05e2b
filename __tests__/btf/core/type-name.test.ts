import { typeName } from '../../../src/btf/core/type-name.ts';
import { TypeCache } from '../../../src/btf/core/types.ts';
import { Btf } from '../../../src/btf/reader.ts';
import { paholeBtf, temporaryFolder } from '../made.ts';

const folder = temporaryFolder();

/** Each member's name is its number; C's own declaration of it is what we expect back. */
const DECLARATIONS = [
  'unsigned int',
  'const char *',
  'char *const',
  'struct inner *',
  'union both',
  'enum mode',
  'counter',
  'char[16]',
  'int[6]',
  'int *[4]',
  'int (*)[4]',
  'void (*)(void)',
  'int (*)(struct inner *, const char *, ...)',
  'struct inner **',
  'volatile long int',
  'int (*(*)(int))[2]',
];

/** `int[3]` declares a member as `int m[3]`, `int (*)(void)` as `int (*m)(void)`. */
function member(declaration: string, index: number): string {
  const name = `m${index}`;
  const inner = declaration.lastIndexOf('(*)');
  if (inner >= 0) return `${declaration.slice(0, inner)}(*${name})${declaration.slice(inner + 3)};`;
  const array = declaration.indexOf('[');
  if (array < 0) return `${declaration} ${name};`;
  return `${declaration.slice(0, array)} ${name}${declaration.slice(array)};`;
}

test('types are named as C declares them', () => {
  const members = DECLARATIONS.map(member).join('\n');
  const source = `struct inner { int x; }; union both { int y; }; enum mode { OFF };
    typedef unsigned long counter; struct all { ${members} } all;`;
  const types = new TypeCache(new Btf(paholeBtf(folder, source)));
  const all = [...types.btf.types()].find(({ name }) => name === 'all');
  const names = all?.kind === 'STRUCT' ? all.members.map(({ type }) => typeName(types, type)) : [];
  expect(names).toEqual(DECLARATIONS);
});
