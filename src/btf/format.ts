/**
 * BTF as the kernel's Documentation/bpf/btf.rst and include/uapi/linux/btf.h define it: a header,
 * types, and a table of strings. This file names its parts; reader.ts reads them, write.ts writes them.
 */
import { Failure } from '../failure.ts';

/** The header's first two bytes, as a number in the file's own byte order. */
export const MAGIC = 0xeb9f;
export const VERSION = 1;
/** Bytes of the header before Linux 7.1, and of every header that is published. */
export const HEADER_SIZE = 24;
/** Bytes of the header from Linux 7.1 on, which also says where the layout section lies. */
export const LAYOUT_HEADER_SIZE = 32;
/** Bytes that every type begins with: name, info (kind_flag, kind, vlen), size or type. */
export const TYPE_SIZE = 12;
/** The info word: vlen in bits 0-23 (0-15 before Linux 7.1), kind in 24-30, kind_flag in 31. */
export const VLEN_MASK = 0xffffff;
export const KIND_MASK = 0x7f;
export const KIND_FLAG = 0x80000000;

export type ByteOrder = 'little' | 'big';
/** Position of a type, from 1; 0 is `void`. A split BTF goes on where its base ends. */
export type TypeId = number;

/** Every known kind, in the order of its number. A kind with a higher number is `OPAQUE`. */
export const KINDS = [
  ...['VOID', 'INT', 'PTR', 'ARRAY', 'STRUCT', 'UNION', 'ENUM', 'FWD', 'TYPEDEF', 'VOLATILE'],
  ...['CONST', 'RESTRICT', 'FUNC', 'FUNC_PROTO', 'VAR', 'DATASEC', 'FLOAT', 'DECL_TAG'],
  ...['TYPE_TAG', 'ENUM64'],
] as readonly Kind[];

export type Kind = BtfType['kind'];

interface Named<K extends string> {
  readonly kind: K;
  readonly id: TypeId;
  /** Empty for what has none. */
  readonly name: string;
}

export type Void = Named<'VOID'>;

export interface Int extends Named<'INT'> {
  /** Bytes. */
  readonly size: number;
  /** Bits that are used, and where they begin: less than the size only in old bit-fields. */
  readonly bits: number;
  readonly bitOffset: number;
  readonly encoding: 'none' | 'SIGNED' | 'CHAR' | 'BOOL' | 'unknown';
}

/** A pointer, a typedef or a qualifier of another type. */
export interface Reference extends Named<'PTR' | 'TYPEDEF' | 'VOLATILE' | 'CONST' | 'RESTRICT'> {
  readonly type: TypeId;
}

/** `btf_type_tag`: its name is the tag. */
export interface TypeTag extends Named<'TYPE_TAG'> {
  readonly type: TypeId;
  /** kind_flag: the name is any attribute, as from Linux 6.15 on, instead of a tag. */
  readonly isAttribute: boolean;
}

export interface BtfArray extends Named<'ARRAY'> {
  readonly type: TypeId;
  readonly indexType: TypeId;
  readonly length: number;
}

export interface Composite extends Named<'STRUCT' | 'UNION'> {
  /** Bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfMember {
  readonly name: string;
  readonly type: TypeId;
  /** From the beginning of the struct, in bits. */
  readonly bitOffset: number;
  /** Bits of a bit-field; 0 for an ordinary member, and for a bit-field whose INT says its bits. */
  readonly bitfieldSize: number;
}

export interface Enum extends Named<'ENUM'> {
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: number }[];
}

export interface Enum64 extends Named<'ENUM64'> {
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

/** A struct or union that is named and nowhere defined. */
export interface Fwd extends Named<'FWD'> {
  readonly fwdKind: 'struct' | 'union';
}

export interface Func extends Named<'FUNC'> {
  readonly type: TypeId;
  readonly linkage: number;
}

export interface FuncProto extends Named<'FUNC_PROTO'> {
  /** What it returns. */
  readonly type: TypeId;
  /** A last one without name and type stands for `...`. */
  readonly parameters: readonly { readonly name: string; readonly type: TypeId }[];
}

export interface Var extends Named<'VAR'> {
  readonly type: TypeId;
  readonly linkage: number;
}

/** A section of variables: `.data..percpu`. */
export interface Datasec extends Named<'DATASEC'> {
  readonly size: number;
  readonly vars: readonly {
    readonly type: TypeId;
    readonly offset: number;
    readonly size: number;
  }[];
}

export interface Float extends Named<'FLOAT'> {
  readonly size: number;
}

/** `btf_decl_tag`: its name is the tag. */
export interface DeclTag extends Named<'DECL_TAG'> {
  readonly type: TypeId;
  /** Which member or parameter it is on; -1 for the whole. */
  readonly componentIndex: number;
  /** kind_flag: the name is any attribute, as from Linux 6.15 on, instead of a tag. */
  readonly isAttribute: boolean;
}

/** A type of a kind that is newer than this program; the layout section says how long it is. */
export interface Opaque extends Named<'OPAQUE'> {
  /** The number of its kind, 20 or more. */
  readonly number: number;
}

export type BtfType =
  | Void
  | Int
  | Reference
  | TypeTag
  | BtfArray
  | Composite
  | Enum
  | Fwd
  | Func
  | FuncProto
  | Var
  | Datasec
  | Float
  | DeclTag
  | Enum64
  | Opaque;

/** How long a type is: btf_layout of include/uapi/linux/btf.h. Bytes. */
export interface TypeLayout {
  /** What follows the first 12 bytes, before the elements (info_sz). */
  readonly infoSize: number;
  /** Each of the `vlen` elements (elem_sz). */
  readonly elementSize: number;
  readonly flags: number;
}

const ELEMENT_SIZE: Readonly<Partial<Record<Kind, number>>> = {
  STRUCT: 12,
  UNION: 12,
  ENUM: 8,
  FUNC_PROTO: 8,
  DATASEC: 12,
  ENUM64: 12,
};
const INFO_SIZE: Readonly<Partial<Record<Kind, number>>> = {
  INT: 4,
  ARRAY: 12,
  VAR: 4,
  DECL_TAG: 4,
};
/** By number of the kind. Kinds without elements have 0, and must say that they have none. */
export const ELEMENT_SIZES = KINDS.map((kind) => ELEMENT_SIZE[kind] ?? 0);
/** By number of the kind. */
export const INFO_SIZES = KINDS.map((kind) => INFO_SIZE[kind] ?? 0);

/** A `bad-btf` failure that names the type. */
export function invalidType(type: BtfType, what: string): Failure {
  const name = type.name === '' ? '' : ` '${type.name}'`;
  return new Failure(
    'bad-btf',
    `This is not sound BTF: type ${type.id} (${type.kind}${name}) ${what}.`,
  );
}
