import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../btf/made.ts';

/** The RPM that packaging/btfhub.spec gives, made by the real rpmbuild out of the npm package. */
const root = join(import.meta.dirname, '..', '..');
const spec = join(root, 'packaging', 'btfhub.spec');
const folder = temporaryFolder();
const top = join(folder, 'rpmbuild');
const installed = join(folder, 'installed');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const out = (program: string, args: readonly string[], cwd = folder) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const _has = (program: string) => spawnSync(program, ['--version']).status === 0;
const packages = { source: '', noarch: '' };

beforeAll(() => {
  const sources = join(top, 'SOURCES');
  mkdirSync(sources, { recursive: true });
  out('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', sources], root);
  // Debian's Node is in no RPM database, so its requirements cannot be looked up; the build runs its %check.
  out('rpmbuild', ['-ba', '--nodeps', '--define', `_topdir ${top}`, spec]);
  packages.source = join(top, 'SRPMS', readdirSync(join(top, 'SRPMS'))[0] ?? '');
  const binary = join(top, 'RPMS', 'noarch');
  packages.noarch = join(binary, readdirSync(binary)[0] ?? '');
  mkdirSync(installed);
  out('bash', ['-c', 'rpm2cpio "$1" | cpio -id --quiet', '-', packages.noarch], installed);
});

test('the spec has the version of package.json', () => {
  expect(out('rpm', ['-qp', '--qf', '%{NAME} %{VERSION} %{ARCH}', packages.noarch])).toBe(
    `btfhub ${version} noarch`,
  );
});

test('it requires Node, pahole and xz, and nothing else', () => {
  const requires = out('rpm', ['-qp', '--requires', packages.noarch]).trim().split('\n');
  expect(requires.filter((one) => !one.startsWith('rpmlib('))).toEqual([
    '/usr/bin/node',
    'dwarves',
    'nodejs >= 20',
    'xz',
  ]);
});

test('it has the program, its manual page, and completions for three shells', () => {
  const files = out('rpm', ['-qpl', packages.noarch]).trim().split('\n');
  for (const file of [
    '/usr/bin/btfhub',
    '/usr/share/btfhub/dist/btfhub-main.mjs',
    '/usr/share/bash-completion/completions/btfhub',
    '/usr/share/fish/vendor_completions.d/btfhub.fish',
    '/usr/share/zsh/site-functions/_btfhub',
  ]) {
    expect(files).toContain(file);
  }
  expect(files.some((file) => /\/man1\/btfhub\.1/.test(file))).toBe(true);
  expect(files.some((file) => /\/licenses\/.*THIRD_PARTY_LICENSES$/.test(file))).toBe(true);
});

test('its btfhub runs, and its completions are what the program prints', () => {
  const program = join(installed, 'usr', 'bin', 'btfhub');
  const env = { PATH: process.env.PATH };
  const run = (...args: string[]) =>
    execFileSync(process.execPath, [program, ...args], { encoding: 'utf8', env });
  expect(run('--version')).toBe(`${version}\n`);
  const share = join(installed, 'usr', 'share');
  for (const [shell, place] of [
    ['bash', 'bash-completion/completions/btfhub'],
    ['zsh', 'zsh/site-functions/_btfhub'],
    ['fish', 'fish/vendor_completions.d/btfhub.fish'],
  ] as const) {
    expect(readFileSync(join(share, place), 'utf8')).toBe(run('completion', shell));
  }
});

test('its script names the interpreter by its path, as rpm wants it', () => {
  const text = readFileSync(join(installed, 'usr/share/btfhub/dist/btfhub.mjs'), 'utf8');
  expect(text.split('\n')[0]).toBe('#!/usr/bin/node');
});

test('rpmlint finds nothing in the spec and in both packages', () => {
  const config = join(root, 'packaging', 'rpmlint.toml');
  const said = out('rpmlint', ['--config', config, spec, packages.source, packages.noarch]);
  expect(said).toContain('2 packages and 1 specfiles checked; 0 errors, 0 warnings');
});
