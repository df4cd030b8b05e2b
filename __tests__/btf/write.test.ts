import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadBtf } from '../../src/btf/load.ts';
import { Btf } from '../../src/btf/reader.ts';
import { StringTable, writeBtf } from '../../src/btf/write.ts';
import { assemble, INT } from './assemble.ts';
import { bpftoolTypes, compileBpf, EVERY_KIND, paholeBtf, temporaryFolder } from './made.ts';

const folder = temporaryFolder();

const TAGGED = `
#define tag(text) __attribute__((btf_type_tag(text)))
struct node { int tag("user") * place; } __attribute__((btf_decl_tag("marked")));
enum { LARGE = 0x100000000ULL } large;
volatile const int constant = 1;
int function(struct node *node) { return constant + *node->place + large; }
`;

/** Reads types that others wrote and writes them again. */
function again(btf: Btf): Btf {
  return new Btf(writeBtf([...btf.types()], new StringTable(), btf.byteOrder));
}

test.each(['pahole', 'clang'])(
  'what %s wrote comes out as it went in, also for bpftool',
  async (who) => {
    const object = compileBpf(folder, TAGGED, 'bpf');
    const bytes = who === 'pahole' ? paholeBtf(folder, EVERY_KIND) : await loadBtf(object);
    const btf = new Btf(bytes);
    const [before, after] = [join(folder, 'before.btf'), join(folder, 'after.btf')];
    writeFileSync(before, bytes);
    writeFileSync(after, writeBtf([...btf.types()], new StringTable(), 'little'));
    expect([...again(btf).types()]).toEqual([...btf.types()]);
    expect(bpftoolTypes(after)).toEqual(bpftoolTypes(before));
  },
);

test('either byte order is written', async () => {
  const [little, big] = await Promise.all(
    (['bpf', 'bpfeb'] as const).map(
      async (target) => new Btf(await loadBtf(compileBpf(folder, TAGGED, target))),
    ),
  );
  for (const btf of [little, big]) {
    if (btf === undefined) throw new Error('clang wrote no BTF');
    expect(again(btf).byteOrder).toBe(btf.byteOrder);
    expect([...again(btf).types()]).toEqual([...btf.types()]);
  }
});

test('strings are stored once, also those that stand in the table before', () => {
  const strings = new StringTable();
  const offset = strings.offsetOf('int');
  const written = writeBtf([...new Btf(assemble([INT, INT])).types()], strings, 'little');
  const btf = new Btf(written);
  expect(btf.string(offset)).toBe('int');
  expect(Buffer.from(written).toString('latin1').split('int')).toHaveLength(2);
  expect([btf.nameOf(1), btf.nameOf(2)]).toEqual(['int', 'int']);
});

test('an encoding that the format has no name for is refused, not changed', () => {
  const strange = new Btf(assemble([{ ...INT, rest: [0x03000020] }]));
  expect(() => again(strange)).toThrow(/INT 'int'\) has an encoding/);
});
