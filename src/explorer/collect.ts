import type { BtfMember, BtfType, Int, TypeId } from '../btf/format.ts';
import { type Btf, pointerSizeOf } from '../btf/reader.ts';
import { type DefinitionKind, ENCODING_LETTERS } from './definition.ts';

/** One definition of a kernel in the notation of definition.ts. */
export interface CollectedDefinition {
  readonly kind: DefinitionKind;
  readonly name: string;
  /** JSON; equal text means an equal definition. */
  readonly body: string;
}

/**
 * Every definition of a kernel that has a name: structs, unions, enums, typedefs, functions and variables. A name
 * can have several, as static functions and structs of single files do; the same one can come twice.
 *
 * @param btf must have passed `checkBtf`
 * @param isWanted which names to collect; all without it
 */
export function* collectDefinitions(
  btf: Btf,
  isWanted?: (name: string) => boolean,
): Generator<CollectedDefinition> {
  const notation = new Notation(btf);
  const sections = sectionsOf(btf);
  for (let id = btf.firstId; id <= btf.lastId; id++) {
    const kind = KIND_OF[btf.kindOf(id)];
    if (kind === undefined || isWanted?.(btf.nameOf(id)) === false) continue;
    const type = btf.type(id);
    if (type.name === '') continue;
    const body = notation.definition(type, sections.get(id) ?? '');
    if (body !== undefined) yield { kind, name: type.name, body };
  }
}

const KIND_OF: Readonly<Partial<Record<BtfType['kind'], DefinitionKind>>> = {
  STRUCT: 'struct',
  UNION: 'union',
  ENUM: 'enum',
  ENUM64: 'enum',
  TYPEDEF: 'typedef',
  FUNC: 'function',
  VAR: 'variable',
};

/** The DATASEC of each variable that is in one. */
function sectionsOf(btf: Btf): ReadonlyMap<TypeId, string> {
  const sections = new Map<TypeId, string>();
  for (let id = btf.firstId; id <= btf.lastId; id++) {
    if (btf.kindOf(id) !== 'DATASEC') continue;
    const section = btf.type(id);
    if (section.kind !== 'DATASEC') continue;
    for (const { type } of section.vars) sections.set(type, section.name);
  }
  return sections;
}

/** Where a type stands: behind a pointer only names count. */
type Place = 'value' | 'pointed';

/** Types as JSON text in the notation of definition.ts; each is written once. */
class Notation {
  readonly #btf: Btf;
  readonly #pointer: '*' | '^';
  readonly #known: Readonly<Record<Place, (string | undefined)[]>> = { value: [], pointed: [] };

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#pointer = pointerSizeOf(btf) === 4 ? '^' : '*';
  }

  /** The body of a definition; undefined for what is none. */
  definition(type: BtfType, section: string): string | undefined {
    switch (type.kind) {
      case 'STRUCT':
      case 'UNION':
        return `[${type.size}${this.#members(type.members)}]`;
      case 'ENUM':
      case 'ENUM64':
        return `[${enumParts(type)}]`;
      case 'TYPEDEF':
        return `[${this.#refer(type.type, 'value')}]`;
      case 'FUNC': {
        const prototype = this.#btf.type(type.type);
        return prototype.kind === 'FUNC_PROTO' ? `[${this.#signature(prototype)}]` : undefined;
      }
      case 'VAR':
        return `[${this.#refer(type.type, 'value')},${type.linkage},${quote(section)}]`;
      default:
        return undefined;
    }
  }

  #members(members: readonly BtfMember[]): string {
    let text = '';
    for (const { name, type, bitOffset, bitfieldSize } of members) {
      const bits = bitfieldSize === 0 ? '' : `,${bitfieldSize}`;
      text += `,[${quote(name)},${this.#refer(type, 'value')},${bitOffset}${bits}]`;
    }
    return text;
  }

  #signature({ type, parameters }: BtfType & { readonly kind: 'FUNC_PROTO' }): string {
    let text = this.#refer(type, 'value');
    for (const one of parameters) text += `,[${quote(one.name)},${this.#refer(one.type, 'value')}]`;
    return text;
  }

  #refer(id: TypeId, place: Place): string {
    const known = this.#known[place];
    const text = known[id];
    if (text !== undefined) return text;
    // Only BTF that no compiler makes refers to itself without a name.
    known[id] = '"o:"';
    const written = this.#write(this.#btf.type(id), place);
    known[id] = written;
    return written;
  }

  #write(type: BtfType, place: Place): string {
    switch (type.kind) {
      case 'VOID':
        return '"v"';
      case 'INT':
        return quote(intBase(type));
      case 'FLOAT':
        return quote(`d${type.size}:${type.name}`);
      case 'PTR':
        return withOperator(this.#pointer, this.#refer(type.type, 'pointed'));
      case 'CONST':
        return withOperator('C', this.#refer(type.type, place));
      case 'VOLATILE':
        return withOperator('V', this.#refer(type.type, place));
      case 'RESTRICT':
        return withOperator('R', this.#refer(type.type, place));
      case 'ARRAY':
        return withOperator(`[${type.length}]`, this.#refer(type.type, place));
      case 'TYPE_TAG': {
        const isAttribute = type.isAttribute ? 1 : 0;
        return `["","g",${quote(type.name)},${isAttribute},${this.#refer(type.type, place)}]`;
      }
      case 'TYPEDEF':
        return this.#typedef(type.name, type.type, place);
      case 'FUNC_PROTO':
        return `["","f",${this.#signature(type as BtfType & { kind: 'FUNC_PROTO' })}]`;
      case 'STRUCT':
      case 'UNION': {
        const letter = type.kind === 'STRUCT' ? 's' : 'u';
        return type.name === ''
          ? `["","${letter}",${type.size}${this.#members(type.members)}]`
          : quote(`${letter}${place === 'value' ? type.size : ''}:${type.name}`);
      }
      case 'ENUM':
      case 'ENUM64':
        return type.name === ''
          ? `["","e",${enumParts(type)}]`
          : quote(`e${place === 'value' ? type.size : ''}:${type.name}`);
      case 'FWD':
        return quote(`${type.fwdKind === 'struct' ? 's' : 'u'}:${type.name}`);
      default:
        return quote(`o:${type.name}`);
    }
  }

  #typedef(name: string, id: TypeId, place: Place): string {
    if (place === 'pointed') return quote(`t:${name}`);
    const type = this.#btf.type(id);
    const isPlaceholder =
      type.name === '' &&
      (type.kind === 'STRUCT' ||
        type.kind === 'UNION' ||
        type.kind === 'ENUM' ||
        type.kind === 'ENUM64');
    const target = isPlaceholder
      ? `"${PLACEHOLDERS[type.kind]}${type.size}:"`
      : this.#refer(id, 'value');
    return target.startsWith('"')
      ? `"t:${name}=${target.slice(1)}`
      : `["","t",${quote(name)},${target}]`;
  }
}

const PLACEHOLDERS = { STRUCT: 's', UNION: 'u', ENUM: 'e', ENUM64: 'e' } as const;

/** Puts an operator in front of the operators of a type. */
function withOperator(operator: string, notation: string): string {
  const start = notation.startsWith('"') ? 1 : 2;
  return `${notation.slice(0, start)}${operator}${notation.slice(start)}`;
}

function intBase({ name, size, bits, bitOffset, encoding }: Int): string {
  const place = bits === size * 8 && bitOffset === 0 ? '' : `${bits}@${bitOffset}`;
  return `i${size}${ENCODING_LETTERS[encoding]}${place}:${name}`;
}

function enumParts(type: BtfType & { readonly kind: 'ENUM' | 'ENUM64' }): string {
  const values = type.values.map(({ name, value }) => {
    const isSafe = typeof value === 'number' || Number.isSafeInteger(Number(value));
    return `,[${quote(name)},${isSafe ? value : `"${value}"`}]`;
  });
  return `${type.size},${type.signed ? 1 : 0}${values.join('')}`;
}

const PLAIN = /^[\w.:@=*$ -]*$/;

/** The text as JSON; names seldom need an escape. */
function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
