import { type BtfType, type Composite, invalidType, type Kind, type TypeId } from './format.ts';
import { type Btf, pointerSizeOf } from './reader.ts';

/** The size of what has none: `void`, functions, structs that are only declared. */
const NONE = Number.NaN;
/** The size of a type of a newer kind: not known, and anything may lie within it. */
const UNKNOWN = Number.POSITIVE_INFINITY;

/**
 * Finds the size of every type and checks that nothing contains itself, and that members lie within
 * their struct. Ids must be checked before, those of a base too. It walks with a stack of its own, and
 * visits each type once: a chain of 100,000 typedefs is only long.
 */
export function checkSizes(btf: Btf): void {
  const sizes = new Float64Array(btf.lastId + 1).fill(NONE);
  const state = new Uint8Array(btf.lastId + 1);
  const pointerSize = pointerSizeOf(btf);
  const stack: { type: BtfType; contained: readonly TypeId[]; next: number }[] = [];
  const enter = (id: TypeId) => {
    const type = btf.type(id);
    state[id] = ENTERED;
    stack.push({ type, contained: containedIn(type), next: 0 });
  };
  for (let id = btf.firstId; id <= btf.lastId; id++) {
    if (UNSIZED.has(btf.kindOf(id))) state[id] = DONE;
    if (state[id] === NEW) enter(id);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const inner = top.contained[top.next++];
      if (inner === undefined) {
        sizes[top.type.id] = sizeOf(top.type, sizes, pointerSize);
        state[top.type.id] = DONE;
        stack.pop();
      } else if (state[inner] === ENTERED) {
        throw invalidType(top.type, `contains type ${inner}, which contains it`);
      } else if (state[inner] === NEW) {
        enter(inner);
      }
    }
  }
}

/** Most types are of these kinds, and need not even be decoded: nothing can contain them. */
const UNSIZED: ReadonlySet<Kind> = new Set(['FUNC', 'FUNC_PROTO', 'FWD', 'DATASEC', 'DECL_TAG']);

const NEW = 0;
const ENTERED = 1;
const DONE = 2;

/** The types that a type contains: those behind a pointer or of a function are not part of it. */
function containedIn(type: BtfType): readonly TypeId[] {
  switch (type.kind) {
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
    case 'TYPE_TAG':
    case 'ARRAY':
    case 'VAR':
      return [type.type];
    case 'STRUCT':
    case 'UNION':
      return type.members.map((member) => member.type);
    default:
      return [];
  }
}

function sizeOf(type: BtfType, sizes: Float64Array, pointerSize: number): number {
  const of = (id: TypeId) => sizes[id] as number;
  switch (type.kind) {
    case 'INT':
      if (type.bits > 128 || type.bitOffset + type.bits > type.size * 8 || type.size > 16) {
        throw invalidType(type, `has ${type.bits} bits at ${type.bitOffset} in ${type.size} bytes`);
      }
      return type.size;
    case 'FLOAT':
      return type.size;
    case 'ENUM':
    case 'ENUM64':
      if (![1, 2, 4, 8].includes(type.size))
        throw invalidType(type, `has a size of ${type.size} bytes`);
      return type.size;
    case 'PTR':
      return pointerSize;
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
    case 'TYPE_TAG':
    case 'VAR':
      return of(type.type);
    case 'ARRAY':
      if (Number.isNaN(of(type.type))) throw invalidType(type, 'is an array of what has no size');
      return type.length === 0 ? 0 : of(type.type) * type.length;
    case 'STRUCT':
    case 'UNION':
      checkMembers(type, of);
      return type.size;
    case 'OPAQUE':
      return UNKNOWN;
    default:
      return NONE;
  }
}

function checkMembers(type: Composite, sizeOf: (id: TypeId) => number): void {
  for (const [index, member] of type.members.entries()) {
    const name = member.name === '' ? `member ${index}` : `member '${member.name}'`;
    const size = sizeOf(member.type);
    if (Number.isNaN(size)) throw invalidType(type, `has the ${name}, whose type has no size`);
    if (size === UNKNOWN) continue;
    if (member.bitfieldSize > size * 8) {
      throw invalidType(type, `has the ${name} with ${member.bitfieldSize} bits of ${size} bytes`);
    }
    if (type.kind === 'UNION' && member.bitOffset !== 0) {
      throw invalidType(type, `has the ${name}, which does not begin where the union does`);
    }
    // An INT of its own may be what gives an old bit-field its bits, so only its beginning counts.
    const plain = member.bitfieldSize === 0 && member.bitOffset % 8 === 0;
    const bits = plain ? size * 8 : Math.max(member.bitfieldSize, 1);
    if (member.bitOffset + bits > type.size * 8 && bits > 0) {
      throw invalidType(type, `has the ${name}, which ends beyond its ${type.size} bytes`);
    }
  }
}
