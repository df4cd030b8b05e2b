import { COMMANDS } from '../../src/commands/all.ts';
import { choice, flag, list, number, text } from '../../src/commands/command.ts';
import { kebab, readOptions, variableOf } from '../../src/commands/values.ts';

const options = {
  release: list('<release>', 'Releases', { default: ['all'] }),
  limit: number('<count>', 'At most so many', { least: 1, most: 99 }),
  signature: choice(['require', 'off'], 'How strict', { default: 'require' }),
  trustKey: text('<key>', 'One more key'),
  output: text('<folder>', 'Where to', { required: true }),
  dryRun: flag('Only say'),
};
const given = { output: ['out'] };

test('an option has one name on each side: camel, kebab and the variable', () => {
  expect(kebab('trustKey')).toBe('trust-key');
  expect(variableOf('trustKey', options.trustKey)).toBe('BTFHUB_TRUST_KEY');
});

test('an option may have a variable of its own, and then reads that one alone', () => {
  const flags = { modules: flag('With modules', { variable: 'BTFHUB_WITH_MODULES' }) };
  expect(readOptions(flags, {}, { BTFHUB_MODULES: 'nf_conntrack' })).toEqual({ modules: false });
  expect(readOptions(flags, {}, { BTFHUB_WITH_MODULES: 'true' })).toEqual({ modules: true });
  expect(() => readOptions(flags, {}, { BTFHUB_WITH_MODULES: 'nf_conntrack' })).toThrow(
    "modules (BTFHUB_WITH_MODULES): 'nf_conntrack' is neither 'true' nor 'false'.",
  );
});

test('one variable means one thing in all commands: a flag, a branch, or values with one separator', () => {
  const meanings = new Map<string, { kinds: Set<string>; separators: Set<string> }>();
  for (const { options: table } of COMMANDS) {
    for (const [name, spec] of Object.entries(table)) {
      const { placeholder = 'flag', separator } = spec;
      const variable = variableOf(name, spec);
      const known = meanings.get(variable) ?? { kinds: new Set(), separators: new Set() };
      meanings.set(variable, known);
      known.kinds.add(['flag', '<branch>'].includes(placeholder) ? placeholder : 'value');
      // A list and a single value may share a variable.
      if (separator !== undefined) known.separators.add(separator);
    }
  }
  expect(meanings.size).toBeGreaterThan(30);
  for (const [variable, { kinds, separators }] of meanings) {
    expect([variable, ...kinds]).toHaveLength(2);
    expect([variable, ...separators].length).toBeLessThanOrEqual(2);
  }
});

test('without anything given the defaults hold', () => {
  expect(readOptions(options, given, {})).toEqual({
    release: ['all'],
    limit: undefined,
    signature: 'require',
    trustKey: undefined,
    output: 'out',
    dryRun: false,
  });
});

test('the environment gives what the command line does not', () => {
  const env = { BTFHUB_RELEASE: '22.03-LTS, 24.03-LTS\n', BTFHUB_LIMIT: '7', BTFHUB_OUTPUT: 'o' };
  expect(readOptions(options, { limit: ['9'] }, env)).toMatchObject({
    release: ['22.03-LTS', '24.03-LTS'],
    limit: 9,
    output: 'o',
  });
});

test('on the command line each value is given by itself: a path has spaces, a fingerprint has blanks', () => {
  const paths = { input: list('<folder>', 'Folders', { separator: 'lines' }) };
  expect(readOptions(paths, { input: ['/a b', 'c,d'] }, {})).toEqual({ input: ['/a b', 'c,d'] });
  const values = readOptions(options, { ...given, release: ['22.03-LTS', '24.03-*'] }, {});
  expect(values.release).toEqual(['22.03-LTS', '24.03-*']);
});

test('an empty value on the command line is refused, so that an unset variable of a shell selects nothing', () => {
  expect(() => readOptions(options, { ...given, release: [''] }, {})).toThrow(
    '--release: the value is empty.',
  );
});

test('several names in one value on the command line are refused, with what to do', () => {
  const line = { ...given, release: ['22.03-LTS,24.03-LTS'] };
  expect(() => readOptions(options, line, {})).toThrow(
    "--release: '22.03-LTS,24.03-LTS' is not one value. Repeat the option for several values.",
  );
});

test('in the environment names are split at commas and white space, paths at line ends only', () => {
  const both = { ...options, input: list('<folder>', 'Folders', { separator: 'lines' }) };
  const env = { BTFHUB_RELEASE: '22.03-LTS, 20.03-LTS  24.03', BTFHUB_INPUT: '/a b\r\n  c,d\n\n' };
  expect(readOptions(both, given, env)).toMatchObject({
    release: ['22.03-LTS', '20.03-LTS', '24.03'],
    input: ['/a b', 'c,d'],
  });
});

test('an empty variable counts as not set: a workflow passes one for an input without a value', () => {
  const env = { BTFHUB_RELEASE: '', BTFHUB_LIMIT: ' ', BTFHUB_SIGNATURE: '', BTFHUB_DRY_RUN: '' };
  expect(readOptions(options, given, env)).toEqual(readOptions(options, given, {}));
});

test.each([
  ['true', true],
  ['false', false],
])('a flag in the environment is %s', (word, value) => {
  expect(readOptions(options, given, { BTFHUB_DRY_RUN: word })).toMatchObject({ dryRun: value });
});

test('an error names the option as it was given', () => {
  const failing = (env: Record<string, string>, line = {}) => {
    return () => readOptions(options, { ...given, ...line }, env);
  };
  expect(failing({ BTFHUB_LIMIT: 'many' })).toThrow(
    /^limit \(BTFHUB_LIMIT\): 'many' is not a whole/,
  );
  expect(failing({}, { limit: ['100'] })).toThrow(/^--limit: '100' is not a whole/);
  expect(failing({ BTFHUB_DRY_RUN: 'yes' })).toThrow(
    /^dry-run \(BTFHUB_DRY_RUN\): 'yes' is neither/,
  );
  expect(() => readOptions(options, {}, { BTFHUB_OUTPUT: '' })).toThrow(
    '--output <folder> is required.',
  );
});
