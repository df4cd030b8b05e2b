import type { BtfType, TypeId } from '../format.ts';
import { type Btf, pointerSizeOf } from '../reader.ts';

/** A problem for which libbpf refuses the whole object, not only one instruction. */
export class RelocationError extends Error {
  override readonly name = 'Refusal';
}

/** libbpf's MAX_RESOLVE_DEPTH: the longest chain of typedefs, modifiers and arrays. */
const MAX_RESOLVE_DEPTH = 32;

/** The types of a BTF file, each decoded once: CO-RE asks for the same few types many times. */
export class TypeCache {
  readonly btf: Btf;
  readonly #pointerSize: number;
  readonly #decoded = new Map<TypeId, BtfType>();

  /** An eBPF object's pointers have 8 bytes; a kernel's have the size of its `long`. */
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
 * A name without its flavour: `task_struct___old` stands for `task_struct`. The flavour begins at the
 * last `___` that has another character on both sides (bpf_core_essential_name_len).
 */
export function essentialName(name: string): string {
  for (let at = name.length - 5; at >= 0; at--) {
    if (name[at] !== '_' && name.startsWith('___', at + 1) && name[at + 4] !== '_') {
      return name.slice(0, at + 1);
    }
  }
  return name;
}

/** Whether CO-RE treats the kinds as equal: the same kind, or enums of either size. */
export function sameKind(left: BtfType, right: BtfType): boolean {
  return left.kind === right.kind || (isEnum(left) && isEnum(right));
}

export function isEnum(type: BtfType): type is BtfType & { readonly kind: 'ENUM' | 'ENUM64' } {
  return type.kind === 'ENUM' || type.kind === 'ENUM64';
}

export function isComposite(type: BtfType): type is BtfType & { kind: 'STRUCT' | 'UNION' } {
  return type.kind === 'STRUCT' || type.kind === 'UNION';
}
