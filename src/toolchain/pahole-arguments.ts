import type { Pahole } from './pahole.ts';
import { atLeast } from './version.ts';

/**
 * `default`: all that describes the kernel's types. `compat`: without the kinds that libbpf older
 * than 0.8 does not know (ENUM64, TYPE_TAG, DECL_TAG, FLOAT).
 */
export type Profile = 'default' | 'compat';

export const PROFILES: readonly Profile[] = ['default', 'compat'];

export interface PaholeArguments {
  /** The arguments that shape the output, as they are recorded. */
  readonly flags: readonly string[];
  /** All that stand before `--btf_encode_detached <file> <vmlinux>`. */
  readonly args: readonly string[];
  /** How many threads it will use: fewer than asked for where more would change the output. */
  readonly jobs: number;
}

type Abilities = Pick<Pahole, 'version' | 'options' | 'features'>;

/**
 * The features that the kernel's own build asks for (scripts/Makefile.btf), without
 * `decl_tag_kfuncs`: those tags are for the verifier, which never reads external BTF.
 */
const FEATURES = [
  'encode_force',
  'var',
  'float',
  'enum64',
  'decl_tag',
  'type_tag',
  'optimized_func',
  'consistent_func',
];
const NOT_IN_COMPAT = new Set(['float', 'enum64', 'decl_tag', 'type_tag']);

/** The same before `--btf_features` (1.26), where some kinds are opted into and others out of. */
const OLD_OPTIONS: readonly { readonly option: string; readonly profiles: readonly Profile[] }[] = [
  { option: 'btf_encode_force', profiles: ['default', 'compat'] },
  { option: 'btf_gen_floats', profiles: ['default'] },
  { option: 'skip_encoding_btf_enum64', profiles: ['compat'] },
  { option: 'skip_encoding_btf_decl_tag', profiles: ['compat'] },
  { option: 'skip_encoding_btf_type_tag', profiles: ['compat'] },
  { option: 'btf_gen_optimized', profiles: ['default', 'compat'] },
  { option: 'skip_encoding_btf_inconsistent_proto', profiles: ['default', 'compat'] },
];

/** How to start this pahole so that the same vmlinux always gives the same bytes. */
export function paholeArguments(
  pahole: Abilities,
  wanted: { readonly profile: Profile; readonly jobs: number },
): PaholeArguments {
  const flags = [...kinds(pahole, wanted.profile), ...languages(pahole)];
  const jobs = parallelIsReproducible(pahole) ? Math.max(1, Math.floor(wanted.jobs)) : 1;
  return { flags, args: jobs > 1 ? [...flags, `-j${jobs}`] : flags, jobs };
}

function kinds({ features, options }: Abilities, profile: Profile): string[] {
  if (features.size > 0) {
    const wanted = FEATURES.filter((name) => profile === 'default' || !NOT_IN_COMPAT.has(name));
    return [`--btf_features=${wanted.filter((name) => features.has(name)).join(',')}`];
  }
  return OLD_OPTIONS.filter((one) => one.profiles.includes(profile) && options.has(one.option)).map(
    (one) => `--${one.option}`,
  );
}

/** CO-RE compares C types by name; Rust's would stand beside them under names of their own. */
function languages({ options }: Abilities): string[] {
  return options.has('lang_exclude') ? ['--lang_exclude=rust'] : [];
}

/**
 * Up to 1.28 threads hand in compile units in the order in which they happen to finish; 1.29's
 * loader keeps the order. (1.27 and 1.28 could keep it by a feature, but at several GB.)
 */
function parallelIsReproducible({ version }: Abilities): boolean {
  return atLeast(version, '1.29');
}

/**
 * What a person should know who uses that version rather than a newer one: a sentence for each
 * difference that was measured (docs/pahole.md); none from 1.29 on.
 */
export function caveats(version: string): readonly string[] {
  const before = (newer: string) => !atLeast(version, newer);
  return [
    before('1.24') && 'It cannot read what newer assemblers write, and fails on kernels since 6.0.',
    before('1.25') && 'It also describes functions whose parameters differ between objects.',
    !before('1.25') && before('1.28') && 'It takes 3 to 4 GB of memory for a kernel.',
    before('1.29') && 'It works with one thread: with more, every run would give other bytes.',
  ].filter((sentence) => sentence !== false);
}
