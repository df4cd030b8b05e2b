import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPublishable } from '../../src/btf/check.ts';
import { mergeModules } from '../../src/btf/merge.ts';
import { Btf } from '../../src/btf/reader.ts';
import { assemble, INT, type Row, stringsOf } from './assemble.ts';
import { bpftoolTypes, compile, paholeBtf, temporaryFolder } from './made.ts';

const folder = temporaryFolder();
const ANY = { kind: 'any' } as const;

const KERNEL = `
struct list { struct list *next; };
struct device { int id; struct list list; const char *name; };
struct task_struct { int pid; struct device *device; } task;
int probe(struct device *device) { return device->id; }
`;
const CONNTRACK = `${KERNEL}
enum state { NEW, OLD };
struct nf_conn { struct device device; enum state state; } conn;
int count(struct nf_conn *conn) { return conn->device.id; }
`;
const IP_VS = `${KERNEL}
enum state { NEW, OLD };
struct ip_vs_conn { long flags; struct list list; enum state state; } own;
`;

const base = join(folder, 'vmlinux.btf');
writeFileSync(base, paholeBtf(folder, KERNEL));
const kernel = readFileSync(base);

/** The split BTF that pahole makes of a module's C. */
function moduleBtf(name: string, source: string) {
  const output = join(folder, `${name}.btf`);
  const object = compile(folder, source);
  execFileSync('pahole', ['--btf_base', base, '--btf_encode_detached', output, object]);
  return { name, bytes: readFileSync(output) };
}

const conntrack = moduleBtf('nf_conntrack', CONNTRACK);
const ipVs = moduleBtf('ip_vs', IP_VS);

interface Dumped {
  readonly id: number;
  readonly name: string;
}

test("the kernel's types stay as they are, and those of modules follow as bpftool sees them", () => {
  const merged = mergeModules(kernel, [conntrack, ipVs]);
  expect(merged).toMatchObject({ modules: ['ip_vs', 'nf_conntrack'], excluded: [] });
  const path = join(folder, 'merged.btf');
  writeFileSync(path, merged.btf);
  checkPublishable(merged.btf, ANY);
  const dumped = bpftoolTypes(path) as Dumped[];
  const own = bpftoolTypes(base);
  expect(dumped.slice(0, own.length)).toEqual(own);
  let shift = 0;
  for (const { name } of [ipVs, conntrack]) {
    const args = ['-B', base, '-j', 'btf', 'dump', 'file', join(folder, `${name}.btf`)];
    const split = JSON.parse(execFileSync('bpftool', args, { encoding: 'utf8' })).types as Dumped[];
    const there = dumped.slice(own.length + shift, own.length + shift + split.length);
    expect(there).toEqual(shiftIds(split, own.length, shift));
    shift += split.length;
  }
  expect(dumped).toHaveLength(own.length + shift);
});

/** Ids beyond the base's, in what bpftool printed, moved up. */
function shiftIds(types: readonly Dumped[], from: number, by: number): unknown {
  const isId = (key: string) => key === 'id' || key.endsWith('type_id');
  return JSON.parse(JSON.stringify(types), (key, value) =>
    isId(key) && typeof value === 'number' && value > from ? value + by : value,
  );
}

test('the same modules in any order give the same bytes', () => {
  const one = mergeModules(kernel, [conntrack, ipVs]);
  const other = mergeModules(kernel, [ipVs, conntrack]);
  expect(one.btf.equals(other.btf)).toBe(true);
});

test('without modules it is the kernel itself', () => {
  expect(mergeModules(kernel, []).btf.equals(kernel)).toBe(true);
});

test('what bpftool prints of it as C compiles', () => {
  const path = join(folder, 'compiled.btf');
  writeFileSync(path, mergeModules(kernel, [conntrack, ipVs]).btf);
  const c = execFileSync('bpftool', ['btf', 'dump', 'file', path, 'format', 'c']);
  expect(c.toString()).toContain('struct ip_vs_conn {');
  execFileSync('gcc', ['-x', 'c', '-fsyntax-only', '-'], { input: c });
});

const struct = (name: string, size: number, ...members: (string | number)[]): Row => ({
  kind: 'STRUCT',
  name,
  vlen: members.length / 3,
  word: size,
  rest: members,
});

describe.each(['little', 'big'] as const)('%s-endian', (order) => {
  const kernelRows: Row[] = [INT, struct('socket', 8, 'state', 1, 0, 'flags', 1, 32)];
  const kernelBtf = assemble(kernelRows, { order });
  const split = (name: string, ...rows: Row[]) => ({
    name,
    bytes: assemble(rows, { order, baseStrings: stringsOf(kernelBtf) }),
  });
  const merge = (...modules: ReturnType<typeof split>[]) => mergeModules(kernelBtf, modules);

  test('ids of a module that refer to the module move with it, those of the kernel stay', () => {
    const first = split('a', struct('one', 4, 'x', 1, 0), { kind: 'PTR', word: 3 });
    const second = split('b', struct('two', 8, 's', 2, 0), { kind: 'PTR', word: 3 });
    const types = [...new Btf(merge(first, second).btf).types()];
    expect(types.slice(2)).toMatchObject([
      { id: 3, name: 'one' },
      { id: 4, kind: 'PTR', type: 3 },
      { id: 5, name: 'two', members: [{ type: 2 }] },
      { id: 6, kind: 'PTR', type: 5 },
    ]);
  });

  test('a module with a field at another place than the kernel has it is left out and named', () => {
    const wrong = split('wrong', struct('socket', 8, 'flags', 1, 0, 'more', 1, 32));
    const right = split('right', struct('other', 4, 'flags', 1, 0));
    const merged = merge(wrong, right);
    expect(merged.modules).toEqual(['right']);
    expect(merged.excluded).toEqual([{ name: 'wrong', fields: ['socket.flags'] }]);
  });

  test('of two modules that contradict each other the first by name stays', () => {
    const merged = merge(
      split('second', struct('mac', 8, 'addr', 1, 32)),
      split('first', struct('mac', 8, 'addr', 1, 0)),
    );
    expect(merged.modules).toEqual(['first']);
    expect(merged.excluded).toEqual([{ name: 'second', fields: ['mac.addr'] }]);
  });

  test('fields of unnamed members and within members count', () => {
    const inner = struct('', 8, 'addr', 1, 0, 'port', 1, 32);
    const swapped = struct('', 8, 'port', 1, 0, 'addr', 1, 32);
    const named = (row: Row, member: string): Row[] => [row, struct('peer', 8, member, 3, 0)];
    for (const [member, path] of [
      ['', 'peer.addr'],
      ['at', 'peer.at.addr'],
    ] as const) {
      const merged = merge(
        split('a', ...named(inner, member)),
        split('b', ...named(swapped, member)),
      );
      expect(merged.excluded).toMatchObject([{ name: 'b', fields: [path, expect.anything()] }]);
    }
  });

  test('what the kernel itself does not agree on excludes no module', () => {
    const twice = assemble(
      [INT, struct('ring', 4, 'head', 1, 0), struct('ring', 8, 'pad', 1, 0, 'head', 1, 32)],
      { order },
    );
    const bytes = assemble([struct('ring', 12, 'head', 1, 64)], {
      order,
      baseStrings: stringsOf(twice),
    });
    expect(mergeModules(twice, [{ name: 'm', bytes }]).modules).toEqual(['m']);
  });

  test('a field of another kind, or the same struct again, excludes no module', () => {
    const again = split('again', struct('socket', 8, 'state', 1, 0, 'flags', 1, 32));
    const pointer = split('pointer', { kind: 'PTR', word: 1 }, struct('socket', 8, 'flags', 3, 0));
    expect(merge(again, pointer).modules).toEqual(['again', 'pointer']);
  });

  test('an enumerator with another value, and another size, exclude a module', () => {
    const states = (value: number): Row => ({
      kind: 'ENUM',
      name: 'state',
      vlen: 1,
      word: 4,
      rest: ['UP', value],
    });
    expect(merge(split('a', states(1)), split('b', states(2))).excluded).toEqual([
      { name: 'b', fields: ['state.UP'] },
    ]);
    expect(merge(split('a', struct('socket', 16))).excluded).toEqual([
      { name: 'a', fields: ['socket'] },
    ]);
  });
});
