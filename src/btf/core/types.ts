import type { BtfType, TypeId } from '../format.ts';
import { type Btf, pointerSizeOf } from '../reader.ts';

/** Why libbpf gives up on the whole object, rather than on one instruction of it. */
export class RelocationError extends Error {
  override readonly name = 'Refusal';
}

/** Longest way through typedefs, modifiers and arrays; libbpf's MAX_RESOLVE_DEPTH. */
const MAX_RESOLVE_DEPTH = 32;

/** BTF as CO-RE looks at it: what was decoded once is kept, for the same few types are asked for over and over. */
export class TypeCache {
  readonly btf: Btf;
  readonly #pointerSize: number;
  readonly #decoded = new Map<TypeId, BtfType>();

  /** eBPF's own pointers have 8 bytes; a kernel's as many as its `long`. */
  constructor(btf: Btf, pointerSize: number = pointerSizeOf(btf)) {
    this.btf = btf;
    this.#pointerSize = pointerSize;
  }

  type(id: TypeId): BtfType {
    const known = this.#decoded.get(id);
    if (known !== undefined) return known;
    const type = this.btf.type(id);
    this.#decoded.set(id, type);
    return type;
  }

  /** The type behind typedefs, `const`, `volatile`, `restrict` and tags. */
  skipModifiers(id: TypeId): BtfType {
    let type = this.type(id);
    for (let step = 0; step < MAX_RESOLVE_DEPTH * 4; step++) {
      switch (type.kind) {
        case 'TYPEDEF':
        case 'CONST':
        case 'VOLATILE':
        case 'RESTRICT':
        case 'TYPE_TAG':
          type = this.type(type.type);
          break;
        default:
          return type;
      }
    }
    throw new RelocationError(`type ${id} is behind too many others`);
  }

  /** Bytes of a value of the type (btf__resolve_size). */
  sizeOf(id: TypeId): number {
    let count = 1;
    let type = this.skipModifiers(id);
    for (let step = 0; step < MAX_RESOLVE_DEPTH && type.kind === 'ARRAY'; step++) {
      count *= type.length;
      type = this.skipModifiers(type.type);
    }
    switch (type.kind) {
      case 'INT':
      case 'STRUCT':
      case 'UNION':
      case 'ENUM':
      case 'ENUM64':
      case 'FLOAT':
      case 'DATASEC':
        return count * type.size;
      case 'PTR':
        return count * this.#pointerSize;
      default:
        throw new RelocationError(`type ${id} (${type.kind} '${type.name}') has no size`);
    }
  }

  /** The innermost element of an array of arrays; any other type itself. */
  arrayElement(id: TypeId): TypeId {
    let type = this.skipModifiers(id);
    for (let step = 0; step < MAX_RESOLVE_DEPTH && type.kind === 'ARRAY'; step++) {
      type = this.skipModifiers(type.type);
    }
    return type.id;
  }
}

/**
 * A name without its flavour: `task_struct___old` is another view of `task_struct`. What follows the
 * last `___` between two other characters does not count (bpf_core_essential_name_len).
 */
export function essentialName(name: string): string {
  for (let at = name.length - 5; at >= 0; at--) {
    if (name[at] !== '_' && name.startsWith('___', at + 1) && name[at + 4] !== '_') {
      return name.slice(0, at + 1);
    }
  }
  return name;
}

/** Kinds that CO-RE takes for one another: the same, and enums of either width. */
export function sameKind(left: BtfType, right: BtfType): boolean {
  return left.kind === right.kind || (isEnum(left) && isEnum(right));
}

export function isEnum(type: BtfType): type is BtfType & { readonly kind: 'ENUM' | 'ENUM64' } {
  return type.kind === 'ENUM' || type.kind === 'ENUM64';
}

export function isComposite(type: BtfType): type is BtfType & { kind: 'STRUCT' | 'UNION' } {
  return type.kind === 'STRUCT' || type.kind === 'UNION';
}
