import { execFileSync } from 'node:child_process';

/** A type as bpftool's own JSON has it. */
interface DumpedType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly ret_type_id?: number;
  readonly nr_elems?: number;
  readonly nr_bits?: number;
  readonly bits_offset?: number;
  readonly members?: readonly DumpedMember[];
  readonly params?: readonly { readonly name: string; readonly type_id: number }[];
  readonly values?: readonly { readonly name: string; readonly val: number | string }[];
}

interface DumpedMember {
  readonly name: string;
  readonly type_id: number;
  readonly bits_offset: number;
  readonly bitfield_size?: number;
}

/** One kernel's types as bpftool says them, to compare the explorer's answers with. */
export class DumpedKernel {
  readonly #types = new Map<number, DumpedType>();
  readonly #byName = new Map<string, DumpedType[]>();
  readonly #text: ReadonlyMap<string, string>;

  /** @param path raw BTF */
  constructor(path: string) {
    const options = { maxBuffer: 1 << 30, encoding: 'utf8' } as const;
    const json = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', path], options);
    // bpftool widens a value of 32 bits by its sign: more digits than a number of JavaScript has.
    const readable = json.replace(/"val":(\d{16,})/g, '"val":"$1"');
    for (const type of JSON.parse(readable).types as DumpedType[]) {
      this.#types.set(type.id, type);
      if (type.name === '(anon)') continue;
      const key = keyOf(type);
      const known = this.#byName.get(key);
      if (known === undefined) this.#byName.set(key, [type]);
      else known.push(type);
    }
    const text = execFileSync('bpftool', ['btf', 'dump', 'file', path, 'format', 'c'], options);
    this.#text = definitionsIn(text);
  }

  /** `struct task_struct`, `function tcp_connect`: all names, sorted. */
  names(): readonly string[] {
    return [...this.#byName.keys()]
      .filter((key) => /^(struct|union|enum|typedef|function) /.test(key))
      .sort();
  }

  /**
   * The members of each definition of a name, one behind the other as text: path, bit, bits and bytes. For an enum its
   * values, for a function its parameters.
   */
  layouts(key: string): ReadonlySet<string> {
    return new Set((this.#byName.get(key) ?? []).map((type) => this.#layout(type).join('\n')));
  }

  /** C as bpftool writes it, without white space; undefined where the name has several definitions, or is none. */
  text(key: string): string | undefined {
    return this.#byName.get(key)?.length === 1 ? this.#text.get(key) : undefined;
  }

  #layout(type: DumpedType): readonly string[] {
    switch (type.kind) {
      case 'STRUCT':
      case 'UNION':
        return [`${type.size} bytes`, ...this.#members(type, 0, '')];
      case 'ENUM':
      case 'ENUM64':
        return (type.values ?? []).map(({ name, val }) => {
          const bits = type.kind === 'ENUM' ? 32 : 64;
          return `${name} = ${typeof val === 'string' ? BigInt.asUintN(bits, BigInt(val)) : val}`;
        });
      case 'FUNC': {
        const prototype = this.#typeAt(type.type_id);
        return (prototype?.params ?? [])
          .map(({ name }) => named(name))
          .filter((name) => name !== '');
      }
      default:
        return this.#membersOfType(type.type_id, 0, '');
    }
  }

  #members({ members = [] }: DumpedType, start: number, outer: string): readonly string[] {
    return members.flatMap((member) => {
      const bit = start + member.bits_offset;
      const name = named(member.name);
      if (name === '') return this.#membersOfType(member.type_id, bit, outer);
      const int = this.#plain(member.type_id);
      const intBits = int?.kind === 'INT' ? (int.nr_bits ?? 0) : 0;
      const isOldField = int?.kind === 'INT' && intBits < (int.size ?? 0) * 8;
      const bits = member.bitfield_size || (isOldField ? intBits : 0);
      const own = `${outer}${name}: bit ${bit}, ${bits} bits, ${this.#size(member.type_id)} bytes`;
      return [own, ...this.#membersOfType(member.type_id, bit, `${outer}${name}.`)];
    });
  }

  /** Of a type without a name, be it in arrays. */
  #membersOfType(id: number | undefined, start: number, outer: string): readonly string[] {
    const type = this.#typeAt(id);
    switch (type?.kind) {
      case 'STRUCT':
      case 'UNION':
        return named(type.name) === '' ? this.#members(type, start, outer) : [];
      case 'ARRAY':
      case 'CONST':
      case 'VOLATILE':
        return this.#membersOfType(type.type_id, start, outer);
      default:
        return [];
    }
  }

  #size(id: number | undefined): number {
    const type = this.#typeAt(id);
    switch (type?.kind) {
      case 'PTR':
        return 8;
      case 'ARRAY':
        return (type.nr_elems ?? 0) * this.#size(type.type_id);
      case 'TYPEDEF':
      case 'CONST':
      case 'VOLATILE':
      case 'RESTRICT':
        return this.#size(type.type_id);
      default:
        return type?.size ?? 0;
    }
  }

  #plain(id: number | undefined): DumpedType | undefined {
    const type = this.#typeAt(id);
    const isName = ['TYPEDEF', 'CONST', 'VOLATILE', 'RESTRICT'].includes(type?.kind ?? '');
    return isName ? this.#plain(type?.type_id) : type;
  }

  #typeAt(id: number | undefined): DumpedType | undefined {
    return id === undefined ? undefined : this.#types.get(id);
  }
}

function named(name: string): string {
  return name === '(anon)' ? '' : name;
}

function keyOf({ kind, name }: DumpedType): string {
  const words: Readonly<Record<string, string>> = { FUNC: 'function', ENUM64: 'enum' };
  return `${words[kind] ?? kind.toLowerCase()} ${name}`;
}

/** The definitions of `format c` by their name, without white space. */
function definitionsIn(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const blocks = text.matchAll(
    /^(?:(struct|union|enum) ([^\s{]+) \{$[\s\S]*?^\}.*;|enum ([^\s{]+) \{\};|(?:struct|union) ([^\s{]+) \{\};)$/gm,
  );
  for (const [block, word, name] of blocks) {
    if (word !== undefined && name !== undefined) found.set(`${word} ${name}`, plainC(block));
  }
  return found;
}

/** C without comments and white space, and without what bpftool adds: padding, attributes, numbers behind names. */
export function plainC(text: string): string {
  return text
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/__attribute__\(\(\w+\)\)/g, '')
    .replace(/^\s*(?:char|short|int|long): \d+;$/gm, '')
    .replace(/___\d+\b/g, '')
    .replace(/\b(\d+)(?:U?LL)\b/g, '$1')
    .replace(/\s+/g, '');
}
