import { caveats, type Profile, paholeArguments } from '../../src/toolchain/pahole-arguments.ts';

/** The options and features of upstream's releases, as far as they bear on encoding. */
const O22 = ['jobs', 'btf_encode_force', 'btf_gen_floats', 'skip_encoding_btf_vars'];
const O23 = [...O22, 'skip_encoding_btf_decl_tag', 'skip_encoding_btf_type_tag'];
const O24 = [...O23, 'lang_exclude', 'skip_encoding_btf_enum64'];
const O25 = [...O24, 'btf_gen_optimized', 'skip_encoding_btf_inconsistent_proto'];
const O26 = [...O25, 'btf_features', 'supported_btf_features'];
const F26 = 'encode_force,var,float,decl_tag,type_tag,enum64,optimized_func,consistent_func';
const F27 = `${F26},decl_tag_kfuncs,reproducible_build`;

const RELEASES: Record<string, [options: string[], features: string]> = {
  '1.22': [O22, ''],
  '1.23': [O23, ''],
  '1.24': [O24, ''],
  '1.25': [O25, ''],
  '1.26': [O26, F26],
  '1.27': [O26, F27],
  '1.28': [O26, `${F27},distilled_base,global_var`],
  '1.31': [O26, `${F27},distilled_base,global_var,attributes`],
};

function encoding(version: string, profile: Profile, jobs = 1) {
  const [options, features] = RELEASES[version] ?? [[], ''];
  const abilities = {
    version,
    options: new Set(options),
    features: new Set(features.split(',').filter(Boolean)),
  };
  return paholeArguments(abilities, { profile, jobs });
}

const ALL =
  '--btf_features=encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func';
const PLAIN = '--btf_features=encode_force,var,optimized_func,consistent_func';
const FUNCTIONS = '--btf_gen_optimized --skip_encoding_btf_inconsistent_proto';
const NO_TAGS = '--skip_encoding_btf_decl_tag --skip_encoding_btf_type_tag';

test.each<[string, Profile, string]>([
  ['1.22', 'default', '--btf_encode_force --btf_gen_floats'],
  ['1.22', 'compat', '--btf_encode_force'],
  ['1.23', 'default', '--btf_encode_force --btf_gen_floats'],
  ['1.23', 'compat', `--btf_encode_force ${NO_TAGS}`],
  ['1.24', 'default', '--btf_encode_force --btf_gen_floats --lang_exclude=rust'],
  [
    '1.24',
    'compat',
    `--btf_encode_force --skip_encoding_btf_enum64 ${NO_TAGS} --lang_exclude=rust`,
  ],
  ['1.25', 'default', `--btf_encode_force --btf_gen_floats ${FUNCTIONS} --lang_exclude=rust`],
  [
    '1.25',
    'compat',
    `--btf_encode_force --skip_encoding_btf_enum64 ${NO_TAGS} ${FUNCTIONS} --lang_exclude=rust`,
  ],
  ['1.26', 'default', `${ALL} --lang_exclude=rust`],
  ['1.27', 'default', `${ALL} --lang_exclude=rust`],
  ['1.28', 'default', `${ALL} --lang_exclude=rust`],
  ['1.31', 'default', `${ALL} --lang_exclude=rust`],
  ['1.31', 'compat', `${PLAIN} --lang_exclude=rust`],
])('pahole %s, profile %s: %s', (version, profile, flags) => {
  expect(encoding(version, profile).flags.join(' ')).toBe(flags);
});

test('threads are used from 1.29 on, where they do not change the output, and are not among the flags', () => {
  for (const version of ['1.22', '1.24', '1.25', '1.27', '1.28']) {
    const { args, flags, jobs } = encoding(version, 'default', 4);
    expect([version, jobs, args]).toEqual([version, 1, flags]);
  }
  const { args, flags, jobs } = encoding('1.31', 'default', 4);
  expect(jobs).toBe(4);
  expect(args).toEqual([...flags, '-j4']);
});

test('one thread is the plain pahole, without -j', () => {
  expect(encoding('1.31', 'default', 1).args.join(' ')).not.toContain('-j');
  expect(encoding('1.31', 'default', 0).jobs).toBe(1);
});

test('an option that this pahole does not list is not given, whatever its version', () => {
  const patched = { version: '1.25', options: new Set(['btf_gen_floats']), features: new Set('') };
  expect(paholeArguments(patched, { profile: 'default', jobs: 1 }).flags).toEqual([
    '--btf_gen_floats',
  ]);
});

test('what an old version does otherwise is told, and nothing of a recent one', () => {
  expect(caveats('1.22').join(' ')).toMatch(/fails on kernels since 6\.0/);
  expect(caveats('1.24')).toEqual([
    expect.stringContaining('parameters differ between objects'),
    expect.stringContaining('one thread'),
  ]);
  expect(caveats('1.25').join(' ')).toMatch(/4 GB.*one thread/);
  expect(caveats('1.28')).toEqual([expect.stringContaining('one thread')]);
  expect(caveats('1.29')).toEqual([]);
});
