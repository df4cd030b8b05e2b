import { type BtfType, type DeclTag, invalidType, type Kind, type TypeId } from './format.ts';
import type { Btf } from './reader.ts';

/** What has a value or at least could be pointed to; the others are not types of the C language. */
const NOT_DATA: ReadonlySet<Kind> = new Set(['FUNC', 'VAR', 'DATASEC', 'DECL_TAG']);

/** Every id that the type holds is there and is of a kind that can stand in that place. */
export function checkReferences(btf: Btf, type: BtfType): void {
  const kindOf = (id: TypeId): Kind => {
    if (!btf.has(id))
      throw invalidType(type, `refers to type ${id}, and the last one is ${btf.lastId}`);
    return btf.kindOf(id);
  };
  const refuse = (id: TypeId) =>
    invalidType(type, `refers to type ${id}, which is a ${kindOf(id)}`);
  const data = (id: TypeId) => {
    if (NOT_DATA.has(kindOf(id))) throw refuse(id);
  };
  const oneOf = (id: TypeId, ...kinds: readonly Kind[]) => {
    // What a newer kind may stand for is not known.
    if (kindOf(id) !== 'OPAQUE' && !kinds.includes(kindOf(id))) throw refuse(id);
  };
  switch (type.kind) {
    case 'PTR':
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
    case 'TYPE_TAG':
    case 'VAR':
      data(type.type);
      break;
    case 'ARRAY':
      data(type.type);
      oneOf(type.indexType, 'INT');
      break;
    case 'STRUCT':
    case 'UNION':
      for (const member of type.members) data(member.type);
      break;
    case 'FUNC':
      oneOf(type.type, 'FUNC_PROTO');
      break;
    case 'FUNC_PROTO':
      data(type.type);
      for (const parameter of type.parameters) data(parameter.type);
      break;
    case 'DATASEC':
      // Functions stand in the `.ksyms` of eBPF objects.
      for (const variable of type.vars) oneOf(variable.type, 'VAR', 'FUNC');
      break;
    case 'DECL_TAG':
      oneOf(type.type, 'STRUCT', 'UNION', 'FUNC', 'VAR', 'TYPEDEF');
      checkComponent(btf, type);
  }
}

function checkComponent(btf: Btf, tag: DeclTag): void {
  const target = btf.type(tag.type);
  if (tag.componentIndex < -1) throw invalidType(tag, `is on component ${tag.componentIndex}`);
  if (tag.componentIndex === -1) return;
  if (target.kind === 'OPAQUE') return;
  let parts = 0;
  if (target.kind === 'STRUCT' || target.kind === 'UNION') parts = target.members.length;
  if (target.kind === 'FUNC') {
    if (!btf.has(target.type)) throw invalidType(target, `refers to type ${target.type}`);
    const prototype = btf.type(target.type);
    if (prototype.kind === 'FUNC_PROTO') parts = prototype.parameters.length;
  }
  if (tag.componentIndex >= parts) {
    throw invalidType(tag, `is on component ${tag.componentIndex} of a type that has ${parts}`);
  }
}
