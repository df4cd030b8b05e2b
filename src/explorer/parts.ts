import {
  bitsOfMember,
  type CompositeLayout,
  type Definition,
  type Signature,
  sizeOfType,
  type TypeTree,
} from './definition.ts';
import { declare } from './render.ts';

/** A member of a struct or union, a parameter of a function, or an enumerator. */
export type Part =
  | {
      readonly kind: 'member';
      /** Through members without a name, and with a full stop into those whose type has none: `sk_backlog.len`. */
      readonly path: string;
      /** C text. */
      readonly type: string;
      /** From the beginning of the outermost struct, in bits. */
      readonly bitOffset: number;
      /** Bits of a bit-field; 0 for others. */
      readonly bits: number;
      /** Bytes of its type. */
      readonly size: number;
    }
  | {
      readonly kind: 'parameter';
      readonly path: string;
      readonly type: string;
      /** From 0. */
      readonly index: number;
    }
  | { readonly kind: 'enumerator'; readonly path: string; readonly value: bigint };

/** All parts of a definition in their order; none where the kind has none. */
export function partsOf(definition: Definition): readonly Part[] {
  switch (definition.kind) {
    case 'struct':
    case 'union':
      return membersOf(definition, 0, '');
    case 'enum':
      return definition.values.map(({ name, value }) => ({
        kind: 'enumerator',
        path: name,
        value,
      }));
    case 'function':
      return parametersOf(definition);
    case 'typedef':
      return partsOfType(definition.type, 0, '');
    case 'variable':
      return [];
  }
}

function membersOf({ members }: CompositeLayout, start: number, outer: string): readonly Part[] {
  return members.flatMap((member): readonly Part[] => {
    const bitOffset = start + member.bitOffset;
    if (member.name === '') return partsOfType(member.type, bitOffset, outer);
    const path = `${outer}${member.name}`;
    const own: Part = {
      kind: 'member',
      path,
      type: declare(member.type, ''),
      bitOffset,
      bits: bitsOfMember(member),
      size: sizeOfType(member.type) ?? 0,
    };
    return [own, ...partsOfType(member.type, bitOffset, `${path}.`)];
  });
}

/** The members of a type that is written out, be it in an array. */
function partsOfType(type: TypeTree, start: number, outer: string): readonly Part[] {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return membersOf(type, start, outer);
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'array':
    case 'tag':
      return partsOfType(type.of, start, outer);
    default:
      return [];
  }
}

function parametersOf({ parameters }: Signature): readonly Part[] {
  return parameters.flatMap(({ name, type }, index): readonly Part[] =>
    name === '' ? [] : [{ kind: 'parameter', path: name, type: declare(type, ''), index }],
  );
}

/**
 * What a part of another version can be called here: parts of `here` that `there` does not have, and that stand
 * between the same neighbours, or at the same offset with the same type. The likeliest comes first.
 */
export function renamedTo(
  path: string,
  there: readonly Part[],
  here: readonly Part[],
): readonly Part[] {
  const index = there.findIndex((one) => one.path === path);
  const old = there[index];
  if (old === undefined) return [];
  const known = new Set(there.map((one) => one.path));
  const scored = here.flatMap((part, at) => {
    if (known.has(part.path) || depthOf(part.path) !== depthOf(path)) return [];
    const sameBefore = there[index - 1]?.path === here[at - 1]?.path ? 2 : 0;
    const sameAfter = there[index + 1]?.path === here[at + 1]?.path ? 2 : 0;
    const sameContent = isSameContent(old, part) ? 3 : 0;
    const score = sameBefore + sameAfter + sameContent;
    return score >= 2 ? [{ part, score }] : [];
  });
  return scored
    .sort((one, two) => two.score - one.score)
    .slice(0, MOST_CANDIDATES)
    .map(({ part }) => part);
}

const MOST_CANDIDATES = 3;

function depthOf(path: string): number {
  return path.split('.').length;
}

function isSameContent(one: Part, two: Part): boolean {
  if (one.kind === 'member' && two.kind === 'member') {
    return one.type === two.type && one.bitOffset === two.bitOffset && one.bits === two.bits;
  }
  if (one.kind === 'parameter' && two.kind === 'parameter') {
    return one.type === two.type && one.index === two.index;
  }
  return one.kind === 'enumerator' && two.kind === 'enumerator' && one.value === two.value;
}
