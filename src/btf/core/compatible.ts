import type { BtfType, TypeId } from '../format.ts';
import {
  essentialName,
  isComposite,
  isEnum,
  RelocationError,
  sameKind,
  type TypeCache,
} from './types.ts';

/** The deepest nesting of types that libbpf follows. */
const MAX_DEPTH = 32;

/**
 * Whether a field of the object's type is compatible with one of the kernel's
 * (bpf_core_fields_are_compat): kinds and the names of enums must agree; sizes, signs and what
 * pointers point to need not.
 */
export function fieldsAreCompatible(
  local: TypeCache,
  localId: TypeId,
  target: TypeCache,
  targetId: TypeId,
): boolean {
  let ours = local.skipModifiers(localId);
  let theirs = target.skipModifiers(targetId);
  for (let level = 0; level < MAX_DEPTH; level++) {
    if (isComposite(ours) && isComposite(theirs)) return true;
    if (!sameKind(ours, theirs)) return false;
    if (ours.kind !== 'ARRAY' || theirs.kind !== 'ARRAY') return leavesAreCompatible(ours, theirs);
    ours = local.skipModifiers(ours.type);
    theirs = target.skipModifiers(theirs.type);
  }
  throw new RelocationError('arrays are nested too deep');
}

function leavesAreCompatible(ours: BtfType, theirs: BtfType): boolean {
  switch (ours.kind) {
    case 'PTR':
    case 'FLOAT':
      return true;
    case 'FWD':
    case 'ENUM':
    case 'ENUM64': {
      const names = [essentialName(ours.name), essentialName(theirs.name)];
      return names.includes('') || names[0] === names[1];
    }
    case 'INT':
      return ours.bitOffset === 0 && theirs.kind === 'INT' && theirs.bitOffset === 0;
    default:
      return false;
  }
}

/**
 * Whether two types of one name are compatible (bpf_core_types_are_compat): kinds and the number of a
 * function's parameters must agree; the members of structs need not.
 */
export function typesAreCompatible(
  local: TypeCache,
  localId: TypeId,
  target: TypeCache,
  targetId: TypeId,
  levels = MAX_DEPTH,
): boolean {
  if (!sameKind(local.type(localId), target.type(targetId))) return false;
  let ours = local.skipModifiers(localId);
  let theirs = target.skipModifiers(targetId);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (!sameKind(ours, theirs)) return false;
    if (ours.kind === 'FUNC_PROTO' && theirs.kind === 'FUNC_PROTO') {
      if (ours.parameters.length !== theirs.parameters.length) return false;
      for (const [index, parameter] of ours.parameters.entries()) {
        if (levels <= 0) throw new RelocationError('functions are nested too deep');
        const ourId = local.skipModifiers(parameter.type).id;
        const theirId = target.skipModifiers(theirs.parameters[index]?.type ?? 0).id;
        if (!typesAreCompatible(local, ourId, target, theirId, levels - 1)) return false;
      }
    } else if (ours.kind !== 'PTR' && ours.kind !== 'ARRAY') {
      return shapesAreCompatible(ours, theirs);
    }
    if (!('type' in ours && 'type' in theirs)) return false;
    ours = local.skipModifiers(ours.type);
    theirs = target.skipModifiers(theirs.type);
  }
  throw new RelocationError('types are nested too deep');
}

function shapesAreCompatible(ours: BtfType, theirs: BtfType): boolean {
  switch (ours.kind) {
    case 'VOID':
    case 'STRUCT':
    case 'UNION':
    case 'ENUM':
    case 'ENUM64':
    case 'FWD':
      return true;
    case 'INT':
      return ours.bitOffset === 0 && theirs.kind === 'INT' && theirs.bitOffset === 0;
    default:
      return false;
  }
}

/**
 * Whether the kernel's type has all that the object's has (bpf_core_types_match): members by name and
 * type, enumerators by name, integers by size and sign; behind a pointer only names and kinds.
 */
export function typesMatch(
  local: TypeCache,
  localId: TypeId,
  target: TypeCache,
  targetId: TypeId,
  behindPointer = false,
  levels = MAX_DEPTH,
): boolean {
  if (levels <= 0) throw new RelocationError('types are nested too deep');
  let behind = behindPointer;
  let ours = local.skipModifiers(localId);
  let theirs = target.skipModifiers(targetId);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (!namesMatch(ours.name, theirs.name)) return false;
    if (ours.kind === 'PTR' && theirs.kind === 'PTR') {
      behind = true;
    } else if (ours.kind === 'ARRAY' && theirs.kind === 'ARRAY') {
      if (ours.length !== theirs.length) return false;
    } else if (ours.kind === 'FUNC_PROTO' && theirs.kind === 'FUNC_PROTO') {
      if (ours.parameters.length !== theirs.parameters.length) return false;
      for (const [index, { type }] of ours.parameters.entries()) {
        const theirType = theirs.parameters[index]?.type ?? 0;
        if (!typesMatch(local, type, target, theirType, behind, levels - 1)) return false;
      }
    } else {
      return leavesMatch(local, ours, target, theirs, behind, levels);
    }
    ours = local.skipModifiers(ours.type);
    theirs = target.skipModifiers(theirs.type);
  }
  throw new RelocationError('types are nested too deep');
}

function leavesMatch(
  local: TypeCache,
  ours: BtfType,
  target: TypeCache,
  theirs: BtfType,
  behind: boolean,
  levels: number,
): boolean {
  switch (ours.kind) {
    case 'VOID':
      return theirs.kind === 'VOID';
    case 'INT': {
      const signs = [
        ours.encoding === 'SIGNED',
        theirs.kind === 'INT' && theirs.encoding === 'SIGNED',
      ];
      return theirs.kind === 'INT' && ours.size === theirs.size && signs[0] === signs[1];
    }
    case 'ENUM':
    case 'ENUM64': {
      if (!isEnum(theirs) || ours.size !== theirs.size) return false;
      if (ours.values.length > theirs.values.length) return false;
      const names = new Set([...theirs.values].map(({ name }) => essentialName(name)));
      return [...ours.values].every(({ name }) => names.has(essentialName(name)));
    }
    case 'FWD':
      if (theirs.kind === 'FWD') return ours.fwdKind === theirs.fwdKind;
      return behind && theirs.kind === ours.fwdKind.toUpperCase();
    case 'STRUCT':
    case 'UNION':
      if (behind) {
        return (
          theirs.kind === ours.kind ||
          (theirs.kind === 'FWD' && theirs.fwdKind.toUpperCase() === ours.kind)
        );
      }
      return theirs.kind === ours.kind && membersMatch(local, ours, target, theirs, levels);
    default:
      return false;
  }
}

type StructOrUnion = BtfType & { kind: 'STRUCT' | 'UNION' };

function membersMatch(
  local: TypeCache,
  ours: StructOrUnion,
  target: TypeCache,
  theirs: StructOrUnion,
  levels: number,
): boolean {
  if (ours.members.length > theirs.members.length) return false;
  return ours.members.every((member) =>
    theirs.members.some(
      (other) =>
        namesMatch(member.name, other.name) &&
        typesMatch(local, member.type, target, other.type, false, levels - 1),
    ),
  );
}

function namesMatch(ours: string, theirs: string): boolean {
  return theirs === '' ? ours === '' : essentialName(ours) === essentialName(theirs);
}
