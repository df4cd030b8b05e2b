import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { find } from '@actions/tool-cache';
import type { ToolSource } from '../../src/toolchain/sources.ts';
import { toolFolder } from '../../src/toolchain/tool-cache.ts';
import { DEAD, everything, machine, RECIPE, recipe } from './machine.ts';
import { program, temporaryFolder } from './programs.ts';
import { miniature, repository, run } from './remotes.ts';

/** Only what a build and a check need: no pahole among it. */
const tools = temporaryFolder();
for (const name of ['git', 'cmake', 'make', 'cc', 'ldd', 'xz', 'sh', 'id', 'env', 'uname', 'cat']) {
  run('ln', ['-s', run('which', [name]), join(tools, name)]);
}

test('builds once, keeps it, and finds it again without asking anybody', async () => {
  const { prepare, told, temporary, cacheFolder } = machine();
  const { pahole } = await prepare();
  expect(pahole).toMatchObject({ version: '1.31', origin: 'built' });
  expect([...pahole.features]).toEqual(['float', 'enum64']);
  expect(told.filter((line) => line.startsWith('pahole 1.31: '))).toEqual(
    ['sources', 'configure', 'compile', 'check', 'built'].map((name) => `pahole 1.31: ${name}`),
  );
  expect(everything(temporary)).toEqual([]);
  const again = await prepare({ toolSources: { upstreams: DEAD } });
  expect(again.pahole).toEqual({ ...pahole, origin: 'cached' });
  expect(pahole.path).toBe(join(toolFolder(cacheFolder, RECIPE), 'bin/pahole'));
});

test("@actions/tool-cache's own find finds what is kept", async () => {
  const { prepare, cacheFolder } = machine();
  const { pahole } = await prepare();
  const before = process.env.RUNNER_TOOL_CACHE;
  process.env.RUNNER_TOOL_CACHE = cacheFolder;
  const variant = pahole.path.split('/').at(-3);
  expect(find('btfhub-pahole', '1.31.0', variant)).toBe(join(pahole.path, '../..'));
  if (before === undefined) delete process.env.RUNNER_TOOL_CACHE;
  else process.env.RUNNER_TOOL_CACHE = before;
});

test('a kept tool that does not run any more is built again', async () => {
  const { prepare, told } = machine();
  const { pahole } = await prepare();
  writeFileSync(pahole.path, '#!/bin/sh\nexit 127\n');
  expect((await prepare()).pahole).toEqual(pahole);
  expect(told.join('\n')).toMatch(/The kept pahole is not used, and built again/);
});

test("another recipe of the same version does not take the first one's place", async () => {
  const { prepare } = machine();
  const { pahole } = await prepare();
  const other = { ...RECIPE, cmake: ['-DCMAKE_BUILD_TYPE=Debug'] };
  const { pahole: second } = await prepare({ toolSources: { recipes: [other] } });
  expect(second.origin).toBe('built');
  expect(second.path).not.toBe(pahole.path);
});

test("the machine's own is taken when it is exactly that version, and is not built", async () => {
  const own = program(join(temporaryFolder(), 'pahole'), { '--version': 'v1.31', '--help': '' });
  const { prepare, cacheFolder } = machine();
  const env = { PATH: `${join(own, '..')}:${process.env.PATH}` };
  expect((await prepare({ env })).pahole).toMatchObject({ path: own, origin: 'system' });
  expect(everything(cacheFolder)).toEqual([]);
});

test('auto takes what the machine has where nothing can be built, and warns; a version does not', async () => {
  const own = program(join(temporaryFolder(), 'pahole'), { '--version': 'v1.25', '--help': '' });
  const { prepare, told } = machine();
  const env = { PATH: `${join(own, '..')}:${process.env.PATH}` };
  const offline = { env, toolSources: { upstreams: DEAD } };
  await expect(prepare(offline)).rejects.toMatchObject({ reason: 'network' });
  const { pahole } = await prepare({ ...offline, request: { pahole: 'auto' } });
  expect(pahole).toMatchObject({ path: own, version: '1.25', origin: 'system' });
  const warnings = told.filter((line) => line.startsWith('warning: Using'));
  expect(warnings).toEqual([
    "warning: Using the machine's pahole 1.25, because pahole 1.31 cannot be built here: its source cannot be downloaded. " +
      'It takes 3 to 4 GB of memory for a kernel. It works with one thread: with more, every run would give other bytes. ' +
      '--verbose says more.',
  ]);
  // Each source is named where that version, and no other, was asked for.
  expect(told.filter((line) => line.includes('did not deliver'))).toHaveLength(DEAD.length);
});

test('offline, auto prints one line; with verbose, each step and each source too', async () => {
  const own = program(join(temporaryFolder(), 'pahole'), { '--version': 'v1.25', '--help': '' });
  const env = { PATH: `${join(own, '..')}:${process.env.PATH}` };
  const offline = { env, toolSources: { upstreams: DEAD } };
  const quiet = machine();
  await quiet.prepare({ ...offline, request: { pahole: 'auto' } });
  expect(quiet.told.filter((line) => line.includes('pahole'))).toHaveLength(1);
  const full = machine();
  await full.prepare({ ...offline, request: { pahole: 'auto', verbose: true } });
  expect(full.told.length).toBeGreaterThan(DEAD.length + 1);
  for (const line of quiet.told) expect(full.told).toContain(line);
});

test('with neither sources nor a pahole of its own, the machine is told both', async () => {
  const { prepare } = machine();
  const stage = {
    env: { PATH: tools },
    request: { pahole: 'auto' },
    toolSources: { upstreams: DEAD },
  };
  await expect(prepare(stage)).rejects.toMatchObject({
    reason: 'missing-program',
    message: expect.stringMatching(
      /cannot be built here: No remote delivers .* the machine has none: /s,
    ),
    advice: expect.stringContaining('--tool-source'),
  });
});

test('system and a path are taken as they are', async () => {
  const own = program(join(temporaryFolder(), 'my-pahole'), { '--version': 'v1.29', '--help': '' });
  const { prepare } = machine();
  expect((await prepare({ request: { pahole: own } })).pahole).toMatchObject({ path: own });
  const { pahole } = await prepare({ request: { pahole: 'system' } });
  expect(pahole).toMatchObject({ origin: 'system', path: run('which', ['pahole']) });
});

test('a version that cannot be built is refused, with those that can', async () => {
  await expect(machine().prepare({ request: { pahole: '1.27' } })).rejects.toMatchObject({
    reason: 'usage',
    advice: expect.stringContaining('1.31'),
  });
});

test.each([
  ['does not compile', { 'pahole.c': '#error "not today"\n' }, /cannot be built: .*not today/],
  ['does not configure', { 'CMakeLists.txt': 'message(FATAL_ERROR "no")' }, /cannot be built: /],
  ['says another version', miniature('1.30'), /built for pahole 1\.31 says that it is 1\.30/],
])('a source that %s is named, and nothing of it is kept', async (_, files, message) => {
  const home = join(temporaryFolder(), 'dwarves');
  const [commit = ''] = repository(home, { ...miniature('1.31'), ...files });
  const source: ToolSource = { kind: 'git', repository: 'dwarves', url: `file://${home}` };
  const { prepare, cacheFolder, temporary, told } = machine();
  const stage = { toolSources: { recipes: [recipe(commit)] }, request: { sources: [source] } };
  await expect(prepare(stage)).rejects.toMatchObject({
    reason: 'missing-program',
    message: expect.stringMatching(message),
  });
  expect([everything(cacheFolder), everything(temporary)]).toEqual([[], []]);
  expect(told.at(-1)).toBe('pahole 1.31: failed');
});

test('auto does not go past a tarball that was tampered with', async () => {
  const path = join(temporaryFolder(), 'dwarves.tar.xz');
  writeFileSync(path, 'other bytes');
  const source: ToolSource = {
    kind: 'tarball',
    repository: 'dwarves',
    path,
    sha256: '0'.repeat(64),
  };
  const { prepare } = machine();
  await expect(prepare({ request: { pahole: 'auto', sources: [source] } })).rejects.toMatchObject({
    reason: 'checksum-mismatch',
  });
});
