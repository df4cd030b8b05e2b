import { withoutControls } from '../names.ts';
import { counted } from '../report/units.ts';
import {
  bitsOfMember,
  type CompositeLayout,
  type Definition,
  type EnumLayout,
  type MemberTree,
  type Signature,
  sizeOfType,
  type TypeTree,
} from './definition.ts';

/** One line of the C text of a definition. The parts are text: a page must not take them for markup. */
export interface DefinitionLine {
  /** How deep it is indented: 0 for the first line and the last. */
  readonly depth: number;
  /** C without indentation. */
  readonly code: string;
  /** Without the signs of a comment: `  136     8` for a member, or what is said about the layout. */
  readonly note: string;
  /** The member, enumerator or parameter that the line declares, `sk_backlog.len`; undefined for other lines. */
  readonly path: string | undefined;
}

/**
 * A definition as C with the offset and size of every member behind it, in pahole's columns. Offsets count from
 * the beginning of the outermost struct, in bytes; those of a bit-field are `byte:bit`.
 */
export function renderLines(definition: Definition): readonly DefinitionLine[] {
  const lines: DefinitionLine[] = [];
  switch (definition.kind) {
    case 'struct':
    case 'union':
      renderComposite(lines, `${definition.kind} ${definition.name}`, definition, {
        depth: 0,
        bits: 0,
        path: '',
      });
      addSummary(lines, definition);
      lines.push({ depth: 0, code: '};', note: '', path: undefined });
      break;
    case 'enum':
      renderEnum(lines, `enum ${definition.name}`, definition, 0, ({ name }) => name);
      lines.push({ depth: 0, code: '};', note: '', path: undefined });
      break;
    case 'typedef':
      renderDeclaration(lines, 'typedef ', definition.type, definition.name, START);
      break;
    case 'function': {
      const { name, returns, parameters } = definition;
      const code = `${declare({ kind: 'function', returns, parameters }, name)};`;
      lines.push({ depth: 0, code, note: '', path: undefined });
      break;
    }
    case 'variable': {
      renderDeclaration(lines, '', definition.type, definition.name, START);
      const last = lines.at(-1);
      const { section } = definition;
      if (last && section !== '') lines[lines.length - 1] = withNote(last, `in ${section}`);
      break;
    }
  }
  return lines.map(({ depth, code, note, path }) => ({
    depth,
    code: withoutControls(code),
    note: withoutControls(note),
    path,
  }));
}

/** pahole's columns: characters of the type, and of the whole declaration, both less a tab for each level. */
const TYPE_WIDTH = 26;
const NOTE_COLUMN = 52;
const TAB = 8;

/** The same as text: a line each, tabs for indentation, notes as comments in one column. */
export function renderText(definition: Definition): string {
  const lines = renderLines(definition).map(({ depth, code, note }) => {
    const indent = '\t'.repeat(depth);
    if (note === '') return `${indent}${code}\n`;
    if (code === '') return `${indent}/* ${note} */\n`;
    const width = Math.max(NOTE_COLUMN - (depth - 1) * TAB, code.length);
    return `${indent}${code.padEnd(width)} /* ${note} */\n`;
  });
  return lines.join('');
}

/** C text of a type with a name in it, on one line: `int (*fn)(struct sock *)`; without a name the type alone. */
export function declare(type: TypeTree, name: string): string {
  const { base, declarator } = split(type, name);
  const first = baseText(base);
  return declarator === ''
    ? first
    : `${first}${declarator.startsWith(' ') ? '' : ' '}${declarator}`;
}

interface Place {
  readonly depth: number;
  /** Where the outer struct or union begins, in bits of the outermost. */
  readonly bits: number;
  /** Of the outer member with its full stop; empty at the top. */
  readonly path: string;
}

const START: Place = { depth: 0, bits: 0, path: '' };

function renderComposite(
  lines: DefinitionLine[],
  head: string,
  { members, size }: CompositeLayout,
  place: Place,
  isUnion = head.startsWith('union'),
): void {
  const { depth } = place;
  lines.push({ depth, code: `${head} {`, note: '', path: undefined });
  let end = 0;
  for (const member of members) {
    if (!isUnion) addHole(lines, depth + 1, member.bitOffset - end);
    renderMember(lines, member, place);
    const bits = bitsOfMember(member);
    end = member.bitOffset + (bits > 0 ? bits : (sizeOfType(member.type) ?? 0) * 8);
  }
  const padding = size * 8 - end;
  if (!isUnion && members.length > 0 && padding > 0) {
    const note = padding % 8 === 0 ? `padding: ${padding / 8}` : `bit_padding: ${padding} bits`;
    lines.push({ depth: depth + 1, code: '', note, path: undefined });
  }
}

function addHole(lines: DefinitionLine[], depth: number, bits: number): void {
  if (bits <= 0) return;
  const size = bits % 8 === 0 ? counted(bits / 8, 'byte') : counted(bits, 'bit');
  const note = `hole: ${size}`;
  lines.push({ depth, code: '', note, path: undefined });
}

/** Bytes of a cache line, by which pahole counts. */
const CACHE_LINE = 64;

function addSummary(lines: DefinitionLine[], { size, members }: CompositeLayout): void {
  const cacheLines = Math.ceil(size / CACHE_LINE);
  const note = `size: ${size}, cachelines: ${cacheLines}, members: ${members.length}`;
  lines.push({ depth: 1, code: '', note, path: undefined });
}

function renderMember(lines: DefinitionLine[], member: MemberTree, place: Place): void {
  const bits = bitsOfMember(member);
  const start = place.bits + member.bitOffset;
  const name = bits > 0 ? `${member.name}:${bits}` : member.name;
  const depth = place.depth + 1;
  const path = `${place.path}${member.name}`;
  const inner = { depth, bits: start, path: member.name === '' ? place.path : `${path}.` };
  renderDeclaration(lines, '', member.type, name, inner);
  const last = lines.at(-1);
  if (last === undefined) return;
  const offset = `${Math.floor(start / 8)}`;
  const at = bits > 0 ? `${offset}:${`${start % 8}`.padStart(2)}` : offset;
  const size = `${sizeOfType(member.type) ?? 0}`;
  const note = `${at.padStart(bits > 0 ? 8 : 5)} ${size.padStart(bits > 0 ? 2 : 5)}`;
  const named = member.name === '' ? undefined : path;
  lines[lines.length - 1] = { depth: last.depth, code: last.code, note, path: named };
}

/** A declaration on one line, or on several where its type is written out. */
function renderDeclaration(
  lines: DefinitionLine[],
  before: string,
  type: TypeTree,
  name: string,
  place: Place,
): void {
  const { base, declarator } = split(type, name);
  const { depth } = place;
  const tail = declarator === '' ? '' : ` ${declarator.trimStart()}`;
  const { qualifiers, core } = unqualified(base);
  switch (core.kind) {
    case 'struct':
    case 'union':
      renderComposite(
        lines,
        `${before}${qualifiers}${core.kind}`,
        core,
        place,
        core.kind === 'union',
      );
      break;
    case 'enum':
      // These have no history: `partsOf` knows the enumerators of an enum with a name.
      renderEnum(lines, `${before}${qualifiers}enum`, core, depth, () => undefined);
      break;
    default: {
      const first = baseText(base);
      const isMember = before === '' && place.depth > 0;
      const width = Math.max(0, TYPE_WIDTH - (depth - 1) * TAB);
      const code = isMember ? `${first.padEnd(width)}${tail}` : `${before}${first}${tail}`;
      lines.push({ depth, code: `${code};`, note: '', path: undefined });
      return;
    }
  }
  lines.push({ depth, code: `}${tail};`, note: '', path: undefined });
}

function renderEnum(
  lines: DefinitionLine[],
  head: string,
  { values }: EnumLayout,
  depth: number,
  pathOf: (value: EnumLayout['values'][number]) => string | undefined,
): void {
  lines.push({ depth, code: `${head} {`, note: '', path: undefined });
  for (const one of values) {
    const code = `${one.name} = ${one.value},`;
    lines.push({ depth: depth + 1, code, note: '', path: pathOf(one) });
  }
}

/** A type as C has it: what stands first, and the declarator with the name in it. */
function split(
  type: TypeTree,
  name: string,
): { readonly base: TypeTree; readonly declarator: string } {
  switch (type.kind) {
    case 'pointer':
      return split(type.to, `*${name}`);
    case 'const':
    case 'volatile':
    case 'restrict':
      return splitQualified(type, name);
    case 'tag':
      return split(type.of, name);
    case 'array':
      return split(type.of, `${grouped(name)}[${type.length}]`);
    case 'function':
      return split(type.returns, `${grouped(name)}(${parametersText(type)})`);
    default:
      return { base: type, declarator: name };
  }
}

type Qualified = TypeTree & { readonly kind: 'const' | 'volatile' | 'restrict' };

function isQualified(type: TypeTree): type is Qualified {
  return type.kind === 'const' || type.kind === 'volatile' || type.kind === 'restrict';
}

function splitQualified(type: Qualified, name: string): ReturnType<typeof split> {
  const { kind, of } = type;
  if (of.kind === 'array') {
    // A qualifier of an array is one of its elements, which often have it already.
    const element = hasQualifier(of.of, kind) ? of.of : ({ kind, of: of.of } as const);
    return split({ kind: 'array', length: of.length, of: element }, name);
  }
  // gcc's DWARF has functions that do not return as volatile ones, which C cannot say.
  if (of.kind === 'function') return split(of, name);
  // A qualifier of a pointer stands behind its star, all others before the first word.
  if (isPointer(of)) return split(of, ` ${kind}${name === '' ? '' : ' '}${name.trimStart()}`);
  const { base, declarator } = split(of, name);
  return { base: { kind, of: base }, declarator };
}

function hasQualifier(type: TypeTree, kind: Qualified['kind']): boolean {
  return isQualified(type) && (type.kind === kind || hasQualifier(type.of, kind));
}

function isPointer(type: TypeTree): boolean {
  if (type.kind === 'pointer') return true;
  return (isQualified(type) || type.kind === 'tag') && isPointer(type.of);
}

/** In brackets where a star stands first, which binds less than what follows. */
function grouped(declarator: string): string {
  return declarator.startsWith('*') ? `(${declarator})` : declarator;
}

function parametersText({ parameters }: Signature): string {
  if (parameters.length === 0) return 'void';
  const texts = parameters.map(({ name, type }, index) => {
    const isLast = index === parameters.length - 1;
    return isLast && name === '' && type.kind === 'void' ? '...' : declare(type, name);
  });
  return texts.join(', ');
}

function unqualified(type: TypeTree): { readonly qualifiers: string; readonly core: TypeTree } {
  if (!isQualified(type)) return { qualifiers: '', core: type };
  const { qualifiers, core } = unqualified(type.of);
  return { qualifiers: `${type.kind} ${qualifiers}`, core };
}

function baseText(type: TypeTree): string {
  const { qualifiers, core } = unqualified(type);
  return `${qualifiers}${coreText(core)}`;
}

function coreText(core: TypeTree): string {
  switch (core.kind) {
    case 'void':
      return 'void';
    case 'int':
    case 'float':
    case 'typedef':
      return core.name;
    case 'named':
      return `${core.word} ${core.name}`;
    case 'struct':
    case 'union': {
      const members = core.members.map(
        (member) => `${declare(member.type, member.name)}${bitsText(member)};`,
      );
      return `${core.kind} { ${members.join(' ')} }`;
    }
    case 'enum':
      return `enum { ${core.values.map(({ name, value }) => `${name} = ${value}`).join(', ')} }`;
    case 'unknown':
      return core.name === '' ? '?' : core.name;
    default:
      return declare(core, '');
  }
}

function bitsText(member: MemberTree): string {
  const bits = bitsOfMember(member);
  return bits > 0 ? `:${bits}` : '';
}

function withNote({ depth, code, path }: DefinitionLine, note: string): DefinitionLine {
  return { depth, code, note, path };
}
