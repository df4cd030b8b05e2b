import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { site } from '../../../src/commands/site.ts';
import {
  completeName,
  diffKernels,
  historyOfField,
  kernelsOfRuns,
  listKernels,
  versionsOf,
} from '../../../src/explorer/queries.ts';
import { renderText } from '../../../src/explorer/render.ts';
import { catalogOf } from '../../archive/archive-files.ts';
import { temporaryFolder } from '../../btf/made.ts';
import { run } from '../../commands/hosts.ts';
import { fastPlatform } from '../../tree/platform.ts';
import { kernelNamed, makeTarballs, readSite, UNAMES, writeArchive } from './kernels.ts';

const folder = temporaryFolder();
const platform = fastPlatform();
const FIRST = '5.10.0-60.1.0.30.oe2203.x86_64';
const SECOND = '5.10.0-60.9.0.31.oe2203.x86_64';
const THIRD = '5.10.0-60.10.0.32.oe2203.x86_64';
const ARM = '5.10.0-60.10.0.32.oe2203.aarch64';
let tarballs: Readonly<Record<string, Buffer>>;
let whole: string;

let folders = 0;
const newFolder = () => join(folder, `${++folders}`);

async function build(archive: string, previous?: string, output = newFolder()): Promise<string> {
  const given = previous === undefined ? { archive, output } : { archive, output, previous };
  await run(platform, site, given);
  return output;
}

beforeAll(async () => {
  tarballs = await makeTarballs(folder);
  whole = await build(writeArchive(newFolder(), tarballs, UNAMES));
});

test('kernels stand in series, each in the order of its versions', async () => {
  const { rows, close } = await readSite(whole);
  const kernels = listKernels(rows);
  expect(kernels.map(({ uname }) => uname)).toEqual([
    UNAMES[0],
    ARM,
    FIRST,
    SECOND,
    THIRD,
    UNAMES[5],
  ]);
  expect(kernels.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(kernels.map(({ series }) => series)).toEqual([0, 1, 2, 2, 2, 3]);
  close();
});

test.each([
  ['a kernel in the middle of a series', UNAMES.filter((one) => one !== SECOND)],
  ['the first and the last', UNAMES.slice(1, -1)],
  ['all but one', [ARM]],
])(
  'a site that is extended by %s is the same to the byte as one that is built at once',
  async (_, before) => {
    const archive = writeArchive(newFolder(), tarballs, before);
    const earlier = await build(archive);
    writeArchive(archive, tarballs, UNAMES);
    const given = { archive, output: earlier, previous: earlier };
    const { document } = await run(platform, site, given);
    expect(document).toMatchObject({ read: UNAMES.length - before.length, kernels: UNAMES.length });
    const [extended, rebuilt] = [await readSite(earlier), await readSite(whole)];
    expect(extended.bytes.equals(rebuilt.bytes)).toBe(true);
    // The database of the earlier build is gone.
    expect(readdirSync(earlier).filter((name) => name.endsWith('.sqlite'))).toHaveLength(1);
  },
);

test('a kernel that the archive no longer has is no longer in the site', async () => {
  const fewer = UNAMES.filter((one) => one !== SECOND);
  const archive = writeArchive(newFolder(), tarballs, fewer);
  const [shrunk, rebuilt] = [await build(archive, whole), await build(archive)];
  expect((await readSite(shrunk)).bytes.equals((await readSite(rebuilt)).bytes)).toBe(true);
});

test('a kernel whose tarball changed is read again', async () => {
  const changed = { ...tarballs, [SECOND]: tarballs[SECOND] as Buffer };
  const archive = writeArchive(newFolder(), changed, UNAMES);
  const path = join(archive, 'openEuler/22.03/x86_64', `${SECOND}.btf.tar.xz`);
  const pad = Buffer.alloc(4); // The padding of a stream of xz: other bytes, the same content.
  appendFileSync(path, pad);
  const { document } = await run(platform, site, {
    archive,
    output: newFolder(),
    previous: whole,
  });
  expect(document).toMatchObject({ read: 1, kernels: UNAMES.length });
});

test('a tarball that cannot be read is named, and the rest of the site is built', async () => {
  const archive = writeArchive(newFolder(), tarballs, UNAMES);
  writeFileSync(join(archive, 'openEuler/22.03/x86_64', `${SECOND}.btf.tar.xz`), 'no xz');
  const output = newFolder();
  const outcome = await run(platform, site, { archive, output });
  expect(outcome.status).toBe(1);
  expect(outcome.text).toContain(SECOND);
  const built = await readSite(output);
  expect(kernelNamed(built, SECOND)).toMatchObject({
    state: 'unread',
    reason: 'bad-archive',
    position: undefined,
  });
  expect(diffKernels(built.rows, kernelNamed(built, FIRST), kernelNamed(built, THIRD))).not.toEqual(
    [],
  );
  built.close();
});

test('the catalog tells what waits for review, and when the newest was built', async () => {
  const archive = writeArchive(newFolder(), tarballs, [FIRST]);
  writeFileSync(
    join(archive, 'catalog.json'),
    catalogOf({ [THIRD]: tarballs[THIRD] as Buffer }, 'pending'),
  );
  const output = newFolder();
  const { document } = await run(platform, site, { archive, output });
  expect(document).toMatchObject({ kernels: 1, generatedAt: expect.stringMatching(/Z$/) });
  const built = await readSite(output);
  expect(kernelNamed(built, THIRD)).toMatchObject({ state: 'pending', position: undefined });
  expect(kernelNamed(built, FIRST)).toMatchObject({ state: 'archived', position: 0 });
  built.close();
});

test('the address of the tarballs ends with a slash in the site, given with one or without', async () => {
  const archive = writeArchive(newFolder(), tarballs, [FIRST]);
  for (const rawUrl of ['https://forge.example/raw/master', 'https://forge.example/raw/master/']) {
    const { document } = await run(platform, site, { archive, output: newFolder(), rawUrl });
    expect(document).toMatchObject({ raw: 'https://forge.example/raw/master/' });
  }
});

test('a type is shown with the offsets and sizes that the compiler gave it', async () => {
  const { rows, close } = await readSite(whole);
  const kernels = listKernels(rows);
  const versions = versionsOf(rows, 'task', 'struct').map(({ definition, runs }) => ({
    text: renderText(definition),
    unames: kernelsOfRuns(kernels, runs).map(({ uname }) => uname),
  }));
  expect(versions.map(({ unames }) => unames)).toEqual([
    [UNAMES[0]],
    [ARM],
    [FIRST],
    [SECOND],
    [THIRD, UNAMES[5]],
  ]);
  expect(versions[2]?.text).toBe(
    [
      'struct task {',
      '\tvolatile long int          state;                    /*     0     8 */',
      '\tvoid                       *stack;                   /*     8     8 */',
      '\tint                        flags;                    /*    16     4 */',
      '\tunsigned int               idle:1;                   /*    20: 0  4 */',
      '\tunsigned int               busy:2;                   /*    20: 1  4 */',
      '\t/* bit_padding: 29 bits */',
      '\t/* size: 24, cachelines: 1, members: 5 */',
      '};',
      '',
    ].join('\n'),
  );
  close();
});

test('a field is followed through its new name, its offsets and its absence', async () => {
  const { rows, close } = await readSite(whole);
  const history = historyOfField(rows, 'task', 'state');
  expect(
    history.map(({ part }) => part && [part.path, part.kind === 'member' && part.size]),
  ).toEqual([['state', 8], undefined, ['state', 8], undefined, undefined]);
  expect(history[3]?.renamed.map(({ path }) => path)).toEqual(['__state']);
  const inner = historyOfField(rows, 'task', 'inner.count');
  expect(inner.map(({ part }) => part?.kind === 'member' && part.bitOffset / 8)).toEqual([
    false,
    false,
    false,
    false,
    20,
  ]);
  expect(historyOfField(rows, 'color', 'GREEN').map(({ part }) => part)).toEqual([
    undefined,
    { kind: 'enumerator', path: 'GREEN', value: 1n },
  ]);
  expect(historyOfField(rows, 'run', 'c').map(({ part }) => part)).toEqual([
    undefined,
    { kind: 'parameter', path: 'c', type: 'enum color', index: 1 },
  ]);
  close();
});

test('two kernels are compared alike within a series, across series, and the other way round', async () => {
  const built = await readSite(whole);
  const between = (one: string, two: string) =>
    diffKernels(built.rows, kernelNamed(built, one), kernelNamed(built, two))
      .filter(({ name }) => ['task', 'color', 'run', 'walk', 'only_arm'].includes(name))
      .map(({ kind, name, change }) => `${change} ${kind} ${name}`);
  expect(between(FIRST, SECOND)).toEqual(['changed struct task']);
  expect(between(FIRST, THIRD)).toEqual(['changed struct task', 'changed enum color']);
  expect(between(THIRD, FIRST)).toEqual(['changed struct task', 'changed enum color']);
  expect(between(THIRD, UNAMES[5] as string)).toEqual([
    'removed enum color',
    'removed function run',
    'added function walk',
  ]);
  expect(between(UNAMES[5] as string, THIRD)).toEqual([
    'added enum color',
    'added function run',
    'removed function walk',
  ]);
  expect(between(ARM, FIRST)).toContain('removed function only_arm');
  expect(between(FIRST, FIRST)).toEqual([]);
  built.close();
});

test('names are completed in their order, each with its kind', async () => {
  const { rows, close } = await readSite(whole);
  expect(completeName(rows, 'ru', 10)).toEqual([{ name: 'run', kind: 'function', versions: 2 }]);
  expect(completeName(rows, '', 2)).toHaveLength(2);
  expect(completeName(rows, 'ru\u{10ffff}', 10)).toEqual([]);
  close();
});
