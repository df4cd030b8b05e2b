/**
 * Compares two raw BTF files type by type, as bpftool reads them:
 *   node scripts/compare-btf.mjs old.btf new.btf
 * A type is known by kind and name; what it refers to is compared by name, anonymous types by what
 * is in them. Prints one row a kind: how many, and how many names are only in one or differ.
 */
import { execFileSync } from 'node:child_process';

const SHOWN = [
  'STRUCT',
  'UNION',
  'ENUM',
  'ENUM64',
  'TYPEDEF',
  'FWD',
  'INT',
  'FLOAT',
  'FUNC',
  'VAR',
];
const MODIFIERS = { PTR: '*', CONST: 'const ', VOLATILE: 'volatile ', RESTRICT: 'restrict ' };

function load(path) {
  const json = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', path], { maxBuffer: 1 << 30 });
  return new Map(JSON.parse(json).types.map((type) => [type.id, type]));
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

/** How others name a type. */
function name(types, id) {
  const type = types.get(id);
  if (id === 0 || type === undefined) return 'void';
  if (type.kind in MODIFIERS) return MODIFIERS[type.kind] + name(types, type.type_id);
  if (type.kind === 'TYPE_TAG') return `[${type.name}] ${name(types, type.type_id)}`;
  if (type.kind === 'ARRAY') return `${name(types, type.type_id)}[${type.nr_elems}]`;
  if (type.kind === 'FUNC_PROTO') return content(types, type);
  if (type.name !== '(anon)') return `${type.kind} ${type.name}`;
  return content(types, type);
}

/** What a type is. */
function content(types, type) {
  const { kind } = type;
  if (kind === 'STRUCT' || kind === 'UNION') {
    const member = (one) =>
      `${one.name}@${one.bits_offset}:${one.bitfield_size ?? 0} ${name(types, one.type_id)}`;
    return `${kind} ${type.size} {${type.members.map(member).join('; ')}}`;
  }
  if (kind === 'ENUM' || kind === 'ENUM64') {
    return `${kind} ${type.size} {${type.values.map((one) => `${one.name}=${one.val}`).join()}}`;
  }
  if (kind === 'FUNC_PROTO') {
    const parameters = type.params.map((one) => `${one.name} ${name(types, one.type_id)}`);
    return `${name(types, type.ret_type_id)}(${parameters.join(', ')})`;
  }
  if (kind === 'INT' || kind === 'FLOAT') return `${type.size} ${type.encoding ?? ''}`;
  return type.type_id === undefined ? '' : name(types, type.type_id);
}

/** Kind -> name -> the sorted contents of all types of that name. */
function catalogue(types) {
  const kinds = new Map(SHOWN.map((kind) => [kind, new Map()]));
  for (const type of types.values()) {
    if (type.name === '(anon)' || !kinds.has(type.kind)) continue;
    const names = kinds.get(type.kind);
    names.set(type.name, [...(names.get(type.name) ?? []), content(types, type)].sort());
  }
  return kinds;
}

const [before, after] = process.argv.slice(2).map(load);
const [left, right] = [before, after].map(catalogue);
say(`all types: ${before.size} -> ${after.size}`);
say('| kind | names before | names after | only before | only after | differ | for example |');
say('|---|---:|---:|---:|---:|---:|---|');
for (const kind of SHOWN) {
  const [a, b] = [left.get(kind), right.get(kind)];
  const gone = [...a.keys()].filter((one) => !b.has(one));
  const come = [...b.keys()].filter((one) => !a.has(one));
  const differ = [...a.keys()].filter((one) => b.has(one) && `${a.get(one)}` !== `${b.get(one)}`);
  const examples = [
    ...gone.slice(0, 3).map((one) => `-${one}`),
    ...come.slice(0, 3).map((one) => `+${one}`),
    ...differ.slice(0, 3).map((one) => `~${one}`),
  ];
  const cells = [kind, a.size, b.size, gone.length, come.length, differ.length, examples.join(' ')];
  say(`| ${cells.join(' | ')} |`);
}
