import { type BtfType, invalidType, type Kind } from './format.ts';

/** Who must have a name, who may, and who must not: btf_*_check_meta in the kernel's btf.c. */
const NAMES: Readonly<Record<Kind, 'required' | 'optional' | 'none'>> = {
  VOID: 'none',
  INT: 'optional',
  PTR: 'none',
  ARRAY: 'none',
  STRUCT: 'optional',
  UNION: 'optional',
  ENUM: 'optional',
  FWD: 'required',
  TYPEDEF: 'required',
  VOLATILE: 'none',
  CONST: 'none',
  RESTRICT: 'none',
  FUNC: 'required',
  FUNC_PROTO: 'none',
  VAR: 'required',
  DATASEC: 'required',
  FLOAT: 'optional',
  DECL_TAG: 'required',
  TYPE_TAG: 'required',
  ENUM64: 'optional',
  OPAQUE: 'optional',
};

/** As the kernel has it, with `$`; dots come from compilers, in what they add to the name of a copy. */
const IDENTIFIER = /^[A-Za-z_.$][\w.$]*$/;
/** Types of Rust and C++ have brackets, colons and spaces in their names; tags hold any text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
const PRINTABLE = /^[^\u0000-\u001f\u007f\ufffd]+$/;

const WITH_IDENTIFIER: ReadonlySet<Kind> = new Set(['TYPEDEF', 'FUNC', 'VAR', 'DATASEC']);

/** The names of a type and of its parts are there where they must be, and are names. */
export function checkNames(type: BtfType): void {
  const { kind, name } = type;
  const rule = NAMES[kind];
  if (rule === 'required' && name === '') throw invalidType(type, 'has no name');
  if (rule === 'none' && name !== '') throw invalidType(type, 'has a name');
  const pattern = WITH_IDENTIFIER.has(kind) ? IDENTIFIER : PRINTABLE;
  if (name !== '' && !pattern.test(name)) throw invalidType(type, 'has a name that is not one');
  switch (kind) {
    case 'STRUCT':
    case 'UNION':
      checkParts(type, type.members, 'member');
      break;
    case 'FUNC_PROTO':
      checkParts(type, type.parameters, 'parameter');
      break;
    case 'ENUM':
    case 'ENUM64':
      for (const { name } of type.values) {
        if (name === '') throw invalidType(type, 'has a value without a name');
      }
      checkParts(type, type.values, 'value');
  }
}

function checkParts(type: BtfType, parts: readonly { readonly name: string }[], what: string) {
  for (const { name } of parts) {
    if (name !== '' && !IDENTIFIER.test(name)) {
      throw invalidType(type, `has a ${what} whose name is not one`);
    }
  }
}
