import type { BtfType, TypeId } from '../format.ts';
import type { TypeCache } from './types.ts';

/** Deeper types are cut: a name is for a person to read. */
const MAX_DEPTH = 16;

/** A type as C declares it without a variable: `unsigned long`, `struct task_struct *`, `char[16]`. */
export function typeName(types: TypeCache, id: TypeId): string {
  return declare(types, types.type(id), '', MAX_DEPTH).trim();
}

/** A function as C declares it: `int tcp_connect(struct sock *)`. */
export function functionName(types: TypeCache, name: string, prototype: TypeId): string {
  return declare(types, types.type(prototype), name, MAX_DEPTH);
}

/** A declaration of what `declarator` names: C's syntax goes from the inside to the outside. */
function declare(types: TypeCache, type: BtfType, declarator: string, depth: number): string {
  if (depth === 0) return `... ${declarator}`;
  const rest = (id: TypeId, text: string) => declare(types, types.type(id), text, depth - 1);
  const space = declarator.startsWith('[') ? '' : ' ';
  const named = (word: string) => `${word}${space}${declarator}`.trimEnd();
  switch (type.kind) {
    case 'VOID':
      return named('void');
    case 'STRUCT':
    case 'UNION':
      return named(`${type.kind.toLowerCase()} ${type.name || '{...}'}`);
    case 'ENUM':
    case 'ENUM64':
      return named(`enum ${type.name || '{...}'}`);
    case 'FWD':
      return named(`${type.fwdKind} ${type.name}`);
    case 'CONST':
    case 'VOLATILE':
    case 'RESTRICT': {
      const word = type.kind.toLowerCase();
      const isPointer = types.type(type.type).kind === 'PTR';
      return isPointer
        ? rest(type.type, ` ${word} ${declarator}`.trimEnd())
        : `${word} ${rest(type.type, declarator)}`;
    }
    case 'TYPE_TAG':
      return rest(type.type, declarator);
    case 'PTR': {
      const target = types.type(type.type).kind;
      const isGrouped = target === 'ARRAY' || target === 'FUNC_PROTO';
      return rest(type.type, isGrouped ? `(*${declarator.trim()})` : `*${declarator.trimStart()}`);
    }
    case 'ARRAY':
      return rest(type.type, `${declarator}[${type.length}]`);
    case 'FUNC_PROTO': {
      const parameters = type.parameters.map(({ name, type: parameter }) =>
        name === '' && parameter === 0 ? '...' : rest(parameter, '').trim(),
      );
      return rest(type.type, `${declarator}(${parameters.join(', ') || 'void'})`);
    }
    default:
      return named(type.name);
  }
}
