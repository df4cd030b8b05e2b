import { RELOCATION_KINDS, type Relocation } from '../btf-ext.ts';
import { type BtfType, type ByteOrder, invalidType, type TypeId } from '../format.ts';
import { remapIds } from '../remap.ts';
import { preamble, StringTable, wordsOf, writeBtf } from '../write.ts';
import { writeElf } from '../write-elf.ts';
import type { BpfObject } from './object.ts';
import { isComposite, RelocationError, type TypeCache } from './types.ts';

/** `EM_BPF` and `ET_REL` */
const [MACHINE, RELOCATABLE] = [247, 1];

/**
 * One eBPF object without programs that has each different CO-RE relocation of these objects once.
 * `bpftool gen min_core_btf` makes the same BTF from it as from all of them, and faster: it searches a
 * kernel's types for each relocation of each object, and most objects ask for the same few types.
 *
 * Its byte order is that of the first object. Throws `bad-btf` for types that contain themselves.
 */
export function combineObjects(objects: readonly BpfObject[]): Buffer {
  const order = objects[0]?.types.btf.byteOrder ?? 'little';
  const collection = new Collection();
  const questions = new Map<string, Question>();
  for (const { types, relocations } of objects) {
    const [byValue, whole] = [new ByValue(types, collection), new Whole(types, collection)];
    for (const relocation of relocations) {
      const { access, kind } = relocation;
      const copy = seesBehindPointers(types, relocation) ? whole : byValue;
      const type = copy.add(relocation.type);
      questions.set(`${type} ${access} ${kind}`, { type, access, kind });
    }
  }
  const strings = new StringTable();
  // Before the types, whose strings follow in the same table.
  const ext = writeExt([...questions.values()], strings, order);
  const btf = writeBtf(collection.types, strings, order);
  return writeElf({ machine: MACHINE, type: RELOCATABLE, order }, [
    { name: '.BTF', bytes: btf },
    { name: '.BTF.ext', bytes: ext },
  ]);
}

type Question = Pick<Relocation, 'type' | 'access' | 'kind'>;

/**
 * Whether libbpf looks at the types behind pointers. For a field or an enumerator it does not: both are
 * within one type (bpf_core_parse_spec). For a type, kind and name are enough, unless the type consists
 * of others (bpf_core_types_are_compat) or must match member by member (bpf_core_types_match).
 */
function seesBehindPointers(types: TypeCache, { kind, type }: Relocation): boolean {
  switch (kind) {
    case 'local_type_id':
    case 'target_type_id':
    case 'type_exists':
    case 'type_size':
      return !isComposite(endOf(types, type));
    case 'type_matches':
      return true;
    default:
      return false;
  }
}

/** The type behind typedefs and modifiers. Throws `bad-btf` when they form a circle. */
function endOf(types: TypeCache, id: TypeId): BtfType {
  try {
    return types.skipModifiers(id);
  } catch (thrown) {
    throw thrown instanceof RelocationError ? invalidType(types.type(id), 'leads nowhere') : thrown;
  }
}

/** The types of the new file, with their new ids. */
class Collection {
  readonly types: BtfType[] = [];
  readonly #ids = new Map<string, TypeId>();

  /** An id for a type that is filled in later. */
  reserve(): TypeId {
    return this.types.push({ kind: 'VOID', id: 0, name: '' });
  }

  fill(id: TypeId, type: BtfType): void {
    this.types[id - 1] = { ...type, id };
  }

  /** Adds a type whose references are new ids. Equal types get one id. */
  intern(type: BtfType): TypeId {
    const key = JSON.stringify({ ...type, id: 0 }, (_, value) =>
      typeof value === 'bigint' ? `${value}` : value,
    );
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.reserve();
    this.fill(id, type);
    this.#ids.set(key, id);
    return id;
  }
}

/** Copies types without what pointers point to; so there are no circles. */
class ByValue {
  readonly #types: TypeCache;
  readonly #collection: Collection;
  readonly #copied = new Map<TypeId, TypeId | undefined>([[0, 0]]);

  constructor(types: TypeCache, collection: Collection) {
    this.#types = types;
    this.#collection = collection;
  }

  add(id: TypeId): TypeId {
    const known = this.#copied.get(id);
    if (known !== undefined) return known;
    const type = this.#types.type(id);
    if (this.#copied.has(id)) throw invalidType(type, 'holds itself');
    this.#copied.set(id, undefined);
    const value = type.kind === 'PTR' ? { ...type, type: 0 } : type;
    const copy = this.#collection.intern(remapIds(value, (one) => this.add(one)));
    this.#copied.set(id, copy);
    return copy;
  }
}

/** Copies types with all types that they refer to. */
class Whole {
  readonly #types: TypeCache;
  readonly #collection: Collection;
  readonly #copied = new Map<TypeId, TypeId>([[0, 0]]);

  constructor(types: TypeCache, collection: Collection) {
    this.#types = types;
    this.#collection = collection;
  }

  add(root: TypeId): TypeId {
    const waiting: TypeId[] = [];
    const copyOf = (id: TypeId): TypeId => {
      const known = this.#copied.get(id);
      if (known !== undefined) return known;
      const copy = this.#collection.reserve();
      this.#copied.set(id, copy);
      waiting.push(id);
      return copy;
    };
    const copy = copyOf(root);
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      this.#collection.fill(copyOf(id), remapIds(this.#types.type(id), copyOf));
    }
    return copy;
  }
}

/** Bytes of a header that has CO-RE relocations, and of one relocation. */
const [HEADER_SIZE, RECORD_SIZE] = [32, 16];

/** A `.BTF.ext` section that has only CO-RE relocations, all for one section (Documentation/bpf/btf.rst). */
function writeExt(questions: readonly Question[], strings: StringTable, order: ByteOrder): Buffer {
  const records = questions.flatMap(({ type, access, kind }) => [
    ...[0, type, strings.offsetOf(access), RELOCATION_KINDS.indexOf(kind)],
  ]);
  const section = [strings.offsetOf('combined'), questions.length, ...records];
  const isEmpty = questions.length === 0;
  // libbpf refuses a section that ends with its header.
  const data = isEmpty ? [0] : [RECORD_SIZE, ...section];
  const header = [HEADER_SIZE, 0, 0, 0, 0, 0, isEmpty ? 0 : data.length * 4];
  return Buffer.concat([preamble(order), wordsOf([...header, ...data], order)]);
}
