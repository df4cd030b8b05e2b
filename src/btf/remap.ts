import type { BtfType, TypeId } from './format.ts';

/** The type with other ids in place of those that it refers to; its own id stays. */
export function remapIds(type: BtfType, to: (id: TypeId) => TypeId): BtfType {
  const element = <Element extends { readonly type: TypeId }>(one: Element) => ({
    ...one,
    type: to(one.type),
  });
  switch (type.kind) {
    case 'ARRAY':
      return { ...type, type: to(type.type), indexType: to(type.indexType) };
    case 'STRUCT':
    case 'UNION':
      return { ...type, members: type.members.map(element) };
    case 'FUNC_PROTO':
      return { ...type, type: to(type.type), parameters: type.parameters.map(element) };
    case 'DATASEC':
      return { ...type, vars: type.vars.map(element) };
    default:
      return 'type' in type ? { ...type, type: to(type.type) } : type;
  }
}
