import { execFileSync } from 'node:child_process';
import { systemPrograms } from '../../src/platform/programs.ts';
import { dwarfToolsOf, expectedDwarfTools } from '../../src/toolchain/dwarf-tools.ts';
import { systemPahole } from '../../src/toolchain/pahole.ts';

const platform = { programs: systemPrograms(process.env), env: process.env };

test('the version of elfutils is the one of the libdw that pahole loads', async () => {
  const pahole = await systemPahole(platform);
  const loaded = execFileSync('ldd', [pahole.path], { encoding: 'utf8' });
  const path = /libdw\.so\.1 => (\S+)/.exec(loaded)?.[1] ?? '';
  const name = execFileSync('readlink', ['-f', path], { encoding: 'utf8' });
  const elfutils = /libdw-(.+)\.so/.exec(name)?.[1];
  expect(elfutils).toMatch(/^0\.\d+$/);
  expect(dwarfToolsOf(pahole)).toEqual({ pahole: pahole.version, elfutils });
});

test.each([
  ['auto', '1.31'],
  ['1.30', '1.30'],
  ['v1.30', '1.30'],
  ['1.22', '1.22'],
])('a build with --pahole %s is expected to read DWARF with pahole %s', async (wish, version) => {
  const tools = await expectedDwarfTools(platform, { pahole: wish, toolCache: '/nonexistent' });
  expect(tools?.pahole).toBe(version);
});

test('a pahole that is not there is not known', async () => {
  const requested = { pahole: '/nonexistent/pahole', toolCache: undefined };
  expect(await expectedDwarfTools(platform, requested)).toBeUndefined();
});
