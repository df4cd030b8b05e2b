import { join } from 'node:path';
import { diff } from '../../src/commands/diff.ts';
import { history } from '../../src/commands/history.ts';
import { site } from '../../src/commands/site.ts';
import { readOptions } from '../../src/commands/values.ts';
import { temporaryFolder } from '../btf/made.ts';
import { makeTarballs, UNAMES, writeArchive } from '../jobs/site/kernels.ts';
import { runCommand } from '../schemas.ts';
import { fastPlatform } from '../tree/platform.ts';
import { run } from './hosts.ts';

const folder = temporaryFolder();
const platform = fastPlatform();
const FIRST = '5.10.0-60.1.0.30.oe2203.x86_64';
const SECOND = '5.10.0-60.9.0.31.oe2203.x86_64';
const THIRD = '5.10.0-60.10.0.32.oe2203.x86_64';
const LAST = '6.6.0-28.0.0.34.oe2403.x86_64';
const archive = join(folder, 'archive');
const built = join(folder, 'site');

type Given = Readonly<Record<string, string | readonly string[] | true>>;

const compared = (given: Given, ...kernels: string[]) => {
  const words = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      value === true ? (true as const) : [value].flat(),
    ]),
  );
  return runCommand(diff, platform, readOptions(diff.options, words, {}) as never, kernels);
};
const asked = (given: Given, subject: string) => {
  const words = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      value === true ? (true as const) : [value].flat(),
    ]),
  );
  const options = readOptions(history.options, words, {}) as never;
  return runCommand(history, platform, options, [subject]);
};

beforeAll(async () => {
  writeArchive(archive, await makeTarballs(folder), UNAMES);
  await run(platform, site, { archive, output: built });
});

test.each([['site'], ['archive']])(
  'diff says the same of a %s, and tells by its status that kernels differ',
  async (place) => {
    const where = place === 'site' ? { site: built } : { archive };
    const { status, document, text } = await compared(
      { ...where, name: ['task', 'color'], lines: true },
      FIRST,
      THIRD,
    );
    expect(status).toBe(1);
    expect(document).toMatchObject({
      first: { uname: FIRST },
      second: { uname: THIRD },
      changes: [
        { kind: 'struct', name: 'task', change: 'changed' },
        { kind: 'enum', name: 'color', change: 'changed' },
      ],
    });
    expect(text).toBe(
      [
        `- ${FIRST} (22.03, x86_64)`,
        `+ ${THIRD} (22.03, x86_64)`,
        '',
        '~ struct task',
        '    - volatile long int state; /* 0 8 */',
        '    + unsigned int __state; /* 0 4 */',
        '    + /* hole: 4 bytes */',
        '    - unsigned int idle:1; /* 20: 0 4 */',
        '    - unsigned int busy:2; /* 20: 1 4 */',
        '    - /* bit_padding: 29 bits */',
        '    + struct {',
        '    + int count; /* 20 4 */',
        '    + } inner; /* 20 4 */',
        '    ~ /* size: 24, cachelines: 1, members: 4 */  was size: 24, cachelines: 1, members: 5',
        '~ enum color',
        '    + GREEN = 1,',
        '',
        '2 names: 0 added, 0 removed, 2 changed.',
        '',
      ].join('\n'),
    );
  },
);

test('diff exits with 0 where nothing of what was asked for differs', async () => {
  const names = { site: built, name: ['task', 'color'] };
  const { status, text } = await compared({ ...names, kind: 'enum' }, FIRST, SECOND);
  expect(status).toBe(0);
  expect(text).toContain('No definition differs.\n');
});

test.each([
  ['of one kind', { kind: 'struct' }, ['~ struct task']],
  ['whose names match', { name: 'col*' }, ['~ enum color']],
])('diff shows the definitions %s', async (_, wanted, expected) => {
  const { text } = await compared({ site: built, ...wanted }, FIRST, THIRD);
  expect(text.split('\n').filter((line) => line.startsWith('~ '))).toEqual(expected);
});

test('diff takes two kernels, each by a name that one kernel has', async () => {
  await expect(compared({ site: built }, FIRST)).rejects.toMatchObject({ reason: 'usage' });
  await expect(compared({ site: built }, FIRST, '5.10.*')).rejects.toThrow(
    /is the name of \d kernels/,
  );
  await expect(compared({ site: built }, FIRST, '5.10.0-61')).rejects.toMatchObject({
    reason: 'not-found',
    advice: expect.stringContaining(FIRST),
  });
  await expect(compared({ site: built, kind: 'class' }, FIRST, THIRD)).rejects.toThrow(/class/);
});

test.each([['site'], ['archive']])(
  'history of a field out of a %s has its offset, and its new name',
  async (place) => {
    const where = place === 'site' ? { site: built } : { archive };
    const { status, document, text } = await asked({ ...where, release: '22.03' }, 'task.state');
    expect(status).toBe(1);
    expect(text).toBe(
      [
        'task.state',
        '22.03 aarch64: 5.10.0-60.10.0.32.oe2203.aarch64',
        '22.03 x86_64: 5.10.0-60.9.0.31.oe2203.x86_64 to 5.10.0-60.10.0.32.oe2203.x86_64, 2 kernels',
        '    not there; perhaps __state: offset 0, 4 bytes, unsigned int',
        '22.03 x86_64: 5.10.0-60.1.0.30.oe2203.x86_64',
        '    offset 0, 8 bytes, volatile long int',
        '',
      ].join('\n'),
    );
    expect(document).toMatchObject({
      name: 'task',
      field: 'state',
      everywhere: false,
      versions: [
        { part: null, renamed: [{ path: '__state', bitOffset: 0, size: 4 }] },
        { part: { path: 'state', bitOffset: 0, size: 8 }, kernels: [FIRST] },
      ],
    });
  },
);

test('history of a function shows each version as C, and the kernels that do not have it', async () => {
  const { status, text } = await asked({ site: built, arch: 'x86_64' }, 'run');
  expect(status).toBe(1);
  expect(text).toContain('    int run(struct task *t);\n');
  expect(text).toContain(
    '    - int run(struct task *t);\n    + int run(struct task *t, enum color c);\n',
  );
  expect(text).toContain(`1 kernel without run: ${LAST}\n`);
  const everywhere = await asked({ site: built }, 'task.flags');
  expect(everywhere.status).toBe(0);
});

test('values of enumerators are text in the document, because they can exceed its numbers', async () => {
  const { document } = await asked({ site: built, release: '22.03', arch: 'x86_64' }, 'color.BLUE');
  expect(JSON.parse(JSON.stringify(document))).toMatchObject({
    everywhere: true,
    versions: [{ part: { kind: 'enumerator', value: '7' } }],
  });
});

test('an unknown name or field is answered with the nearest', async () => {
  await expect(asked({ site: built }, 'tsk')).rejects.toMatchObject({ reason: 'not-found' });
  await expect(asked({ site: built }, 'task.flag')).rejects.toMatchObject({
    reason: 'not-found',
    advice: expect.stringContaining('flags'),
  });
  await expect(asked({ site: folder }, 'task')).rejects.toThrow(/has no site/);
});
