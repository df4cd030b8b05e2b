import type { BtfType, Int, TypeId } from '../../btf/format.ts';
import { StringTable, writeBtf } from '../../btf/write.ts';
import type {
  CompositeLayout,
  Definition,
  EnumLayout,
  Signature,
  TypeTree,
} from '../../explorer/definition.ts';

/**
 * BTF with these definitions of one kernel, in their order: enough to relocate an object that asks for nothing else.
 * What they refer to by name is among them, or becomes a type of that name without parts.
 */
export function rebuildBtf(definitions: readonly Definition[]): Uint8Array {
  const builder = new Builder();
  builder.addAll(definitions);
  return writeBtf(builder.types, new StringTable(), 'little');
}

/** A type without the id that it gets. */
type Unplaced = BtfType extends infer Type
  ? Type extends BtfType
    ? Omit<Type, 'id'>
    : never
  : never;

class Builder {
  readonly types: BtfType[] = [];
  /** The first definition of each name, by kind. */
  readonly #defined = new Map<string, TypeId>();
  readonly #leaves = new Map<string, TypeId>();

  addAll(definitions: readonly Definition[]): void {
    // Each has its id before any is written, for they refer to each other.
    const ids = definitions.map((definition) => {
      const id = this.#reserve();
      const key = keyOf(definition.kind, definition.name);
      if (!this.#defined.has(key)) this.#defined.set(key, id);
      return id;
    });
    for (const [index, definition] of definitions.entries()) {
      this.#place(ids[index] as TypeId, this.#define(definition));
    }
    const ints = this.types.filter((type) => type.kind === 'INT');
    const isNarrow = ints.some(({ name, size }) => name === LONG_OF_32_BITS.name && size === 4);
    const known = new Set(ints.map(({ name }) => name));
    for (const int of baseInts(isNarrow ? 4 : 8)) if (!known.has(int.name)) this.#int(int);
  }

  #define(definition: Definition): Unplaced {
    const { name } = definition;
    switch (definition.kind) {
      case 'struct':
      case 'union':
        return this.#composite(definition.kind, name, definition);
      case 'enum':
        return enumType(name, definition);
      case 'typedef':
        return { kind: 'TYPEDEF', name, type: this.#add(definition.type) };
      case 'function':
        return { kind: 'FUNC', name, type: this.#push(this.#prototype(definition)), linkage: 0 };
      case 'variable':
        return { kind: 'VAR', name, type: this.#add(definition.type), linkage: definition.linkage };
    }
  }

  #composite(kind: 'struct' | 'union', name: string, { size, members }: CompositeLayout): Unplaced {
    const hasBits = members.some(({ bitfieldSize }) => bitfieldSize > 0);
    return {
      kind: kind === 'struct' ? 'STRUCT' : 'UNION',
      name,
      size,
      members: members.map(({ name: own, type, bitOffset, bitfieldSize }) => ({
        name: own,
        type: this.#add(type),
        bitOffset,
        bitfieldSize: hasBits ? bitfieldSize : 0,
      })),
    };
  }

  #prototype({ returns, parameters }: Signature): Unplaced {
    return {
      kind: 'FUNC_PROTO',
      name: '',
      type: this.#add(returns),
      parameters: parameters.map(({ name, type }) => ({ name, type: this.#add(type) })),
    };
  }

  #add(tree: TypeTree): TypeId {
    switch (tree.kind) {
      case 'void':
      case 'unknown':
        return 0;
      case 'int':
        return this.#int(tree);
      case 'float':
        return this.#leaf({ kind: 'FLOAT', name: tree.name, size: tree.size });
      case 'pointer':
        if (tree.size === 4) this.#int(LONG_OF_32_BITS);
        return this.#push({ kind: 'PTR', name: '', type: this.#add(tree.to) });
      case 'const':
        return this.#push({ kind: 'CONST', name: '', type: this.#add(tree.of) });
      case 'volatile':
        return this.#push({ kind: 'VOLATILE', name: '', type: this.#add(tree.of) });
      case 'restrict':
        return this.#push({ kind: 'RESTRICT', name: '', type: this.#add(tree.of) });
      case 'tag': {
        const { name, isAttribute } = tree;
        return this.#push({ kind: 'TYPE_TAG', name, isAttribute, type: this.#add(tree.of) });
      }
      case 'array': {
        const { length } = tree;
        const indexType = this.#int(UNSIGNED);
        return this.#push({ kind: 'ARRAY', name: '', type: this.#add(tree.of), indexType, length });
      }
      case 'named':
        return this.#defined.get(keyOf(tree.word, tree.name)) ?? this.#placeholder(tree);
      case 'typedef': {
        const known = this.#defined.get(keyOf('typedef', tree.name));
        if (known !== undefined) return known;
        const type = tree.of === undefined ? 0 : this.#add(tree.of);
        return this.#push({ kind: 'TYPEDEF', name: tree.name, type });
      }
      case 'struct':
      case 'union':
        return this.#push(this.#composite(tree.kind, '', tree));
      case 'enum':
        return this.#push(enumType('', tree));
      case 'function':
        return this.#push(this.#prototype(tree));
    }
  }

  #placeholder({ word, name, size }: TypeTree & { readonly kind: 'named' }): TypeId {
    if (word === 'enum') {
      return this.#leaf({ kind: 'ENUM', name, size: size ?? 4, signed: false, values: [] });
    }
    if (size === undefined) return this.#leaf({ kind: 'FWD', name, fwdKind: word });
    const kind = word === 'struct' ? 'STRUCT' : 'UNION';
    return this.#leaf({ kind, name, size, members: [] });
  }

  #int({ name, size, bits, bitOffset, encoding }: IntShape): TypeId {
    return this.#leaf({ kind: 'INT', name, size, bits, bitOffset, encoding });
  }

  /** A type without parts, once. */
  #leaf(type: Unplaced): TypeId {
    const key = JSON.stringify(type);
    const id = this.#leaves.get(key) ?? this.#push(type);
    this.#leaves.set(key, id);
    return id;
  }

  #push(type: Unplaced): TypeId {
    const id = this.#reserve();
    this.#place(id, type);
    return id;
  }

  #reserve(): TypeId {
    return this.types.push(NOTHING);
  }

  #place(id: TypeId, type: Unplaced): void {
    this.types[id - 1] = Object.assign(type, { id }) as BtfType;
  }
}

const NOTHING: BtfType = { kind: 'VOID', id: 0, name: '' };

function keyOf(kind: string, name: string): string {
  return `${kind} ${name}`;
}

function enumType(name: string, { size, signed, values }: EnumLayout): Unplaced {
  if (size <= 4) {
    const narrow = values.map((one) => ({ name: one.name, value: Number(one.value) }));
    return { kind: 'ENUM', name, size, signed, values: narrow };
  }
  return { kind: 'ENUM64', name, size, signed, values };
}

type IntShape = Pick<Int, 'name' | 'size' | 'bits' | 'bitOffset' | 'encoding'>;

function int(name: string, size: number, encoding: Int['encoding']): IntShape {
  return { name, size, bits: size * 8, bitOffset: 0, encoding };
}

const UNSIGNED = int('unsigned int', 4, 'none');
const LONG_OF_32_BITS = int('long unsigned int', 4, 'none');

/** The integers that every kernel has, as compilers name them; `long` has the bytes of a pointer. */
function baseInts(pointer: 4 | 8): readonly IntShape[] {
  return [
    int('char', 1, 'SIGNED'),
    int('signed char', 1, 'SIGNED'),
    int('unsigned char', 1, 'none'),
    int('short int', 2, 'SIGNED'),
    int('short unsigned int', 2, 'none'),
    int('int', 4, 'SIGNED'),
    UNSIGNED,
    int('long int', pointer, 'SIGNED'),
    int('long unsigned int', pointer, 'none'),
    int('long long int', 8, 'SIGNED'),
    int('long long unsigned int', 8, 'none'),
    int('_Bool', 1, 'BOOL'),
  ];
}
