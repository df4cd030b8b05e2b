import type { Unresolved } from '../btf/core/resolve.ts';

/** What a programmer can do about something that some kernels do not have; one sentence. */
export function hintFor({ why, what }: Unresolved): string {
  switch (why) {
    case 'no-type':
      return 'Use it only after bpf_core_type_exists() says that it is there.';
    case 'no-field':
      return `Use it only after bpf_core_field_exists() says that it is there; where it has another name or place, declare a second version of the struct with a flavour ('${flavourOf(what)}') and choose between them.`;
    case 'other-type':
      return what.startsWith('struct ') || what.startsWith('union ')
        ? `Declare a second version of the struct with a flavour ('${flavourOf(what)}') in which the field has the kernel's type, and choose with bpf_core_field_exists().`
        : "Declare it with the kernel's type; for a function, declare a second one with a flavour ('name___new'), both __weak, and choose with bpf_ksym_exists().";
    case 'no-element':
      return 'Use the element only after bpf_core_field_exists() says that it is there.';
    case 'no-enumerator':
      return 'Use it only after bpf_core_enum_value_exists() says that it is there.';
    case 'other-size':
      return `Read it with BPF_CORE_READ(), or declare a second version of the struct with a flavour ('${flavourOf(what)}') in which the field has the kernel's type.`;
    case 'no-attach-target':
      return "Put '?' before the section's name and turn the program on with bpf_program__set_autoload() where the kernel has the target, or attach to another one with bpf_program__set_attach_target().";
    case 'no-ksym':
      return 'Declare it with __weak, and use it only after bpf_ksym_exists() says that it is there.';
    case 'no-struct-ops':
      return "Put '?' before the section's name and create the map with bpf_map__set_autocreate() where the kernel has the type, or declare a second version of the struct with a flavour.";
    case 'ambiguous':
      return 'The kernel has several types of that name; ask only for what all of them have in the same place.';
    case 'refused':
      return 'Read what libbpf says about it: bpf_object__load() refuses the object on this kernel.';
  }
}

/** `struct task_struct___old` of `struct task_struct.state`. */
function flavourOf(what: string): string {
  const [root = what] = what.split(/[.[:]/);
  return `${root.replace(/___.*$/, '')}___old`;
}
