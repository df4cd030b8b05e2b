import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BtfType } from '../../src/btf/format.ts';
import { loadBtf } from '../../src/btf/load.ts';
import { Btf } from '../../src/btf/reader.ts';
import { unpackBtf } from '../../src/btf/tarball.ts';
import { shared, testWithShared } from '../shared.ts';
import {
  bpftoolTypes,
  compileBpf,
  EVERY_KIND,
  paholeBtf,
  programs,
  temporaryFolder,
} from './made.ts';

const folder = temporaryFolder();

/** A type in the JSON that bpftool prints of it. */
function asBpftool(type: BtfType): Record<string, unknown> {
  const { id, kind } = type;
  const named = { id, kind, name: type.name === '' ? '(anon)' : type.name };
  const anon = (name: string) => (name === '' ? '(anon)' : name);
  switch (type.kind) {
    case 'INT': {
      const encoding = type.encoding === 'none' ? '(none)' : type.encoding;
      const { size, bits, bitOffset } = type;
      return { ...named, size, bits_offset: bitOffset, nr_bits: bits, encoding };
    }
    case 'ARRAY':
      return {
        ...named,
        type_id: type.type,
        index_type_id: type.indexType,
        nr_elems: type.length,
      };
    case 'STRUCT':
    case 'UNION': {
      const members = type.members.map((member) => ({
        name: anon(member.name),
        type_id: member.type,
        bits_offset: member.bitOffset,
        ...(member.bitfieldSize === 0 ? {} : { bitfield_size: member.bitfieldSize }),
      }));
      return { ...named, size: type.size, vlen: members.length, members };
    }
    case 'ENUM':
    case 'ENUM64': {
      // bpftool widens 32 bits with their sign, also where it then prints them without.
      const widen = (value: number) =>
        Number(type.signed ? value : BigInt.asUintN(64, BigInt(value | 0)));
      const values = type.values.map(({ name, value }) => ({
        name,
        val: typeof value === 'bigint' ? Number(value) : widen(value),
      }));
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      return { ...named, encoding, size: type.size, vlen: values.length, values };
    }
    case 'FWD':
      return { ...named, fwd_kind: type.fwdKind };
    case 'FUNC':
    case 'VAR': {
      const linkage = ['static', 'global', 'extern'][type.linkage];
      return { ...named, type_id: type.type, linkage };
    }
    case 'FUNC_PROTO': {
      const params = type.parameters.map(({ name, type }) => ({ name: anon(name), type_id: type }));
      return { ...named, ret_type_id: type.type, vlen: params.length, params };
    }
    case 'DATASEC': {
      const vars = type.vars.map(({ type, offset, size }) => ({
        type_id: type,
        offset,
        size,
      }));
      return { ...named, size: type.size, vlen: vars.length, vars };
    }
    case 'DECL_TAG':
      return { ...named, type_id: type.type, component_idx: type.componentIndex };
    case 'FLOAT':
      return { ...named, size: type.size };
    case 'VOID':
    case 'OPAQUE':
      return named;
    default:
      return { ...named, type_id: type.type };
  }
}

/** Every id, name, size, offset and value is as bpftool has it; only the first differences count. */
async function agree(path: string): Promise<Btf> {
  const btf = new Btf(await loadBtf(path));
  const ours = [...btf.types()].map(asBpftool);
  const theirs = bpftoolTypes(path);
  expect(ours).toHaveLength(theirs.length);
  const differing = ours.findIndex(
    (type, index) => JSON.stringify(type) !== JSON.stringify(theirs[index]),
  );
  expect(differing < 0 ? [] : ours[differing]).toEqual(differing < 0 ? [] : theirs[differing]);
  return btf;
}

for (const arch of ['x86_64', 'aarch64']) {
  const name = `4.19.90-2112.8.0.0131.oe1.${arch}.btf`;
  const tarball = `samples/${name}.tar.xz`;
  testWithShared('samples')(
    `a kernel of ${arch} from the archive is read as bpftool reads it`,
    async () => {
      const { btf } = await unpackBtf(programs, readFileSync(join(shared, tarball)));
      const path = join(folder, name);
      writeFileSync(path, btf);
      await agree(path);
    },
  );
}

test("pahole's BTF of every kind that C gives it is read as bpftool reads it", async () => {
  const path = join(folder, 'every.btf');
  writeFileSync(path, paholeBtf(folder, EVERY_KIND, '--btf_gen_floats'));
  const btf = await agree(path);
  const kinds = new Set([...btf.types()].map((type) => type.kind));
  for (const kind of ['STRUCT', 'UNION', 'ENUM', 'ENUM64', 'FLOAT', 'FWD', 'FUNC', 'ARRAY']) {
    expect(kinds).toContain(kind);
  }
});

const TAGGED = `
#define tag(x) __attribute__((btf_decl_tag(#x)))
#define type_tag(x) __attribute__((btf_type_tag(#x)))
struct s { int type_tag(user) *p; int member tag(guarded); float f; } tag(whole);
enum wide { MINUS = -1LL, MOST = 0x7fffffffffffLL };
int number = 3; const char text[] = "x"; extern int outside; extern void call(struct s *) ;
int function(struct s *s, enum wide w tag(argument)) { call(s); return number + text[0] + s->member + (w == MOST) + outside; }
`;

for (const target of ['bpf', 'bpfeb'] as const) {
  test(`what clang -target ${target} writes is read as bpftool reads it`, async () => {
    const btf = await agree(compileBpf(folder, TAGGED, target));
    expect(btf.byteOrder).toBe(target === 'bpf' ? 'little' : 'big');
    const kinds = new Set([...btf.types()].map((type) => type.kind));
    for (const kind of ['DECL_TAG', 'TYPE_TAG', 'DATASEC', 'VAR', 'FLOAT']) {
      expect(kinds).toContain(kind);
    }
  });
}
