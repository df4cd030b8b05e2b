import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { combineObjects } from '../../../src/btf/core/combine.ts';
import { type BpfObject, readObject } from '../../../src/btf/core/object.ts';
import { TypeCache } from '../../../src/btf/core/types.ts';
import { bytesSource } from '../../../src/btf/elf.ts';
import { withFile } from '../../../src/btf/file.ts';
import { Btf } from '../../../src/btf/reader.ts';
import { unpackBtf } from '../../../src/btf/tarball.ts';
import { shared, sharedFiles, testWithShared } from '../../shared.ts';
import { assemble, INT, type Row } from '../assemble.ts';
import { compileBpf, paholeBtf, programs, temporaryFolder } from '../made.ts';
import { KERNELS, PROGRAMS, TASKS_AND_SOCKETS } from './cases.ts';

const folder = temporaryFolder();
const kernels = new Map<string, string>();
const objects: { readonly path: string; readonly object: BpfObject }[] = [];

async function add(source: string): Promise<void> {
  const path = compileBpf(folder, source, 'bpf');
  objects.push({ path, object: await withFile(path, readObject) });
}

beforeAll(async () => {
  for (const [name, source] of Object.entries(KERNELS)) {
    const path = join(folder, `${name}.btf`);
    writeFileSync(path, paholeBtf(folder, source));
    kernels.set(name, path);
  }
  for (const source of [...Object.values(PROGRAMS), TASKS_AND_SOCKETS]) await add(source);
});

/** What bpftool keeps of a kernel for these objects; undefined when it refuses them. */
function leastBtf(kernel: string, paths: readonly string[]): Buffer | undefined {
  const output = join(folder, 'least.btf');
  rmSync(output, { force: true });
  const { status } = spawnSync('bpftool', ['gen', 'min_core_btf', kernel, output, ...paths]);
  return status === 0 && existsSync(output) ? readFileSync(output) : undefined;
}

/** The same for what one object asks in the place of all. */
function leastOfOne(kernel: string, those: readonly BpfObject[]): Buffer | undefined {
  const path = join(folder, 'one.bpf.o');
  writeFileSync(path, combineObjects(those));
  return leastBtf(kernel, [path]);
}

test.each(Object.keys(PROGRAMS))(
  '%s: bpftool keeps the same types for it as for what asks alike',
  (name) => {
    const at = Object.keys(PROGRAMS).indexOf(name);
    const { path, object } = objects[at] ?? {};
    if (path === undefined || object === undefined) throw new Error(`there is no ${name}`);
    for (const [kernel, btf] of kernels) {
      expect([kernel, leastOfOne(btf, [object])]).toEqual([kernel, leastBtf(btf, [path])]);
    }
  },
);

test('any objects together are as good as one by one', () => {
  const some = fc.subarray([...objects.keys()], { minLength: 2 });
  fc.assert(
    fc.property(some, fc.constantFrom(...kernels.values()), (chosen, btf) => {
      const those = chosen.flatMap((at) => objects[at] ?? []);
      const least = leastBtf(
        btf,
        those.map(({ path }) => path),
      );
      expect(
        leastOfOne(
          btf,
          those.map(({ object }) => object),
        ),
      ).toEqual(least);
    }),
    { numRuns: 40 },
  );
});

testWithShared('samples')('on the real kernels as well', async () => {
  for (const file of sharedFiles('samples', '.btf.tar.xz')) {
    const { uname, btf } = await unpackBtf(programs, readFileSync(join(shared, 'samples', file)));
    const path = join(folder, `${uname}.btf`);
    writeFileSync(path, btf);
    const least = leastBtf(
      path,
      objects.map((one) => one.path),
    );
    expect(least?.length).toBeGreaterThan(500);
    expect(
      leastOfOne(
        path,
        objects.map(({ object }) => object),
      ),
    ).toEqual(least);
  }
});

test('nothing is asked twice, however many objects ask', async () => {
  // What is asked of types that are made of others is not compared: it comes once for each object.
  const names = ['fields', 'arrays', 'bitfields', 'enumerators', 'flavour', 'guarded'];
  const known = Object.keys(PROGRAMS);
  const all = names.flatMap((name) => objects[known.indexOf(name)]?.object ?? []);
  const once = combineObjects(all);
  expect(combineObjects([...all, ...all])).toEqual(once);
  const { relocations, types } = await readObject(bytesSource('one', once));
  const questions = relocations.map(({ type, access, kind }) => `${type} ${access} ${kind}`);
  expect(new Set(questions).size).toBe(questions.length);
  expect(questions.length).toBeLessThan(all.flatMap((one) => one.relocations).length);
  expect([...types.btf.types()].filter(({ name }) => name === 'task')).toHaveLength(1);
});

const SILENT = '__attribute__((section("socket"))) int program(void *context) { return 0; }';

test('an object that asks nothing is one that bpftool takes', async () => {
  const path = compileBpf(folder, SILENT, 'bpf');
  const silent = await withFile(path, readObject);
  expect(silent.relocations).toEqual([]);
  const base = kernels.get('base') ?? '';
  expect(leastOfOne(base, [silent])).toEqual(leastBtf(base, [path]));
  expect(leastOfOne(base, [silent])).toBeDefined();
});

test('a big-endian object is read as it is, and stays so', async () => {
  const [big, little] = [
    compileBpf(folder, TASKS_AND_SOCKETS, 'bpfeb'),
    compileBpf(folder, TASKS_AND_SOCKETS, 'bpf'),
  ];
  const asked = async (path: string) => {
    const one = combineObjects([await withFile(path, readObject)]);
    const { relocations, types } = await readObject(bytesSource('one', one));
    const questions = relocations.map(({ type, access, kind }) => [
      types.btf.nameOf(type),
      access,
      kind,
    ]);
    return { order: types.btf.byteOrder, questions };
  };
  const [ofBig, ofLittle] = [await asked(big), await asked(little)];
  expect([ofBig.order, ofLittle.order]).toEqual(['big', 'little']);
  expect(ofBig.questions).toEqual(ofLittle.questions);
});

const STRUCT: Row = { kind: 'STRUCT', name: 'one', vlen: 1, word: 8, rest: ['self', 2, 0] };
const TYPEDEF: Row = { kind: 'TYPEDEF', name: 'one', word: 2 };

test.each([
  ['byte_off', STRUCT, /STRUCT 'one'\) holds itself/],
  ['byte_off', TYPEDEF, /TYPEDEF 'one'\) holds itself/],
  ['type_exists', TYPEDEF, /TYPEDEF 'one'\) leads nowhere/],
] as const)('%s of a type that leads to itself is refused', (kind, row, message) => {
  const relocation = { section: 'x', index: 0, offset: 0, type: 2, access: '0:0', kind };
  const object = {
    name: 'x',
    types: new TypeCache(new Btf(assemble([INT, row])), 8),
    relocations: [relocation],
    code: [],
    constants: new Map(),
    ksyms: [],
    structOps: [],
  };
  expect(() => combineObjects([object])).toThrow(message);
});
