import { join } from 'node:path';
import { systemPrograms } from '../../src/platform/programs.ts';
import { inspectPahole, systemPahole } from '../../src/toolchain/pahole.ts';
import { program, temporaryFolder } from './programs.ts';

const platform = { programs: systemPrograms(process.env) };
const folder = temporaryFolder();

test("the machine's own pahole tells its version and abilities", async () => {
  const pahole = await systemPahole(platform);
  expect(pahole.path).toMatch(/^\/.*\/pahole$/);
  expect(pahole.version).toMatch(/^1\.\d\d$/);
  expect(pahole.origin).toBe('system');
  expect([...pahole.options]).toEqual(expect.arrayContaining(['jobs', 'btf_encode_detached']));
  expect(pahole.features.has('float')).toBe(pahole.options.has('supported_btf_features'));
});

test('features are what --supported_btf_features lists, and none where pahole does not know it', async () => {
  const help = '--help';
  const young = program(join(folder, 'young/pahole'), {
    '--version': 'v1.31',
    [help]: '      --lang_exclude=LANGUAGES   Do not consider',
    '--supported_btf_features': 'var,float,enum64',
  });
  const old = program(join(folder, 'old/pahole'), { '--version': 'v1.24', [help]: '' });
  expect(await inspectPahole(platform, young, 'built')).toEqual({
    path: young,
    version: '1.31',
    origin: 'built',
    options: new Set(['lang_exclude']),
    features: new Set(['var', 'float', 'enum64']),
  });
  expect((await inspectPahole(platform, old, 'system')).features.size).toBe(0);
});

test('a pahole older than 1.22 is refused with the reason and the way out', async () => {
  const ancient = program(join(folder, 'ancient/pahole'), { '--version': 'v1.21' });
  await expect(systemPahole(platform, ancient)).rejects.toMatchObject({
    reason: 'missing-program',
    message: expect.stringMatching(/ancient\/pahole' is pahole 1\.21: older than 1\.22/),
    advice: expect.stringContaining('btfhub setup'),
  });
});

test('no pahole, and a program that is none, are told apart', async () => {
  const none = { programs: systemPrograms({ PATH: join(folder, 'nothing') }) };
  await expect(systemPahole(none)).rejects.toMatchObject({
    reason: 'missing-program',
    message: 'This machine has no pahole.',
  });
  const other = program(join(folder, 'other/pahole'), { '--help': '' });
  await expect(systemPahole(platform, other)).rejects.toMatchObject({
    reason: 'missing-program',
    message: expect.stringContaining("unrecognized option '--version'"),
  });
});
