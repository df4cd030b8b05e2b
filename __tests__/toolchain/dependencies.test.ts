import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemPrograms } from '../../src/platform/programs.ts';
import {
  type Dependency,
  installDependencies,
  BUILD_DEPENDENCIES as REAL,
} from '../../src/toolchain/dependencies.ts';
import { program, temporaryFolder } from './programs.ts';
import { run } from './remotes.ts';

const BUILD_DEPENDENCIES: readonly Dependency[] = [
  { thing: 'cat', apt: 'coreutils', dnf: 'coreutils' },
  { thing: 'brew', apt: 'teapot', dnf: 'teapot-core' },
  { thing: '/nowhere/tea.h', apt: 'libtea-dev', dnf: 'tea-devel' },
];

/** A machine without a brew: PATH with what is named, its user, and the package managers it has. */
function machine(user: string, managers: readonly string[], then = 'exit 0') {
  const path = temporaryFolder();
  const log = join(path, 'log');
  writeFileSync(log, '');
  for (const name of ['sh', 'env', 'cat'])
    run('ln', ['-s', run('which', [name]), join(path, name)]);
  program(join(path, 'id'), { '-u': user });
  for (const name of managers) {
    const work = name === 'sudo' ? 'shift; exec "$@"' : then;
    const script = `#!/bin/sh\necho "${name} $*" >> ${log}\n${work}\n`;
    writeFileSync(join(path, name), script, { mode: 0o755 });
  }
  const notes: string[] = [];
  const platform = {
    programs: systemPrograms({ PATH: path }),
    interrupted: new AbortController().signal,
  };
  return {
    notes,
    installDependencies: (allowed: boolean, needs = BUILD_DEPENDENCIES) =>
      installDependencies(platform, needs, { allowed, note: (message) => notes.push(message) }),
    log: () => readFileSync(log, 'utf8').trim().split('\n'),
  };
}

test('nothing is asked for where nothing is missing', async () => {
  const { installDependencies, log } = machine('0', ['apt-get']);
  await installDependencies(true, BUILD_DEPENDENCIES.slice(0, 1));
  expect(log()).toEqual(['']);
});

test.each([
  ['apt-get', 'sudo apt-get install -y teapot libtea-dev'],
  ['dnf', 'sudo dnf install -y teapot-core tea-devel'],
])('without leave, what is missing is named, and the command for %s', async (manager, command) => {
  const { installDependencies, log } = machine('0', [manager]);
  await expect(installDependencies(false)).rejects.toMatchObject({
    reason: 'missing-program',
    message: 'This machine lacks brew, /nowhere/tea.h.',
    advice: `Allow it with --install-dependencies, or run: ${command}`,
  });
  expect(log()).toEqual(['']);
});

test('with leave, root installs by apt from fresh lists', async () => {
  const { installDependencies, log, notes } = machine('0', ['apt-get', 'sudo']);
  await installDependencies(true);
  expect(notes).toEqual(['Installing teapot, libtea-dev by apt-get.']);
  expect(log()).toEqual([
    expect.stringMatching(/^apt-get .* update$/),
    expect.stringMatching(/^apt-get .* -y --no-install-recommends install teapot libtea-dev$/),
  ]);
});

test('with leave, another user installs by way of sudo, which may not ask', async () => {
  const { installDependencies, log } = machine('1000', ['dnf', 'sudo']);
  await installDependencies(true);
  const install = 'dnf -q -y install teapot-core tea-devel';
  expect(log()).toEqual([`sudo -n env DEBIAN_FRONTEND=noninteractive ${install}`, install]);
});

test('lists that cannot be refreshed do not end it, an installation that fails does', async () => {
  const stale = machine('0', ['apt-get'], 'case "$*" in *update) exit 100;; esac');
  await stale.installDependencies(true);
  const refusing = machine('0', ['apt-get'], 'echo "E: no such thing" >&2; exit 100');
  await expect(refusing.installDependencies(true)).rejects.toMatchObject({
    reason: 'missing-program',
    message: "'apt-get install -y teapot libtea-dev' failed: E: no such thing.",
  });
});

test('a bare machine gets all that builds pahole, and a git that trusts HTTPS servers', async () => {
  const things = REAL.pahole.map((one) =>
    one.thing.startsWith('/') ? { ...one, thing: `/nowhere${one.thing}` } : one,
  );
  const installed = async (manager: string) => {
    const { installDependencies, log } = machine('0', [manager]);
    await installDependencies(true, things);
    return log().at(-1)?.split(' install ')[1];
  };
  expect(await installed('apt-get')).toBe(
    'git ca-certificates cmake make gcc libc6-dev libdw-dev zlib1g-dev',
  );
  expect(await installed('dnf')).toBe('git cmake make gcc glibc-devel elfutils-devel zlib-devel');
});

test('a machine with neither apt nor dnf is told so', async () => {
  await expect(machine('0', []).installDependencies(true)).rejects.toMatchObject({
    message: expect.stringContaining('neither apt-get nor dnf'),
  });
});
